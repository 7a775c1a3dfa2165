"""Noise of a real machine, kept small, and runs made of it whose truth is known.

`benchmarks/noise.npz` holds what the suite measured in 24 processes or more, one after the other, on two shared
processors while trainings and other people's tests ran: bursts that last for many calls, and load that comes and goes.
Made by `python -m benchmarks noise RUN.json --out benchmarks/noise.npz`.
"""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.conditions import Conditions
from benchmarks.interleave import Repetition, blocks_of
from benchmarks.latency import SCHEMA_VERSION, Measurement, Suite
from benchmarks.workload import PARTS, REPEATS
from edge_runtime.board import State, Throttling
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic

RECORDED = Path(__file__).with_name("noise.npz")
STAGES_KEPT = ("decode", "invoke", "end_to_end")

_BLOCKS_KEPT, _SAMPLES_KEPT = 60, 4  # of a process, of a block: the file stays below 200 kB
_RUN_LENGTH = 5.0  # blocks that are drawn together on average: longer than most bursts (a time slice is 8 to 16 ms)
_DRIFT = 0.1  # how far the clock wanders, either way; both the work and the workload follow it
_QUIET = Conditions(State(Throttling(0), None, None), (), 0)

Noise = npt.NDArray[np.float32]
"""[processes, blocks, 4 samples of the call and 3 of each part of the workload], milliseconds."""


def keep(suite: Suite) -> dict[str, Noise]:
    """The noise of each of STAGES_KEPT, from a run with one model; LeukoliteError when it holds too little of it."""
    found = {each.stage: _kept(each) for each in suite.measurements if each.stage in STAGES_KEPT}
    if len(found) != len(STAGES_KEPT) or min(len(each) for each in found.values()) < 2:
        raise LeukoliteError(
            expected=f"a run with {', '.join(STAGES_KEPT)} in several repetitions",
            found=", ".join(found) or "none of them",
            remedy="measure with `python -m benchmarks run --repetitions 24`",
        )
    return found


def save(noise: Mapping[str, Noise], path: str | os.PathLike[str]) -> None:
    """Write it, at the precision of noise: three digits."""
    buffer, halves = io.BytesIO(), {stage: each.astype(np.float16) for stage, each in noise.items()}
    np.savez_compressed(buffer, allow_pickle=False, **halves)
    write_atomic(path, [buffer.getvalue()])


def load(path: str | os.PathLike[str] = RECORDED) -> dict[str, Noise]:
    """The inverse of `save`; LeukoliteError for anything else."""
    try:
        with np.load(path) as file:
            return {stage: file[stage].astype(np.float32) for stage in STAGES_KEPT}
    except (OSError, ValueError, KeyError) as error:
        raise LeukoliteError(
            expected=f"recorded noise at {show(path)}", found=reason(error), remedy="see `python -m benchmarks noise`"
        ) from error


def _kept(measurement: Measurement) -> Noise:
    """The first blocks of each process, and samples spread over each block (one again where there are fewer)."""
    rows = []
    for own, each in zip(
        blocks_of(measurement.samples_ms, measurement.repetitions), measurement.repetitions, strict=True
    ):
        for block, visit in zip(own[:_BLOCKS_KEPT], each.visits, strict=False):
            picked = [block[round(at)] for at in np.linspace(0, len(block) - 1, _SAMPLES_KEPT)]
            rows.append([*picked, *(ms for part in PARTS for ms in visit[part])])
    blocks = len(rows) // len(measurement.repetitions)
    return np.array(rows, np.float32).reshape(len(measurement.repetitions), blocks, -1)


@dataclass(frozen=True)
class Drawn:
    """How simulated runs are drawn: their processes, and by what factor the measured work takes longer."""

    repetitions: int = 5
    factor: float = 1.0


def draw(noise: Noise, *, drawn: Drawn, random: np.random.Generator) -> list[Noise]:
    """The blocks of a simulated run, process by process.

    Neighbouring processes from a random place on, as a run takes them one after the other; of each, stretches of
    neighbouring blocks (the stationary bootstrap of Politis and Romano 1994), so that bursts stay whole. A clock that
    wanders by up to _DRIFT is laid over the work and the workload alike.
    """
    first = int(random.integers(len(noise)))
    runs = []
    for number in range(drawn.repetitions):
        blocks = noise[(first + number) % len(noise)]
        picked = blocks[_stretches(len(blocks), random)]
        clock = np.exp(_DRIFT * np.sin(np.linspace(0, random.uniform(0, 7), len(picked)) + random.uniform(0, 7)))
        picked = picked * clock[:, np.newaxis].astype(np.float32)
        picked[:, :_SAMPLES_KEPT] *= drawn.factor
        runs.append(picked)
    return runs


def _stretches(count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """`count` indices: each the one after the last, or with probability 1 / _RUN_LENGTH anywhere."""
    picked = random.integers(count, size=count)
    jumps = random.random(count) < 1 / _RUN_LENGTH
    for index in range(1, count):
        if not jumps[index]:
            picked[index] = (picked[index - 1] + 1) % count
    return picked


def to_suite(runs: Sequence[Noise], *, stage: str = "invoke") -> Suite:
    """A drawn run as `benchmarks.comparison` takes it."""
    about: dict[str, Any] = {"num_threads": 1, "batch": 1, "image_sha256": "drawn"}
    samples = tuple(float(ms) for run in runs for ms in run[:, :_SAMPLES_KEPT].ravel())
    repetitions = tuple(_repetition(run) for run in runs)
    measurement = Measurement(stage, "int8", "int8_qat", samples, about, repetitions)
    return Suite((measurement,), {}, {}, {}, {}, SCHEMA_VERSION)


def _repetition(run: Noise) -> Repetition:
    """A process of a drawn run."""
    times = run[:, _SAMPLES_KEPT:].reshape(len(run), len(PARTS), REPEATS).tolist()
    visits = [dict(zip(PARTS, (tuple(each) for each in row), strict=True)) for row in times]
    return Repetition(1, (_SAMPLES_KEPT,) * len(run), (*visits, visits[-1]), _QUIET, _QUIET)
