"""Runs of the suite with a reference workload, made up: given ratios, on a machine that is quiet unless told."""

from collections.abc import Sequence
from typing import Any

from benchmarks.conditions import Conditions
from benchmarks.interleave import Repetition
from benchmarks.latency import SCHEMA_VERSION
from benchmarks.workload import PARTS
from edge_runtime.board import State, Throttling

UNIT_MS = 0.75  # a visit of a quarter of a millisecond for each of the three parts
VISIT = dict.fromkeys(PARTS, (0.25, 0.25, 0.25))


def conditions(*, bits: int | None = 0, load: float = 0.1, mhz: float = 1500.0, switches: int = 0) -> Conditions:
    return Conditions(State(Throttling(bits), 50.0, load), (mhz, 1500.0), switches)


def repetition(
    blocks: Sequence[int], *, loops: int = 1, before: Conditions | None = None, after: Any = None
) -> Repetition:
    visits = (VISIT,) * (len(blocks) + 1)
    return Repetition(loops, tuple(blocks), visits, before or conditions(), after or conditions())


def entry(
    ratios: Sequence[float], *, stage: str = "invoke", role: str = "int8", threads: int = 1, **about: Any
) -> dict[str, Any]:
    """A measurement with one repetition of four equal samples for each ratio, as pytest-benchmark writes it."""
    return {
        "group": stage,
        "fullname": f"benchmarks/test_latency.py::test_{stage}[{role}-{threads}]",
        "extra_info": {
            "stage": stage,
            "role": role,
            "variant": "int8_qat",
            "num_threads": threads,
            "batch": 1,
            "model_file": "a.tflite",
            "model_sha256": "a",
            "model_bytes": 60_000,
            "training_seed": 7,
            "rehearsal": False,
            "uses_delegate": True,
            "input_px": [12, 16],
            "image": "a.jpeg",
            "image_sha256": "def",
            "repetitions": [repetition((2, 2)).to_json() for _ in ratios],
            **about,
        },
        "stats": {"data": [ratio * UNIT_MS / 1e3 for ratio in ratios for _ in range(4)]},
    }


def run(*entries: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A whole run."""
    return {
        "schema_version": SCHEMA_VERSION,
        "benchmarks": list(entries),
        "machine_info": {"machine": "aarch64"},
        "machine_state": {"load_1min_at_start": 0.1, "cpus": 4},
        "provenance": {
            "commit": "c0ffee",
            "started": "2024-05-01T00:00:00Z",
            "platform": {"cpu": "a CPU"},
            "packages": {"numpy": "2", "ai-edge-litert": "2.3.0"},
            "seconds": 1.5,
        },
        "collected": [each["fullname"] for each in entries],
        "left_out": {},
        **changes,
    }
