"""What the gate's rules judge: rates, and the drop of each against the reference, with their intervals.

All figures are drawn from the same resamples of source cells, so that both models always see the same cells.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.gate import statistics
from edge_runtime.gate.pairing import Indices, Pairs
from edge_runtime.metrics import CALIBRATION_BINS, Interval, expected_calibration_error, wilson
from edge_runtime.resampling import RESAMPLES, RESAMPLING_SEED, draw

OVERALL = "all"
ACCURACY, TPR, TNR, AGREEMENT, ECE = "accuracy", "tpr", "tnr", "agreement", "ece"

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval, and what stands behind it.

    `sources` are the groups of images that it was resampled over, None where it was not known which they are: the
    interval then takes every image for an independent one. `beyond` gives the one-sided p of a true value of at most
    its argument: small where the figure is larger beyond doubt.
    """

    value: float
    ci95: Interval
    images: int
    sources: int | None
    beyond: Callable[[float], float]

    @property
    def units(self) -> int:
        """What is counted for independent."""
        return self.images if self.sources is None else self.sources


@dataclass(frozen=True)
class Compared:
    """One rate of both models: the candidate's own, its drop against the reference, and the images behind it.

    `lost` are images that only the reference has right, `won` those that only the candidate has, `changed` those whose
    label differs.
    """

    rate: Estimate
    drop: Estimate
    lost: int
    won: int
    changed: int
    effective: float | None


