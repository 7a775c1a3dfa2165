"""Runs to report, made up: two models of which one looks for cells, with known ratios."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.merge import save
from benchmarks.report import runs
from benchmarks.report.runs import Runs
from tests.benchmarks.measured import entry, run

TOLD = {
    "accuracy": 0.9,
    "accuracy_ci95_by_source": [0.8, 0.95],
    "n": 2487,
    "split": "TEST",
    "data_sha256": "d",
}
STAGES = {"decode": 0.25, "preprocess": 0.5, "invoke": 1.0, "postprocess": 0.125, "end_to_end": 2.0}


def entries(*, role: str = "int8", **about: object) -> list[dict]:
    """A measurement of every stage by one model."""
    about = {"accuracy": TOLD, "model_sha256": f"model of {role}", **about}
    return [entry([ratio, ratio], stage=stage, role=role, **about) for stage, ratio in STAGES.items()]


def whole_run() -> list[dict]:
    """What the suite measures: one model of a field, one of cells, and Python's start."""
    cells = {"accuracy": {**TOLD, "accuracy": 0.875}, "model_bytes": 30_000}
    unstable = entry([1.5, 1.5], stage="end_to_end", threads=2)
    unstable["stats"]["data"] = [0.001, 0.002] * 4
    return [
        *entries(),
        *entries(role="cell", **cells),
        entry([0.25, 0.25], stage="locate", role="cell", **cells),
        unstable,
        entry([100.0, 100.0], stage="import", role="none", variant="none"),
    ]


@pytest.fixture
def results(tmp_path: Path) -> Callable[..., Path]:
    """Writes a run, the whole one unless entries are given."""

    def write(*given: dict, name: str = "results.json", **changes: object) -> Path:
        save(run(*(given or whole_run()), **changes), tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def whole(results: Callable[..., Path]) -> Runs:
    """That run, read."""
    left_out = {"benchmarks/test_latency.py::test_invoke_batch[int8-1]": "no <graph>"}
    return runs.load([results(left_out=left_out)])
