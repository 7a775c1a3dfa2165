"""How much the seed matters: the figures of several trainings side by side. The best one alone proves nothing."""

import glob
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.config import FLOAT32
from benchmarks.evidence import load_evaluation
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.markdown import table
from edge_runtime.report import EvalReport

SCHEMA_VERSION = 1
FIGURES = ("accuracy", "lowest_tpr", "lowest_tnr")

_NAME = re.compile(r"seed(?P<seed>\d+)-(?P<variant>\w+)\.json")


@dataclass(frozen=True)
class Run:
    """One training's figures on the evaluation set; the classes are those with the lowest rate."""

    seed: int
    variant: str
    accuracy: float
    lowest_tpr: float
    lowest_tpr_class: str
    lowest_tnr: float
    lowest_tnr_class: str
    model_sha256: str


@dataclass(frozen=True)
class Range:
    """One figure over the seeds."""

    mean: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Seeds:
    """All runs, by variant and seed, on one and the same set of `n` images."""

    runs: tuple[Run, ...]
    split: str | None
    data_sha256: str
    n: int

    @property
    def variants(self) -> list[str]:
        """The variants, sorted."""
        return sorted({run.variant for run in self.runs})

    def summary(self) -> dict[str, dict[str, Range]]:
        """Mean, lowest and highest of each figure of each variant."""
        return {
            variant: {
                name: _range(getattr(run, name) for run in self.runs if run.variant == variant) for name in FIGURES
            }
            for variant in self.variants
        }

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the runs and their summary."""
        summary = {
            variant: {name: asdict(found) for name, found in row.items()} for variant, row in self.summary().items()
        }
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "summary": summary}


def gather(patterns: Sequence[str]) -> Seeds:
    """Read the EvalReports named `seed<N>-<variant>.json` that the paths and globs lead to.

    Raises LeukoliteError when there are none, they are not about the same images and classes, or a variant lacks
    the seed of another: means over different seeds do not compare.
    """
    paths = sorted({path for pattern in patterns for path in glob.glob(pattern, recursive=True)})
    if not paths:
        raise LeukoliteError(
            expected="EvalReports named seed<N>-<variant>.json",
            found=f"none at {', '.join(show(pattern) for pattern in patterns)}",
            remedy="evaluate some trainings, or check the paths",
        )
    reports = {path: load_evaluation(path) for path in paths}
    first = next(iter(reports.values()))
    for path, report in reports.items():
        _check_same_data(report, first, path=path)
    runs = sorted((_run(report, path) for path, report in reports.items()), key=lambda run: (run.variant, run.seed))
    _check_pairs(runs)
    return Seeds(runs=tuple(runs), split=first.data.get("split"), data_sha256=first.data["sha256"], n=first.n)


def to_markdown(seeds: Seeds) -> str:
    """A row a run, then mean, lowest and highest of each variant."""
    rows: list[Sequence[object]] = []
    for variant, summary in seeds.summary().items():
        rows += [_row(run) for run in seeds.runs if run.variant == variant]
        for statistic in ("mean", "lowest", "highest"):
            cells = (f"**{getattr(summary[name], statistic):.4f}**" for name in FIGURES)
            rows.append((variant, f"**{statistic}**", *cells))
    text = table(("model", "seed", "accuracy", "lowest TPR", "lowest TNR"), rows, align="lrrll")
    split = f" of {seeds.split}" if seeds.split else ""
    return f"{text}\nAll {seeds.n:,} images{split}; data SHA-256 {seeds.data_sha256[:12]}.\n{_gaps(seeds)}"


def _row(run: Run) -> tuple[object, ...]:
    """A run's line of the table."""
    tpr, tnr = f"{run.lowest_tpr:.4f} {run.lowest_tpr_class}", f"{run.lowest_tnr:.4f} {run.lowest_tnr_class}"
    return (run.variant, run.seed, f"{run.accuracy:.4f}", tpr, tnr)


def _gaps(seeds: Seeds) -> str:
    """How far each other variant is from float32 of the same seed; nothing where there is no float32."""
    floats = {run.seed: run.accuracy for run in seeds.runs if run.variant == FLOAT32}
    lines = []
    for variant in seeds.variants if floats else ():
        gaps = [run.accuracy - floats[run.seed] for run in seeds.runs if run.variant == variant]
        if variant != FLOAT32:
            span = f"{min(gaps):+.4f} to {max(gaps):+.4f}"
            lines.append(f"Accuracy of {variant} less that of {FLOAT32} of the same seed: {span}.\n")
    return "".join(lines)


def _run(report: EvalReport, path: str) -> Run:
    """The figures of one report; its seed is in the file's name only."""
    match, variant = _NAME.fullmatch(Path(path).name), str(report.model.get("variant"))
    if not match or not variant.startswith(match["variant"]):
        raise LeukoliteError(
            expected=f"a report of {variant} to be named seed<N>-{variant}.json",
            found=show(path),
            remedy="rename it, or leave it out",
        )
    (tpr, tpr_class), (tnr, tnr_class) = (_lowest(report, rate, path=path) for rate in ("tpr", "tnr"))
    return Run(
        seed=int(match["seed"]),
        variant=variant,
        accuracy=report.accuracy or 0.0,
        lowest_tpr=tpr,
        lowest_tpr_class=tpr_class,
        lowest_tnr=tnr,
        lowest_tnr_class=tnr_class,
        model_sha256=report.model["sha256"],
    )


def _lowest(report: EvalReport, rate: str, *, path: str) -> tuple[float, str]:
    """The lowest rate and its class."""
    rates = [(getattr(rates, rate), label) for label, rates in report.per_class.items()]
    missing = [label for value, label in rates if value is None]
    if missing or not rates:
        raise LeukoliteError(
            expected=f"a {rate.upper()} of every class in {show(path)}",
            found=f"none of {', '.join(missing) or 'any'}",
            remedy="evaluate on images of every class",
        )
    return min(rates)


def _check_same_data(report: EvalReport, first: EvalReport, *, path: str) -> None:
    """Trainings compare on the same images only."""
    if report.data["sha256"] != first.data["sha256"] or list(report.labels) != list(first.labels):
        raise LeukoliteError(
            expected=f"all reports on the same images and classes, data {first.data['sha256'][:12]}",
            found=f"data {report.data['sha256'][:12]} in {show(path)}",
            remedy="evaluate all trainings on one data set",
        )


def _check_pairs(runs: Sequence[Run]) -> None:
    """Each variant has each seed, once."""
    wanted = sorted({run.seed for run in runs})
    found = {name: [run.seed for run in runs if run.variant == name] for name in sorted({run.variant for run in runs})}
    wrong = [f"{variant} of {seeds}" for variant, seeds in found.items() if seeds != wanted]
    if wrong:
        raise LeukoliteError(
            expected=f"one report of each variant for each seed of {wanted}",
            found=", ".join(wrong),
            remedy="evaluate what is missing, or leave that seed out",
        )


def _range(values: Iterable[float]) -> Range:
    """Mean and extremes."""
    found = list(values)
    return Range(mean=sum(found) / len(found), lowest=min(found), highest=max(found))
