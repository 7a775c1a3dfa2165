"""Call something again and again, and what the times say."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

Clock = Callable[[], float]
"""Gives seconds from any beginning, and never goes back."""


@dataclass(frozen=True)
class Statistics:
    """Of the times of single calls, in milliseconds; the names are those of LiteRT's benchmark_model.

    `std_ms` is that of the calls themselves (divided by their number), as there. Percentiles are interpolated
    linearly between the two calls that are nearest. Two figures of spread are added, because one interrupted call
    decides the standard deviation: `iqr_ms`, the distance of the 25th and the 75th percentile, and `mad_ms`, the median
    distance from the median (not scaled to a standard deviation).
    """

    avg_ms: float
    min_ms: float
    max_ms: float
    median_ms: float
    std_ms: float
    p5_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    iqr_ms: float
    mad_ms: float
    num_runs: int

    @classmethod
    def of(cls, samples_ms: Sequence[float]) -> Self:
        """The statistics of at least one call."""
        points = np.percentile(samples_ms, [5, 25, 50, 75, 90, 95, 99])
        p5, p25, median, p75, p90, p95, p99 = (float(value) for value in points)
        return cls(
            avg_ms=float(np.mean(samples_ms)),
            min_ms=float(min(samples_ms)),
            max_ms=float(max(samples_ms)),
            median_ms=median,
            std_ms=float(np.std(samples_ms)),
            p5_ms=p5,
            p90_ms=p90,
            p95_ms=p95,
            p99_ms=p99,
            iqr_ms=p75 - p25,
            mad_ms=float(np.median(np.abs(np.asarray(samples_ms) - median))),
            num_runs=len(samples_ms),
        )


@dataclass(frozen=True)
class Plan:
    """How often at least, and for how many seconds at least, both: first to warm up, then to measure.

    The defaults are those of LiteRT's benchmark_model.
    """

    num_runs: int = 50
    min_secs: float = 1.0
    warmup_runs: int = 1
    warmup_min_secs: float = 0.5


@dataclass(frozen=True)
class Timing:
    """The times of all calls in milliseconds, in order; those of the warm-up count in no figure of the others."""

    warmup_ms: tuple[float, ...]
    samples_ms: tuple[float, ...]

    @property
    def statistics(self) -> Statistics:
        """Of the calls after the warm-up."""
        return Statistics.of(self.samples_ms)

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the statistics, the warm-up's and the times themselves."""
        return {
            "warmup_first_ms": self.warmup_ms[0],
            "warmup_avg_ms": float(np.mean(self.warmup_ms)),
            "num_warmup_runs": len(self.warmup_ms),
            **asdict(self.statistics),
            "samples_ms": list(self.samples_ms),
        }


def measure(call: Callable[[], object], *, plan: Plan, clock: Clock = time.perf_counter) -> Timing:
    """Time `call`; reading the clock is in each time (below 0.1 microseconds on a PC)."""
    warmup = _repeat(call, runs=plan.warmup_runs, seconds=plan.warmup_min_secs, clock=clock)
    return Timing(warmup, _repeat(call, runs=plan.num_runs, seconds=plan.min_secs, clock=clock))


def _repeat(call: Callable[[], object], *, runs: int, seconds: float, clock: Clock) -> tuple[float, ...]:
    """The milliseconds of each call, until there are so many and so long has passed."""
    samples: list[float] = []
    begun = ended = clock()
    while len(samples) < runs or ended - begun < seconds:
        started = clock()
        call()
        ended = clock()
        samples.append(1e3 * (ended - started))
    return tuple(samples)
