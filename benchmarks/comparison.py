"""Is one run slower than another? Of ratios to the reference workload, with an interval, or it cannot be told.

What is compared is one ratio from each process (`Measurement.ratios`). Samples of one process are no independent
witnesses: bursts last for hundreds of them, and where a process has its memory decides for all of them. So the spread
between processes is the noise, and Welch's t interval for the difference of two means of logarithms is taken, whose
error rate was found to hold where those of resampled samples or blocks do not (benchmarks/error_rates.py,
docs/benchmarks.md).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.latency import Key, Suite
from edge_runtime.errors import LeukoliteError, show

FAMILY_ERROR = 0.05
"""How probable it may be that any line of a comparison of equal runs is called different (Bonferroni's bound)."""

LINE_ERROR = 0.01
"""And a single line, where there are few: one in a hundred comparisons of equal runs."""

SLOWER, FASTER, SAME = "slower", "faster", "no difference can be shown"


@dataclass(frozen=True)
class Difference:
    """One line: the ratios to the workload, and the change from old to new with its interval, as fractions of old."""

    key: Key
    old: float
    new: float
    change: float
    interval: tuple[float, float]

    @property
    def verdict(self) -> str:
        """SLOWER or FASTER where the interval lies on one side of no change, else SAME."""
        low, high = self.interval
        return SLOWER if low > 0 else FASTER if high < 0 else SAME

    def is_slower_by(self, fraction: float) -> bool:
        """Whether all of the interval lies above this change."""
        return self.interval[0] > fraction

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the line."""
        stage, role, threads, batch = self.key
        return {
            "stage": stage,
            "role": role,
            "num_threads": threads,
            "batch": batch,
            "old": self.old,
            "new": self.new,
            "change": self.change,
            "interval": list(self.interval),
            "verdict": self.verdict,
        }


def compare(old: Suite, new: Suite) -> list[Difference]:
    """What both runs measured, in the order of the new one.

    Raises LeukoliteError when they cannot be compared: on other pictures, with nothing in common, or of one process
    only.
    """
    before = {each.key: each for each in old.measurements}
    common = [(before[each.key], each) for each in new.measurements if each.key in before]
    if not common:
        raise LeukoliteError(
            expected="measurements that both runs have",
            found="none",
            remedy="measure models of the same names with the same threads",
        )
    _check_pictures(common[-1][0].about.get("image_sha256"), common[-1][1].about.get("image_sha256"))
    error = min(LINE_ERROR, FAMILY_ERROR / len(common))
    return [_difference(each.key, was.ratios, each.ratios, error=error) for was, each in common]


def _check_pictures(one: object, other: object) -> None:
    """Another picture is other work."""
    if one != other:
        raise LeukoliteError(
            expected="both runs on the same picture",
            found=f"{show(one)[:12]} and {show(other)[:12]}",
            remedy="name the same --data for both",
        )


def _difference(key: Key, old: Sequence[float], new: Sequence[float], *, error: float) -> Difference:
    """Welch's interval for the difference of the means of logarithms (B. L. Welch 1947)."""
    if min(len(old), len(new)) < 2:
        raise LeukoliteError(
            expected="at least 2 repetitions in both runs, as their spread is the noise",
            found=f"{len(old)} and {len(new)}",
            remedy="measure with `python -m benchmarks run`, which repeats",
        )
    logs = [[math.log(ratio) for ratio in each] for each in (old, new)]
    means = [float(np.mean(each)) for each in logs]
    low, high = welch(logs[0], logs[1], error=error)
    return Difference(
        key=key,
        old=math.exp(means[0]),
        new=math.exp(means[1]),
        change=math.expm1(means[1] - means[0]),
        interval=(math.expm1(low), math.expm1(high)),
    )


def welch(old: Sequence[float], new: Sequence[float], *, error: float) -> tuple[float, float]:
    """The interval for the mean of `new` less that of `old` that misses the truth with probability `error`."""
    from scipy.stats import t

    difference = float(np.mean(new) - np.mean(old))
    parts = [float(np.var(each, ddof=1)) / len(each) for each in (old, new)]
    variance = sum(parts)
    if variance == 0:
        return difference, difference
    weights = sum(part**2 / (len(each) - 1) for part, each in zip(parts, (old, new), strict=True))
    reach = float(t.isf(error / 2, variance**2 / weights)) * math.sqrt(variance)
    return difference - reach, difference + reach
