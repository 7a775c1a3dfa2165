"""Noise of a real machine, kept small, and runs made of it whose truth is known.

`benchmarks/noise.npz` holds what the suite measured in one process after the other, on two shared processors with a
load of 10 to 15: trainings, emulators, tests. Bursts last for many calls, and the load comes and goes.
Made by `python -m benchmarks noise RUN.json --out benchmarks/noise.npz`.
"""

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from benchmarks.conditions import Conditions
from benchmarks.interleave import Repetition, blocks_of
from benchmarks.latency import Measurement, Suite
from benchmarks.workload import PARTS
from edge_runtime.board import State, Throttling
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic

RECORDED = Path(__file__).with_name("noise.npz")
STAGES_KEPT = ("decode", "invoke", "end_to_end")

_SAMPLES_KEPT = 1500  # of a process and stage at most, for a file below 300 kB
_RUN_LENGTH = 5.0  # blocks that are drawn together on average: longer than most bursts (a time slice is 8 to 16 ms)
_DRIFT = 0.03  # how far the clock wanders in a process, either way; both the work and the workload follow it
_QUIET = Conditions(State(Throttling(0), None, None), (), 0)

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Process:
    """One process: the samples of each block, and the fastest time of each part of the visit before it; milliseconds.

    `samples` are [block 0 ..., block 1 ..., ...], `sizes` int [blocks] says how many each has, `visits` [blocks, 3].
    """

    samples: Floats
    sizes: npt.NDArray[np.int32]
    visits: Floats


Noise = Sequence[Process]


def keep(suite: Suite) -> dict[str, Noise]:
    """The noise of each of STAGES_KEPT on one thread, a picture at a time, from a run with one model.

    Raises LeukoliteError when it holds too little of it, or several models.
    """
    own = [each for each in suite.measurements if each.stage in STAGES_KEPT and each.key[2:] == (1, 1)]
    found = {each.stage: _kept(each) for each in own}
    if len(own) != len(STAGES_KEPT) or len(found) != len(own) or min(len(each) for each in found.values()) < 2:
        raise LeukoliteError(
            expected=f"a run of one model with {', '.join(STAGES_KEPT)} on one thread in several repetitions",
            found=", ".join(each.stage for each in own) or "none of them",
            remedy="measure with `python -m benchmarks run --bundle MODEL --repetitions 24`",
        )
    return found


def _kept(measurement: Measurement) -> Noise:
    """Every block, of its samples each so-many-th, at least one: slow and fast ones keep their shares."""
    found = []
    for own, each in zip(
        blocks_of(measurement.samples_ms, measurement.repetitions), measurement.repetitions, strict=True
    ):
        step = max(1, round(sum(map(len, own)) / _SAMPLES_KEPT))
        thin = [block[(number % min(step, len(block))) :: step] for number, block in enumerate(own)]
        visits = [[min(visit[part]) for part in PARTS] for visit in each.visits[:-1]]
        samples = np.array([ms for block in thin for ms in block], np.float32)
        found.append(Process(samples, np.array([len(block) for block in thin], np.int32), np.array(visits, np.float32)))
    return found


def save(noise: Mapping[str, Noise], path: str | os.PathLike[str]) -> None:
    """Write it, at the precision of noise: three digits."""
    arrays = {
        f"{stage}/{number}/{name}": getattr(process, name).astype(np.uint16 if name == "sizes" else np.float16)
        for stage, own in noise.items()
        for number, process in enumerate(own)
        for name in ("samples", "sizes", "visits")
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, [buffer.getvalue()])


def load(path: str | os.PathLike[str] = RECORDED) -> dict[str, Noise]:
    """The inverse of `save`; LeukoliteError for anything else."""
    try:
        with np.load(path) as file:
            count = len(file.files) // len(STAGES_KEPT) // 3
            return {
                stage: [
                    Process(
                        samples=file[f"{stage}/{number}/samples"].astype(np.float32),
                        sizes=file[f"{stage}/{number}/sizes"].astype(np.int32),
                        visits=file[f"{stage}/{number}/visits"].astype(np.float32),
                    )
                    for number in range(count)
                ]
                for stage in STAGES_KEPT
            }
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise LeukoliteError(
            expected=f"recorded noise at {show(path)}", found=reason(error), remedy="see `python -m benchmarks noise`"
        ) from error


@dataclass(frozen=True)
class Drawn:
    """How simulated runs are drawn: their processes, and by what factor the measured work takes longer."""

    repetitions: int = 5
    factor: float = 1.0


def draw(noise: Noise, *, drawn: Drawn, random: np.random.Generator) -> list[Process]:
    """A simulated run, process by process.

    Neighbouring processes from a random place on, as a run takes them one after the other; of each, stretches of
    neighbouring blocks (the stationary bootstrap of Politis and Romano 1994), so that bursts stay whole. A clock that
    wanders by up to _DRIFT is laid over the work and the workload alike.
    """
    first = int(random.integers(len(noise)))
    return [
        _drawn(noise[(first + number) % len(noise)], factor=drawn.factor, random=random)
        for number in range(drawn.repetitions)
    ]


def _drawn(process: Process, *, factor: float, random: np.random.Generator) -> Process:
    """A process of it."""
    picked = _stretches(len(process.sizes), random)
    phases = random.uniform(0, 2 * np.pi) + np.linspace(0, random.uniform(np.pi, 4 * np.pi), len(picked))
    clock = np.exp(_DRIFT * np.sin(phases)).astype(np.float32)
    sizes, begins = process.sizes[picked], (np.cumsum(process.sizes) - process.sizes)[picked]
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    samples = process.samples[np.repeat(begins, sizes) + within] * np.repeat(clock, sizes)
    return Process(samples * np.float32(factor), sizes, process.visits[picked] * clock[:, np.newaxis])


def _stretches(count: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """`count` indices: each the one after the last, or with probability 1 / _RUN_LENGTH anywhere."""
    picked = random.integers(count, size=count)
    jumps = random.random(count) < 1 / _RUN_LENGTH
    for index in range(1, count):
        if not jumps[index]:
            picked[index] = (picked[index - 1] + 1) % count
    return picked


def to_suite(run: Noise, *, stage: str = "invoke") -> Suite:
    """A drawn run as `benchmarks.comparison` takes it."""
    about: dict[str, Any] = {"num_threads": 1, "batch": 1, "image_sha256": "drawn"}
    samples = tuple(np.concatenate([process.samples for process in run]).tolist())
    measurement = Measurement(stage, "int8", "int8_qat", samples, about, tuple(map(_repetition, run)))
    return Suite((measurement,), {}, {}, {}, {})


def _repetition(process: Process) -> Repetition:
    """A process of it."""
    visits = [{part: (ms,) for part, ms in zip(PARTS, row, strict=True)} for row in process.visits.tolist()]
    return Repetition(1, tuple(process.sizes.tolist()), (*visits, visits[-1]), _QUIET, _QUIET)
