"""Files that the other stages leave, made up: EvalReports, a gate verdict and a benchmark run with known medians."""

import io
import json
import sys
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.memory import Measurement, Naive, Report
from edge_runtime.files import write_json
from edge_runtime.gate import judge
from edge_runtime.report import EvalReport, Outcome, summarize
from tests.benchmarks.measured import UNIT_MS, entry, run

LABELS = ("BASO|PHIL", "MONOCYTE", "NEUTROPHIL")  # a bar in a name must not end a cell of a table
MEDIANS_MS = {
    ("decode", "int8"): 2.0,
    ("decode", "float32"): 2.2,
    ("invoke", "int8"): 1.0,
    ("invoke", "float32"): 4.0,
    ("end_to_end", "int8"): 3.0,
    ("end_to_end", "float32"): 6.0,
}


@pytest.fixture
def evaluation() -> Callable[..., EvalReport]:
    """Makes a real EvalReport: 10 images a class in groups of 5; `misses` of each class are taken for the next."""

    def make(variant: str = "int8_qat", *, misses: int = 1, grouped: bool = True, **changes: Any) -> EvalReport:
        outcomes = [
            Outcome(f"{label}/{n}.png", label, LABELS[(c + (n < misses)) % len(LABELS)], 0.9)
            for c, label in enumerate(LABELS)
            for n in range(10)
        ]
        return summarize(
            outcomes,
            labels=LABELS,
            groups=[f"{outcome.true}-{number // 5}" for number, outcome in enumerate(outcomes)] if grouped else None,
            model={
                "file": f"{variant}.tflite",
                "sha256": changes.get("model", f"model of {variant}"),
                "variant": variant,
            },
            data={"root": "cells", "split": "TEST", "sha256": changes.get("data", "abc123"), "n": len(outcomes)},
            provenance={"commit": "c0ffee", "dirty": True, "packages": {"numpy": "2"}, "platform": {"cpu": "a CPU"}},
        )

    return make


def benchmark_run(**changes: Any) -> dict[str, Any]:
    """A run of both models, two processes each, with those medians."""
    entries = [
        entry(
            [median / UNIT_MS] * 2,
            stage=stage,
            role=role,
            variant={"int8": "int8_qat"}.get(role, role),
            model_file=f"{role}.tflite",
            model_sha256=f"model of {'int8_qat' if role == 'int8' else role}",
        )
        for (stage, role), median in MEDIANS_MS.items()
    ]
    return run(*entries[::-1], **changes)


@pytest.fixture
def run_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a benchmark run, changed as asked."""

    def write(**changes: Any) -> Path:
        path = tmp_path / "run.json"
        path.write_text(json.dumps(benchmark_run(**changes)))
        return path

    return write


@dataclass(frozen=True)
class Left:
    """Paths of what the stages left, by the names of `evidence.gather`'s arguments."""

    int8: Path
    float32: Path
    verdict: Path
    results: Path
    history: Path


@pytest.fixture
def left(tmp_path: Path, evaluation: Callable[..., EvalReport], run_file: Callable[..., Path]) -> Left:
    """A whole, consistent set of files."""
    int8, float32 = evaluation(), evaluation("float32", misses=0)
    files = Left(*(tmp_path / name for name in ("int8.json", "float32.json", "gate.json", "run.json", "history.csv")))
    int8.save(files.int8)
    float32.save(files.float32)
    write_json(files.verdict, judge(int8, float32).to_json())
    run_file()
    files.history.write_text("epoch,loss\n1,1.38629\n2,0.5\n")
    return files


@pytest.fixture
def lose_reader(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """To be called in a test, whose standard output is a pipe without a reader from then on."""

    def gone(text: str) -> int:
        raise BrokenPipeError

    def lose() -> None:
        output = io.StringIO()
        output.write = gone  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stdout", output)

    return lose


@pytest.fixture
def made_up() -> Callable[..., Report]:
    """Makes a report of memory from the peak of each size's epoch; sizes in `computed` did not fit as floats."""

    def make(peaks: Mapping[int, float], *, computed: Container[int] = ()) -> Report:
        return Report(
            options=("--towers", "2"),
            seed=1,
            measurements=tuple(
                Measurement(
                    images=count,
                    epoch_mb=peak,
                    run_mb=peak + 50,
                    seconds=count / 100,
                    images_per_s=100.0,
                    image_px=(120, 160),
                    samples=((0.0, 20.0), (1.0, peak), (2.0, peak - 100)),
                    naive=(
                        Naive("uint8", 600 + 0.0576 * count, True),
                        Naive("float32", 600 + 0.2304 * count, count not in computed),
                    ),
                    provenance={"commit": f"{count:07d}", "packages": {"tensorflow": "2.21.0", "numpy": "2.4.6"}},
                )
                for count, peak in peaks.items()
            ),
        )

    return make
