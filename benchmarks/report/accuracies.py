"""How good against how fast and how large: the accuracy in each model's own card, where the run has read it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.report.drawing import Spot, scatter
from benchmarks.report.runs import END_TO_END, Line, Runs
from benchmarks.report.section import Section, Table

_NOTE = (
    "Accuracy is that of each model's card, which conversion measured, with its 95 % interval from resampling source"
    " cells; where the card has none, no interval is shown. The accuracy of some images of one laboratory, not of a"
    " patient's blood."
)


@dataclass(frozen=True)
class Known:
    """A model whose card tells an accuracy."""

    line: Line
    accuracy: float
    interval: tuple[float, float] | None
    images: str
    data: object


def section(runs: Runs) -> Section:
    """Two pictures and their figures; a sentence where no card tells any."""
    known = list(_known(runs))
    if not known:
        return Section("Accuracy", notes=("No card of these models tells an accuracy.",))
    notes = [_NOTE]
    if len({each.data for each in known}) > 1:
        notes.append("Not all of them were evaluated on the same images: their accuracies do not compare.")
    rows = [
        (
            each.line.model,
            f"{each.accuracy:.4f}",
            "none" if each.interval is None else "{:.3f} to {:.3f}".format(*each.interval),
            each.images,
            f"{each.line.measurement.about['model_bytes'] / 1e3:,.0f}",
            f"{each.line.measurement.ratio:.3f} x",
        )
        for each in known
    ]
    header = ("model", "accuracy", "95 %", "images", "kB", "end to end / reference")
    legend = "Upright line: the 95 % interval. Towards the upper left is better."
    return Section("Accuracy", notes, legend, list(_drawn(known)), (Table(header, rows, "lrrrrr"),))


def _drawn(known: list[Known]) -> Iterator[str]:
    """Accuracy against latency and against size."""
    times = [each.line.measurement.ratio for each in known]
    sizes = [each.line.measurement.about["model_bytes"] / 1e3 for each in known]
    for title, unit, across in (
        ("Accuracy against latency", "end to end, in reference workloads", times),
        ("Accuracy against size", "size of the file, kB", sizes),
    ):
        spots = [
            Spot(each.line.model, x, each.accuracy, *(each.interval or (each.accuracy, each.accuracy)))
            for each, x in zip(known, across, strict=True)
        ]
        meaning = "; ".join(f"{each.name}: accuracy {each.y:.3f} at {each.x:.4g}" for each in spots)
        yield scatter(spots, title=title, unit=unit, meaning=meaning)


def _known(runs: Runs) -> Iterator[Known]:
    """The models that were measured end to end and tell an accuracy."""
    for model in runs.models:
        line = runs.single(model).get(END_TO_END)
        said: Any = line.measurement.about.get("accuracy") if line else None
        if line and isinstance(said, dict) and isinstance(said.get("accuracy"), float | int):
            ends = said.get("accuracy_ci95_by_source")
            interval = (float(ends[0]), float(ends[1])) if ends else None
            images = f"{said.get('n') or 0:,} of {said.get('split') or 'the data set'}"
            yield Known(line, said["accuracy"], interval, images, said.get("data_sha256"))
