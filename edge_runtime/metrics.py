"""Figures of a classifier from true and predicted classes, with their intervals."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.resampling import RESAMPLES, RESAMPLING_SEED, draw

Counts = npt.NDArray[np.int64]
Interval = tuple[float, float]

Z95 = 1.959963984540054  # 97.5th percentile of the standard normal distribution
CALIBRATION_BINS = 15  # as in Guo et al. 2017


@dataclass(frozen=True)
class Rates:
    """One class against the rest: counts, rates (None without samples) and 95 % intervals.

    tpr = tp / (tp + fn), the sensitivity; tnr = tn / (tn + fp), the specificity.
    """

    n: int
    tp: int
    fp: int
    fn: int
    tn: int
    tpr: float | None
    tnr: float | None
    tpr_ci95: Interval | None
    tnr_ci95: Interval | None


def confusion_matrix(true: npt.ArrayLike, predicted: npt.ArrayLike, *, classes: int) -> Counts:
    """Counts, int64 [classes, classes + 1]: rows true, columns predicted, the last column for no prediction (-1)."""
    matrix = np.zeros((classes, classes + 1), np.int64)
    np.add.at(matrix, (np.asarray(true, int), np.asarray(predicted, int)), 1)
    return matrix


def one_against_rest(matrix: Counts) -> list[Rates]:
    """Rates of each class from `confusion_matrix`; an image without a prediction counts as missed.

    Intervals are Wilson's, which take every image for an independent one: optimistic for augmented copies.
    """
    total = int(matrix.sum())
    rates = []
    for index in range(len(matrix)):
        n, tp = int(matrix[index].sum()), int(matrix[index, index])
        fp = int(matrix[:, index].sum()) - tp
        tn = total - n - fp
        rates.append(
            Rates(
                n=n,
                tp=tp,
                fp=fp,
                fn=n - tp,
                tn=tn,
                tpr=tp / n if n else None,
                tnr=tn / (total - n) if total > n else None,
                tpr_ci95=wilson(tp, n),
                tnr_ci95=wilson(tn, total - n),
            )
        )
    return rates


def macro_f1(matrix: Counts) -> float | None:
    """Mean over the classes that occur of 2 tp / (2 tp + fp + fn); None without samples."""
    scores = [2 * r.tp / (2 * r.tp + r.fp + r.fn) for r in one_against_rest(matrix) if r.n]
    return float(np.mean(scores)) if scores else None


def wilson(successes: int, n: int) -> Interval | None:
    """Wilson's score interval of a proportion at 95 % (Wilson 1927); None for n = 0."""
    if n == 0:
        return None
    share, square = successes / n, Z95 * Z95
    centre = (share + square / (2 * n)) / (1 + square / n)
    half = Z95 * math.sqrt(share * (1 - share) / n + square / (4 * n * n)) / (1 + square / n)
    # At 0 and n the interval touches the bound exactly; rounding must not push it past.
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return (low, high)


def expected_calibration_error(
    confidence: npt.ArrayLike, correct: npt.ArrayLike, *, shares: npt.ArrayLike | None = None
) -> float | None:
    """ECE with 15 equal bins: the share-weighted |accuracy - mean confidence| (Guo et al. 2017, equation 3).

    Args:
        confidence: float [n], 0 to 1. correct: bool [n]. Returns None for n = 0.
        shares: float [n], how much each counts, of any sum above 0; all the same by default.
    """
    values, hits = np.asarray(confidence, float), np.asarray(correct, float)
    if values.size == 0:
        return None
    weights = np.ones(values.size) if shares is None else np.asarray(shares, float)
    bins = np.clip(np.ceil(values * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.bincount(bins, weights=weights * (hits - values), minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / weights.sum())


def by_group(
    true: npt.NDArray[np.int64], predicted: npt.NDArray[np.int64], groups: npt.NDArray[np.int64], *, classes: int
) -> Counts:
    """Confusion matrices of each group, int64 [groups, classes, classes + 1]; `groups` are indices from 0."""
    matrices = np.zeros((int(groups.max()) + 1, classes, classes + 1), np.int64)
    np.add.at(matrices, (groups, true, predicted), 1)
    return matrices


@dataclass(frozen=True)
class ResampledRates:
    """95 % intervals from resampling groups: accuracy, and tpr and tnr of each class (None without samples)."""

    accuracy_ci95: Interval
    tpr_ci95: list[Interval | None]
    tnr_ci95: list[Interval | None]


def cluster_bootstrap(matrices: Counts, *, resamples: int = RESAMPLES, seed: int = RESAMPLING_SEED) -> ResampledRates:
    """Percentile intervals when whole groups are drawn with replacement, each within its main class.

    Args:
        matrices: int64 [groups, classes, classes + 1], as `by_group` gives them.
    """
    classes = matrices.shape[1]
    main_class = matrices.sum(axis=2).argmax(axis=1)
    drawn = draw(matrices.astype(float), main_class=main_class, resamples=resamples, seed=seed)
    totals = drawn.sum(axis=(1, 2))
    hits = drawn[:, range(classes), range(classes)]
    rows, columns = drawn.sum(axis=2), drawn[:, :, :classes].sum(axis=1)
    others = totals[:, np.newaxis] - rows
    return ResampledRates(
        accuracy_ci95=_percentiles(hits.sum(axis=1), totals) or (0.0, 1.0),
        tpr_ci95=[_percentiles(hits[:, c], rows[:, c]) for c in range(classes)],
        tnr_ci95=[_percentiles((others - columns + hits)[:, c], others[:, c]) for c in range(classes)],
    )


def _percentiles(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> Interval | None:
    """2.5th and 97.5th percentile of part / whole where whole is not 0; None where it always is."""
    usable = whole > 0
    if not usable.any():
        return None
    low, high = np.percentile(part[usable] / whole[usable], [2.5, 97.5])
    return (float(low), float(high))
