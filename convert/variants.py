"""The variants of one training beside each other: what each weighs, how good it is and what it changes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convert.config import BASE
from edge_runtime.markdown import table
from edge_runtime.metrics import Interval, wilson
from edge_runtime.report import EvalReport

BY_SOURCE, BY_IMAGE = "source", "image"


@dataclass(frozen=True)
class Variant:
    """One bundle. Rates are fractions on the images of `split`, all of them; None without samples.

    `accuracy_ci95` is from resampling source cells, or, where nobody told which images show the same cell, Wilson's by
    image, which is optimistic: `interval_by` says which. `agreement` is the share of images that get the label that
    float32 gives them. `latency_ratio` is its median time for one picture divided by float32's in the same run.
    """

    variant: str
    file: str
    size_bytes: int
    split: str
    n: int
    accuracy: float | None
    accuracy_ci95: Interval | None
    interval_by: str
    per_class: Mapping[str, Mapping[str, float | None]]
    agreement: float | None
    latency_ratio: float

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


def compare(
    reports: Mapping[str, EvalReport],
    *,
    files: Mapping[str, str],
    sizes_bytes: Mapping[str, int],
    latency_ratios: Mapping[str, float],
) -> tuple[Variant, ...]:
    """A Variant for each of `reports`, which all are of the same images and have float32 among them."""
    return tuple(
        Variant(
            variant=variant,
            file=files[variant],
            size_bytes=sizes_bytes[variant],
            split=report.data["split"] or "",
            n=report.n,
            accuracy=report.accuracy,
            accuracy_ci95=_interval(report),
            interval_by=BY_IMAGE if report.groups is None else BY_SOURCE,
            per_class={label: {"tpr": rates.tpr, "tnr": rates.tnr} for label, rates in report.per_class.items()},
            agreement=_agreement(report, reports[BASE]),
            latency_ratio=latency_ratios[variant],
        )
        for variant, report in reports.items()
    )


def to_markdown(variants: Sequence[Variant]) -> str:
    """The table, with what its columns mean below it."""
    labels = list(variants[0].per_class)
    header = ("variant", "bytes", "accuracy", "95 %", "label as float32", "time / float32", *labels)
    rows = [
        (
            each.variant,
            f"{each.size_bytes:,}",
            _rate(each.accuracy),
            "none" if each.accuracy_ci95 is None else " to ".join(f"{end:.3f}" for end in each.accuracy_ci95),
            _rate(each.agreement),
            f"{each.latency_ratio:.2f}",
            *(f"{_rate(each.per_class[label]['tpr'])} / {_rate(each.per_class[label]['tnr'])}" for label in labels),
        )
        for each in variants
    ]
    first = variants[0]
    return (
        table(header, rows, align="l" + "r" * (len(header) - 1))
        + f"\n{first.n:,} images of {first.split or 'the data set'}. Below a class: TPR / TNR. Intervals by"
        f" {'source cell' if first.interval_by == BY_SOURCE else 'image, which is optimistic'}. Time: medians of one"
        " picture's invoke, one thread, the variants taking turns.\n"
    )


def _interval(report: EvalReport) -> Interval | None:
    """The accuracy's interval, by source where that is known."""
    if report.groups is not None:
        low, high = report.groups["accuracy_ci95"]
        return (low, high)
    return None if report.accuracy is None else wilson(round(report.accuracy * report.n), report.n)


def _agreement(report: EvalReport, base: EvalReport) -> float | None:
    """The share of images with the same label in both; None without images."""
    pairs = list(zip(report.predictions, base.predictions, strict=True))
    return sum(one.predicted == other.predicted for one, other in pairs) / len(pairs) if pairs else None


def _rate(value: float | None) -> str:
    """A rate with four digits."""
    return "none" if value is None else f"{value:.4f}"
