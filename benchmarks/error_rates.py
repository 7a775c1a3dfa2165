"""How often a comparison of two runs errs, by simulation: why `benchmarks.comparison` does it as it does.

Two runs are drawn from real noise (benchmarks/noise.py), once of equal work and once with work that takes a tenth
longer. A method that calls equal runs different more often than it promises (LINE_ERROR) is no test, however well it
sees the tenth.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.comparison import LINE_ERROR, welch
from benchmarks.interleave import blocks_of
from benchmarks.latency import Measurement
from benchmarks.noise import Drawn, Noise, draw, to_suite
from benchmarks.workload import PARTS
from edge_runtime.markdown import table
from edge_runtime.progress import Advance

SLOWDOWN = 0.10
_RESAMPLES = 400

Interval = tuple[float, float]
"""Of the logarithm of new / old."""

Method = Callable[[Measurement, Measurement, np.random.Generator], Interval]


def _of_samples(old: Measurement, new: Measurement, random: np.random.Generator) -> Interval:
    """As most tools do: all samples, as if each were a witness of its own."""
    return welch(np.log(old.samples_ms).tolist(), np.log(new.samples_ms).tolist(), error=LINE_ERROR)


def _of_blocks(old: Measurement, new: Measurement, random: np.random.Generator) -> Interval:
    """The median of the ratios of blocks to the workload beside them, blocks resampled."""
    medians = [np.median(random.choice(own, (_RESAMPLES, len(own))), axis=1) for own in map(_block_ratios, (old, new))]
    return _central(medians[1] - medians[0])


def _of_medians(old: Measurement, new: Measurement, random: np.random.Generator) -> Interval:
    """Welch's interval of each process's median of those."""
    return welch(*([float(np.median(each)) for each in _by_process(run)] for run in (old, new)), error=LINE_ERROR)


def _of_resampled_processes(old: Measurement, new: Measurement, random: np.random.Generator) -> Interval:
    """What is compared (Measurement.ratios), processes resampled."""
    logs = [np.log(run.ratios) for run in (old, new)]
    means = [random.choice(own, (_RESAMPLES, len(own))).mean(axis=1) for own in logs]
    return _central(means[1] - means[0])


def _chosen(old: Measurement, new: Measurement, random: np.random.Generator) -> Interval:
    """What `compare` does."""
    return welch(np.log(old.ratios).tolist(), np.log(new.ratios).tolist(), error=LINE_ERROR)


METHODS: Mapping[str, Method] = {
    "all samples in milliseconds, Welch's t": _of_samples,
    "medians of blocks / workload, blocks resampled": _of_blocks,
    "median of each process / workload, Welch's t": _of_medians,
    "quiet time of each process / workload, processes resampled": _of_resampled_processes,
    "quiet time of each process / workload, Welch's t (chosen)": _chosen,
}


@dataclass(frozen=True)
class Rates:
    """Of a method on the noise of a stage: shares of repeats in which equal runs differed, and the tenth was seen."""

    method: str
    stage: str
    repetitions: int
    repeats: int
    false_alarms: float
    seen: float


def simulate(
    noise: Mapping[str, Noise], *, repetitions: Sequence[int], repeats: int, seed: int, advance: Advance
) -> list[Rates]:
    """The rates of every method on every stage's noise."""
    found = []
    for stage, own in noise.items():
        for processes in repetitions:
            random = np.random.default_rng(seed)
            wrong, right = np.zeros(len(METHODS)), np.zeros(len(METHODS))
            for _ in range(repeats):
                old, equal, slower = (
                    to_suite(draw(own, drawn=Drawn(processes, factor), random=random)).measurements[0]
                    for factor in (1.0, 1.0, 1 + SLOWDOWN)
                )
                for index, method in enumerate(METHODS.values()):
                    low, high = method(old, equal, random)
                    wrong[index] += low > 0 or high < 0
                    right[index] += method(old, slower, random)[0] > 0
                advance()
            found += [
                Rates(name, stage, processes, repeats, float(wrong[index]) / repeats, float(right[index]) / repeats)
                for index, name in enumerate(METHODS)
            ]
    return found


def to_json(rates: Sequence[Rates]) -> dict[str, Any]:
    """All of them as a JSON object."""
    return {"promised": LINE_ERROR, "slowdown": SLOWDOWN, "rates": [asdict(each) for each in rates]}


def to_markdown(rates: Sequence[Rates]) -> str:
    """A line for each method and number of processes, a pair of columns for each stage."""
    stages = list(dict.fromkeys(each.stage for each in rates))
    header = ["method", "processes", *(f"{stage.replace('_', ' ')}: {what}" for stage in stages for what in _SHOWN)]
    rows = []
    for method, processes in dict.fromkeys((each.method, each.repetitions) for each in rates):
        own = {each.stage: each for each in rates if (each.method, each.repetitions) == (method, processes)}
        shares = [share for stage in stages for share in (own[stage].false_alarms, own[stage].seen)]
        rows.append((method, str(processes), *(f"{share:.1%}" for share in shares)))
    return table(header, rows, align="lr" + "r" * len(shares))


_SHOWN = ("false alarms", "10 % seen")


def _central(found: npt.NDArray[np.float64]) -> Interval:
    """The interval that leaves out as many resampled differences at each end as is promised."""
    low, high = np.quantile(found, [LINE_ERROR / 2, 1 - LINE_ERROR / 2])
    return float(low), float(high)


def _by_process(measurement: Measurement) -> list[list[float]]:
    """The logarithm of each block's median in units of the visit before it, process by process."""
    found = []
    for own, each in zip(
        blocks_of(measurement.samples_ms, measurement.repetitions), measurement.repetitions, strict=True
    ):
        times = np.array([[visit[part] for part in PARTS] for visit in each.visits[:-1]])
        units = np.median(times, axis=2).sum(axis=1)
        found.append([math.log(median(block) / unit) for block, unit in zip(own, units.tolist(), strict=True)])
    return found


def _block_ratios(measurement: Measurement) -> list[float]:
    """The same of all processes."""
    return [ratio for own in _by_process(measurement) for ratio in own]
