"""The figures as github-action-benchmark reads them: its tool `customSmallerIsBetter`, a JSON list of objects.

Each has `name`, `unit`, `value`, `range` and `extra`, as that action's README has them. Milliseconds are in `extra`
only: on shared runners they are noise, and the action would raise the alarm over it.
"""

import json
from collections.abc import Iterator, Sequence

from benchmarks.history import INSTRUCTIONS, RATIOS, UNITS
from benchmarks.instructions import BoardCounts
from benchmarks.report.runs import Line, Runs
from benchmarks.stability import findings
from benchmarks.tabulated import name
from edge_runtime.errors import show

Benchmark = dict[str, str | float]


def benchmarks(runs: Runs, boards: Sequence[BoardCounts]) -> list[Benchmark]:
    """Counts of instructions, then ratios, then sizes."""
    return [*_counts(boards), *map(_ratio, runs.lines), *_sizes(runs)]


def to_json(found: Sequence[Benchmark]) -> bytes:
    """The list as a file."""
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace") + b"\n"


def _counts(boards: Sequence[BoardCounts]) -> Iterator[Benchmark]:
    """A figure for each board, model and stage."""
    for board in boards:
        for model, counts in board.models.items():
            for stage, each in counts.stages.items():
                yield {
                    "name": f"{board.name}: {stage.replace('_', ' ')} of {model}",
                    "unit": UNITS[INSTRUCTIONS],
                    "value": each.instructions,
                    "range": f"± {each.range / 2:g}",
                    "extra": f"{board.obtained}\n{board.runs} run(s), {board.date}",
                }


def _ratio(line: Line) -> Benchmark:
    """A measurement in reference workloads; half of what the processes lie apart is its range."""
    measurement, of = line.measurement, line.measurement.statistics
    stage, _, threads, batch = measurement.key
    ratios = measurement.ratios
    why = findings(measurement, cpus=line.cpus)
    said = [
        f"median {of.median_ms:.4g} ms, p5 {of.p5_ms:.4g} ms, p95 {of.p95_ms:.4g} ms, {of.num_runs} calls",
        *(f"unstable: {each}" for each in why),
    ]
    return {
        "name": name((stage, line.model, threads, batch)),
        "unit": UNITS[RATIOS],
        "value": round(measurement.ratio, 6),
        "range": f"± {(max(ratios) - min(ratios)) / 2:.4g}",
        "extra": "\n".join(said),
    }


def _sizes(runs: Runs) -> Iterator[Benchmark]:
    """The bytes of each model's file."""
    for model in runs.models:
        about = next(iter(runs.single(model).values())).measurement.about
        file = f"{show(about['model_file'])}, SHA-256 {about['model_sha256']}"
        size = {"unit": "bytes", "value": about["model_bytes"], "range": "± 0"}
        yield {"name": f"size of {model}", **size, "extra": file}
