"""Which measurements of a run are not to be trusted, why, and what to do. Nothing is left out for it: it is marked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.interleave import Repetition, blocks_of
from benchmarks.latency import Measurement
from edge_runtime.board import is_busy, slowed

SPREAD = 0.2
"""The distance of the quartiles, in medians, up to which a measurement counts as steady. The standard error of a median
of 50 samples is then about a fortieth, so that a change by a tenth stands out by four of them."""

DRIFT = 0.05
"""How far the halves of a repetition may lie apart in the median: half of the change by a tenth that is to be seen."""

CLOCK = 0.05
"""How far a processor's clock may move, for the same reason; governors step by a tenth and more."""

SWITCHES_PER_S = 20.0
"""Processes put aside for others so often have lost a time slice (a few ms each) in every twentieth of a second."""

_FEWEST_BLOCKS = 4  # of a repetition whose halves are compared


@dataclass(frozen=True)
class Finding:
    """A cause and what to do about it."""

    cause: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.cause}; {self.remedy}"


def findings(measurement: Measurement, *, cpus: int) -> tuple[Finding, ...]:
    """Why a measurement is unstable: what was seen, then what may have caused it; empty for a stable one.

    A board that throttled makes it unstable in any case; anything else only where the samples show it.
    """
    throttled = list(_throttled(measurement.repetitions))
    seen = list(_seen(measurement))
    if not seen:
        return tuple(throttled)
    causes = throttled + list(_causes(measurement, cpus=cpus))
    return (*seen, *(causes or [Finding("no cause was found", "end other programs, measure longer or more often")]))


def _seen(measurement: Measurement) -> Iterator[Finding]:
    """What the samples show."""
    spread = measurement.statistics.iqr_ms / measurement.median_ms
    if spread > SPREAD:
        yield Finding(f"quartiles {spread:.0%} of the median apart", "trust the ratio rather than the milliseconds")
    drift = _drift(measurement)
    if abs(drift) > DRIFT:
        yield Finding(f"second half {drift:+.0%} against the first", "warm up longer, or measure until it is level")


def _drift(measurement: Measurement) -> float:
    """The largest change of the median of blocks from the first to the second half of a repetition."""
    changes = [0.0]
    for blocks in blocks_of(measurement.samples_ms, measurement.repetitions):
        medians = [float(np.median(block)) for block in blocks]
        if len(medians) >= _FEWEST_BLOCKS:
            half = len(medians) // 2
            changes.append(float(np.median(medians[-half:]) / np.median(medians[:half]) - 1))
    return max(changes, key=abs)


def _throttled(repetitions: Sequence[Repetition]) -> Iterator[Finding]:
    """How the board slowed itself down."""
    said = dict.fromkeys(each for own in repetitions for each in slowed(own.before.state, own.after.state))
    if said:
        yield Finding(", ".join(said), "cool the board and use its own power supply; void where it matters")


def _causes(measurement: Measurement, *, cpus: int) -> Iterator[Finding]:
    """What else the machine says of itself."""
    repetitions, threads = measurement.repetitions, measurement.about["num_threads"]
    if threads > cpus:
        yield Finding(f"{threads} threads on {cpus} processors", "use as many as there are, at most")
    loads = [each.before.state.load_1min for each in repetitions]
    busiest = max((load for load in loads if load is not None), default=0.0)
    if is_busy(busiest, cpus=cpus):
        yield Finding(f"load {busiest:.1f} on {cpus} processors", "end other programs")
    parts = zip(repetitions, blocks_of(measurement.samples_ms, repetitions), strict=True)
    calls_s = sum(each.loops * sum(map(sum, own)) for each, own in parts) / 1e3
    seconds = calls_s * measurement.about["batch"]
    switches = sum(each.after.switches - each.before.switches for each in repetitions)
    if switches > SWITCHES_PER_S * seconds:
        yield Finding(f"put aside {switches} times in {seconds:.1f} s", "leave a processor free, or raise the priority")
    moved = max((_moved(each) for each in repetitions), default=0.0)
    if moved > CLOCK:
        yield Finding(f"the clock moved by {moved:.0%}", "set the governor `performance` (`leukolite doctor`)")


def _moved(repetition: Repetition) -> float:
    """By how much of itself the clock of any processor changed."""
    clocks = zip(repetition.before.frequencies_mhz, repetition.after.frequencies_mhz, strict=False)
    return max((abs(after / before - 1) for before, after in clocks if before), default=0.0)
