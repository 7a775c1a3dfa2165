"""Two networks on the same images: what is between them, by source cell and by image."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.metrics import Interval
from edge_runtime.resampling import RESAMPLES, RESAMPLING_SEED, draw

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Difference:
    """One network's figure minus another's, 95 % interval from resampling whole groups (Field and Welsh 2007)."""

    value: float
    ci95: Interval

    @property
    def sign(self) -> int:
        """1 or -1 where the whole interval is on that side of 0; 0 where it tells nothing, as without width."""
        low, high = self.ci95
        return int(low > 0) - int(high < 0) if low < high else 0


@dataclass(frozen=True)
class Differences:
    """Of accuracy, of the mean of all classes' TPR, and of the TPR of the class that is found worst."""

    accuracy: Difference
    balanced_accuracy: Difference
    lowest_tpr: Difference


@dataclass(frozen=True)
class McNemar:
    """Images that only the first and only the second network has right, and the exact two-sided p (McNemar 1947).

    It takes every image for an independent one. Many show the same cell, so that p is too small.
    """

    first_only: int
    second_only: int
    p: float


def differences(
    classes: Indices,
    first: Sequence[Indices],
    second: Sequence[Indices],
    *,
    groups: Indices,
    resamples: int = RESAMPLES,
    seed: int = RESAMPLING_SEED,
) -> Differences:
    """The second network's figures minus the first one's.

    Args:
        classes: int64 [n], the true ones.
        first: int64 [n] predicted classes, of one run or of several, over which rates are averaged.
        second: likewise, on the same images.
        groups: int64 [n] numbers of groups: the same groups are drawn for both networks and all runs.
        resamples: how often groups are drawn, within the class that most of their images have.
        seed: of the drawing; that of edge_runtime.metrics.cluster_bootstrap draws the same groups.
    """
    right = np.array([[run == classes for run in network] for network in (first, second)]).mean(axis=1)
    counted = np.stack([np.ones_like(right[0]), *right])  # images, then right ones of either network
    names, members = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), int(classes.max()) + 1, len(counted)))
    np.add.at(counts, (members, classes), counted.T)
    drawn = _figures(draw(counts, main_class=counts[:, :, 0].argmax(axis=1), resamples=resamples, seed=seed))
    between = (drawn[:, 1] - drawn[:, 0]).T
    own = _figures(counts.sum(axis=0)[np.newaxis])[0]
    return Differences(
        *(
            Difference(float(value), (float(low), float(high)))
            for value, (low, high) in zip(own[1] - own[0], np.percentile(between, [2.5, 97.5], axis=1).T, strict=True)
        )
    )


def mcnemar(classes: Indices, first: Indices, second: Indices) -> McNemar:
    """McNemar's exact test of int64 [n] predictions of two networks."""
    first_only = int(((first == classes) & (second != classes)).sum())
    second_only = int(((first != classes) & (second == classes)).sum())
    n, fewer = first_only + second_only, min(first_only, second_only)
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return McNemar(first_only, second_only, min(1.0, 2 * tail / 2**n))


def _figures(counts: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """[draws, classes, images and right ones of two networks] to [draws, network, accuracy, mean and lowest TPR]."""
    images, right = counts[:, :, 0], counts[:, :, 1:]
    seen = images > 0
    rates = np.where(seen[..., np.newaxis], right / np.where(seen, images, 1)[..., np.newaxis], np.nan)
    accuracy = right.sum(axis=1) / images.sum(axis=1)[:, np.newaxis]
    return np.stack([accuracy, np.nanmean(rates, axis=1), np.nanmin(rates, axis=1)], axis=-1)