class Estimates:
    """All rates of two models, by (rate, label); `agreement` and `ece_rise` besides."""

    def __init__(self, pairs: Pairs, *, resamples: int = RESAMPLES, seed: int = RESAMPLING_SEED) -> None:
        """Count, and draw the groups `resamples` times; 0.6 s for 2,487 images of four classes."""
        self._pairs, self._resamples, self._seed = pairs, resamples, seed
        self._units = np.arange(pairs.n) if pairs.groups is None else pairs.groups
        self._strata = _main_classes(self._units, pairs.classes)
        same = pairs.candidate == pairs.reference
        keys, masks, rights = self._rates()
        keys.append((AGREEMENT, OVERALL))
        masks.append(np.ones(pairs.n, bool))
        rights.append((same, np.ones(pairs.n, bool)))
        counted = np.array([(mask, mask & mine, mask & its) for mask, (mine, its) in zip(masks, rights, strict=True)])
        drawn = None if pairs.groups is None else self._draw(counted.reshape(-1, pairs.n).astype(float))
        self._compared = {
            key: self._compare(mask, right, drawn=None if drawn is None else drawn[:, 3 * at : 3 * at + 3])
            for at, (key, mask, right) in enumerate(zip(keys, masks, rights, strict=True))
        }

    def __getitem__(self, key: tuple[str, str]) -> Compared:
        """That rate of that label, `all` for what is no class's."""
        return self._compared[key]

    @property
    def agreement(self) -> Estimate:
        """The share of images with the same label from both models."""
        return self[AGREEMENT, OVERALL].rate

    def ece_rise(self) -> Estimate:
        """The candidate's calibration error less the reference's, resampled by image where no source is known."""
        pairs, models = self._pairs, []
        for predicted, confidence in (
            (pairs.candidate, pairs.candidate_confidence),
            (pairs.reference, pairs.reference_confidence),
        ):
            models.append((predicted >= 0, predicted == pairs.classes, confidence))
        mine, its = (expected_calibration_error(sure[read], right[read]) or 0.0 for read, right, sure in models)
        gaps = np.concatenate([_gaps_by_bin(*model) for model in models])
        answered = np.array([read for read, *_ in models], float)
        drawn = self._draw(np.concatenate([gaps, answered]))
        errors = np.abs(drawn[:, :-2].reshape(-1, 2, CALIBRATION_BINS)).sum(axis=2) / np.maximum(1, drawn[:, -2:])
        return self._resampled(mine - its, errors[:, 0] - errors[:, 1], np.ones(pairs.n, bool))

    def _rates(self) -> tuple[list[tuple[str, str]], list[Bools], list[tuple[Bools, Bools]]]:
        """Of each rate the key, the images behind it, and which of them each model has right."""
        pairs = self._pairs
        keys, masks = [(ACCURACY, OVERALL)], [np.ones(pairs.n, bool)]
        rights = [(pairs.candidate == pairs.classes, pairs.reference == pairs.classes)]
        for number, label in enumerate(pairs.labels):
            own = pairs.classes == number
            named = (pairs.candidate == number, pairs.reference == number)
            keys += [(TPR, label), (TNR, label)]
            masks += [own, ~own]
            rights += [named, (~named[0], ~named[1])]
        return keys, masks, rights

    def _draw(self, columns: Floats) -> Floats:
        """Sums of float64 [columns, n] over units drawn with replacement, float64 [resamples, columns]."""
        counts = np.zeros((len(self._strata), len(columns)))
        np.add.at(counts, self._units, columns.T)
        return draw(counts, main_class=self._strata, resamples=self._resamples, seed=self._seed)

    def _compare(self, mask: Bools, right: tuple[Bools, Bools], *, drawn: Floats | None) -> Compared:
        """One rate from which images count, which each model has right, and [resamples, 3] sums of the three."""
        pairs, (mine, its) = self._pairs, right
        n, lost, won = int(mask.sum()), int((mask & its & ~mine).sum()), int((mask & mine & ~its).sum())
        hits = int((mask & mine).sum())
        rate = Estimate(hits / n, wilson(hits, n) or (0.0, 1.0), n, None, lambda limit: 1.0)
        drop = Estimate(
            (lost - won) / n,
            statistics.tango_interval(lost=lost, won=won, n=n),
            n,
            None,
            lambda limit: statistics.tango_p(limit, lost=lost, won=won, n=n),
        )
        if drawn is not None:
            drawn = drawn[drawn[:, 0] > 0]
            shares = drawn[:, 1:] / drawn[:, :1]
            rate = _wider(rate, self._resampled(rate.value, shares[:, 0], mask, lowest=0.0, steady=hits in (0, n)))
            difference = self._resampled(drop.value, shares[:, 1] - shares[:, 0], mask, steady=lost + won == 0)
            drop = _wider(drop, difference)
        # One file that answers alike is no worse than itself, on however few images.
        if pairs.same_model and (pairs.candidate == pairs.reference).all():
            drop = Estimate(0.0, (0.0, 0.0), n, drop.sources, lambda limit: 1.0)
        return Compared(
            rate=rate,
            drop=drop,
            lost=lost,
            won=won,
            changed=int((mask & (pairs.candidate != pairs.reference)).sum()),
            effective=None if pairs.groups is None else statistics.effective_units(mine[mask], pairs.groups[mask]),
        )

    def _resampled(
        self, value: float, drawn: Floats, mask: Bools, *, lowest: float = -1.0, steady: bool = False
    ) -> Estimate:
        """An estimate from what it was in each resample of the units behind it.

        One unit in each stratum tells nothing of how units differ: anything from `lowest` to 1 is then possible,
        unless the figure is `steady`, that is, all images of it say the same.
        """
        behind = np.unique(self._units[mask])
        units, strata, images = len(behind), len(np.unique(self._strata[behind])), int(mask.sum())
        sources = None if self._pairs.groups is None else units
        if units <= strata:
            interval = (value, value) if steady else (lowest, 1.0)
            return Estimate(value, interval, images, sources, lambda limit: float(not (steady and value > limit)))
        interval = statistics.percentile_interval(drawn, groups=units, strata=strata)
        return Estimate(
            value,
            interval,
            images,
            sources,
            lambda limit: statistics.contracted_tail(float((drawn <= limit).mean()), groups=units, strata=strata),
        )


def _wider(by_image: Estimate, by_source: Estimate) -> Estimate:
    """By source cell, but never surer than independent images would be.

    Where no source shows a change the resamples show none either, and their interval has no width. That is what
    resampling cannot see, no certainty; as many independent images without a change are the most that it can mean.
    """
    low, high = by_source.ci95
    return Estimate(
        by_source.value,
        (min(low, by_image.ci95[0]), max(high, by_image.ci95[1])),
        by_source.images,
        by_source.sources,
        lambda limit: max(by_source.beyond(limit), by_image.beyond(limit)),
    )


def _main_classes(groups: Indices, classes: Indices) -> Indices:
    """The class of most of each group's images, int64 [groups]."""
    counts = np.zeros((int(groups.max()) + 1, int(classes.max()) + 1))
    np.add.at(counts, (groups, classes), 1)
    main: Indices = counts.argmax(axis=1)
    return main


def _gaps_by_bin(read: Bools, right: Bools, confidence: Floats) -> Floats:
    """What each image adds to |hits - confidence| of its bin, float64 [bins, n] (edge_runtime/metrics.py)."""
    bins = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    return np.where(read & (bins == np.arange(CALIBRATION_BINS)[:, np.newaxis]), right - confidence, 0.0)
