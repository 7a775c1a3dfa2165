"""Intervals and tests for two models on the same images. Pure functions of counts; docs/gate.md says why these.

By source cell a figure's interval is the percentile interval of a cluster bootstrap, expanded for few clusters
(Hesterberg 2015, section 4.3: the bootstrap's variance is too small by the factor (n - 1) / n, and normal
quantiles stand in for Student's). By image it is Wilson's (1927) for a rate, Tango's (1998) for a paired difference.
"""

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edge_runtime.metrics import Z95, Interval

TAIL = 0.025  # outside either end of a 95 % interval
_NORMAL = NormalDist()
_ROUNDING = 1e-9  # 16 sources needed are not 17 because a quotient came out a hair too large
_BISECTIONS = 60  # halve an interval of length 2 to below the rounding of a double


def student_cdf(t: float, degrees: int) -> float:
    """P(T <= t) of Student's t with whole degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4)."""
    angle = math.atan(t / math.sqrt(degrees))
    square = math.cos(angle) ** 2
    odd = degrees % 2
    term = math.sin(angle) * (math.cos(angle) if odd else 1.0)
    total = term if degrees > 1 else 0.0
    for k in range(2 + odd, degrees - 1, 2):
        term *= square * (k - 1) / k
        total += term
    inside = 2 / math.pi * (angle + total) if odd else total
    return 0.5 + inside / 2


def student_quantile(p: float, degrees: int) -> float:
    """The t with P(T <= t) = p, for p from 0.5 to below 1."""
    high = 1.0
    while student_cdf(high, degrees) < p:
        high *= 2
    return _bisect(lambda t: student_cdf(t, degrees) < p, 0.0, high)


def expanded_tail(tail: float, *, groups: int, strata: int) -> float:
    """The tail of the bootstrap's distribution that stands for `tail` where so few groups were drawn, from 0 to 0.5.

    Groups are drawn within strata, each of which has one degree of freedom less than groups.
    """
    degrees = groups - strata
    return _NORMAL.cdf(-student_quantile(1 - tail, degrees) * math.sqrt(groups / degrees))


def contracted_tail(share: float, *, groups: int, strata: int) -> float:
    """The inverse of `expanded_tail`: what a share of the bootstrap's distribution is worth as a p-value."""
    if share <= 0 or share >= 1:
        return float(share >= 1)
    degrees = groups - strata
    return student_cdf(_NORMAL.inv_cdf(share) * math.sqrt(degrees / groups), degrees)


def percentile_interval(drawn: npt.NDArray[np.float64], *, groups: int, strata: int) -> Interval:
    """The 95 % interval of a figure that was drawn anew many times, expanded for few groups."""
    tail = expanded_tail(TAIL, groups=groups, strata=strata)
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return (float(low), float(high))


def tango_score(drop: float, *, lost: int, won: int, n: int) -> float:
    """Tango's score for a paired difference, standard normal if `drop` is the true one (Tango 1998, equation 12).

    Args:
        drop: the reference's rate minus the candidate's, inside -1 to 1.
        lost: images that only the reference has right. won: that only the candidate has. n: images in all.
    """
    a, b, c = 2 * n, (2 * n - lost + won) * drop - lost - won, -won * drop * (1 - drop)
    share = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = n * (2 * share + drop * (1 - drop))
    distance = lost - won - n * drop
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def tango_interval(*, lost: int, won: int, n: int) -> Interval:
    """Tango's 95 % interval of a paired difference: the drops whose score is within +-1.96. Never without width."""
    seen = (lost - won) / n

    def score(drop: float) -> float:
        return tango_score(drop, lost=lost, won=won, n=n)

    low = _bisect(lambda drop: score(drop) > Z95, -1.0, seen)
    high = _bisect(lambda drop: score(drop) > -Z95, seen, 1.0)
    return (low, high)


def tango_p(limit: float, *, lost: int, won: int, n: int) -> float:
    """One-sided p of a drop of at most `limit`: small where the drop is larger beyond doubt."""
    return 1 - _NORMAL.cdf(tango_score(limit, lost=lost, won=won, n=n))


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values, in the given order (Holm 1979): the chance of any false one stays below alpha."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = running
    return adjusted


def effective_units(right: npt.NDArray[np.bool_], groups: npt.NDArray[np.int64]) -> float:
    """How many independent images are worth as much as these: n / (1 + (m - 1) ICC) (Kish 1965).

    The intraclass correlation is that of the analysis of variance (Donner 1986), from 0 to 1. Where all are right, or
    all wrong, it cannot be estimated and is taken for 1: the images of a group then count as one.
    """
    sizes = np.bincount(groups).astype(float)
    sizes, hits = sizes[sizes > 0], np.bincount(groups, weights=right.astype(float))[sizes > 0]
    n, k = sizes.sum(), len(sizes)
    typical = float((sizes**2).sum() / n)  # the size of the group of a random image
    correlation = 1.0
    if 0 < hits.sum() < n and 1 < k < n:
        rate, rates = hits.sum() / n, hits / sizes
        between = float((sizes * (rates - rate) ** 2).sum() / (k - 1))
        within = float((sizes * rates * (1 - rates)).sum() / (n - k))
        size = float((n - (sizes**2).sum() / n) / (k - 1))
        correlation = min(1.0, max(0.0, (between - within) / (between + (size - 1) * within)))
    return float(n / (1 + (typical - 1) * correlation))


def further_units(estimate: float, limit: float, interval: Interval, *, units: int) -> int | None:
    """How many more units would settle whether `estimate` is beyond `limit`; None where no number would.

    The half of the interval on the limit's side shrinks as 1 / sqrt(units); it must become as short as the estimate is
    away from the limit: units * (half / distance)^2 in all. It assumes that further units are as unlike one another
    as those seen, and that the estimate stays.
    """
    distance = abs(limit - estimate)
    half = interval[1] - estimate if limit >= estimate else estimate - interval[0]
    if distance < half / 1e3:  # a million times as many: nobody will count them
        return None
    needed = units * (half / distance) ** 2
    return max(1, math.ceil(needed * (1 - _ROUNDING)) - units)


def _bisect(is_below: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that holds at `low` ends before `high`."""
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if is_below(middle):
            low = middle
        else:
            high = middle
    return (low + high) / 2
