"""Contenders that take turns in one run, so that a machine that grows slower does so for all: samples and ratios."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from edge_runtime.board import is_busy
from edge_runtime.provenance import RUNTIME_PACKAGES, collect

PACKAGES = (*RUNTIME_PACKAGES, "simplejpeg", "scipy")


@dataclass(frozen=True)
class Race:
    """What each contender took in each round, in milliseconds of what `unit` says; `about` is what was measured."""

    unit: str
    samples_ms: Mapping[str, tuple[float, ...]]
    about: Mapping[str, Any]

    def median_ms(self, name: str) -> float:
        """The middle of a contender's rounds."""
        return median(self.samples_ms[name])

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the raw samples and their medians."""
        medians = {name: self.median_ms(name) for name in self.samples_ms}
        return {"unit": self.unit, "about": self.about, "medians_ms": medians, "samples_ms": dict(self.samples_ms)}


def run(
    contenders: Mapping[str, Callable[[Any], float]],
    rounds: Sequence[Any],
    *,
    unit: str,
    about: Mapping[str, Any],
    seed: int | None = None,
) -> Race:
    """Let each contender do each round, beginning with another one each time.

    Args:
        contenders: by name, what does a round's work and returns the milliseconds that it took.
        rounds: what each is called with.
        unit: of these milliseconds.
        about: what was measured.
        seed: draws an order for each round. Without one they keep their order, and each follows the same other, whose
            traces in the caches it finds.
    """
    names, random = list(contenders), None if seed is None else np.random.default_rng(seed)
    samples: dict[str, list[float]] = {name: [] for name in names}
    for number, given in enumerate(rounds):
        first = number % len(names)
        for name in random.permutation(names).tolist() if random else names[first:] + names[:first]:
            samples[name].append(round(contenders[name](given), 6))
    return Race(unit, {name: tuple(each) for name, each in samples.items()}, about)


def wall_ms(work: Callable[[Any], object]) -> Callable[[Any], float]:
    """As a contender: the time by the clock, which counts the threads that others' code works with, and waiting."""

    def timed(given: Any) -> float:
        started = time.perf_counter_ns()
        work(given)
        return (time.perf_counter_ns() - started) / 1e6

    return timed


def thread_ms(work: Callable[[Any], object]) -> Callable[[Any], float]:
    """As a contender: the processor time of this thread, which a busy machine changes least."""

    def timed(given: Any) -> float:
        started = time.thread_time_ns()
        work(given)
        return (time.thread_time_ns() - started) / 1e6

    return timed


def report(races: Mapping[str, Race], *, started: float, load: float) -> dict[str, Any]:
    """The JSON of a run: each race, the machine and where it comes from; `load` is that when it `started`."""
    return {
        "schema_version": 1,
        "races": {name: race.to_json() for name, race in races.items()},
        "machine_state": {"load_1min_at_start": load, "cpus": os.cpu_count()},
        "provenance": collect(packages=PACKAGES, started=started),
    }


def remark(found: Mapping[str, Any]) -> str:
    """The processor, and whether it was busy, for below a table of `report`."""
    processor = found["provenance"]["platform"]["cpu"] or "an unknown processor"
    load, cpus = found["machine_state"]["load_1min_at_start"], found["machine_state"]["cpus"]
    busy = f" The machine was busy (load {load:.1f} on {cpus} processors)." if is_busy(load, cpus=cpus) else ""
    return f"Medians, {processor}; only the ratios compare between machines.{busy}"
