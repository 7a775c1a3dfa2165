"""Accuracy along the grades of each kind of shift, the area below, and how sure both are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.shifts.answers import NONE, Answers, Measured
from benchmarks.shifts.kinds import MICROSCOPE
from edge_runtime.metrics import Interval
from edge_runtime.resampling import draw

MEAN = "mean"
"""The name of the mean over all kinds but MICROSCOPE, which is made of them."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval, by drawing whole source cells."""

    value: float
    ci95: Interval


@dataclass(frozen=True)
class Curve:
    """One model under one kind of shift: a figure a grade, and the area.

    Rates are by source cell: each counts as one, with the share of its pictures that are right, and in
    `balanced_accuracy` each class as one too. The areas are `area` of them. `unanswered` is the share of pictures
    without an answer, which count as wrong.
    """

    accuracy: tuple[Figure, ...]
    balanced_accuracy: tuple[Figure, ...]
    accuracy_area: Figure
    area: Figure
    unanswered: tuple[float, ...]


@dataclass(frozen=True)
class Curves:
    """One model's, by kind, MEAN at the end; `gained` is each kind's area less that of the first model."""

    answers: Answers
    curves: Mapping[str, Curve]
    gained: Mapping[str, Figure]


def area(values: npt.ArrayLike) -> Any:
    """The area under a curve over equally spaced grades by the trapezoidal rule, that of a constant 1 being 1.

    Args:
        values: float [..., grades], at least two grades. Returns float [...].
    """
    heights = np.asarray(values, float)
    return (heights[..., 1:] + heights[..., :-1]).mean(axis=-1) / 2


def trace(measured: Measured) -> tuple[Curves, ...]:
    """The curves of every model, all resampled from the same drawn source cells, so that their differences are too."""
    units = _Units(measured)
    rates = [
        _with_mean({kind: units.rates(grades) for kind, grades in own.predicted.items()}) for own in measured.answers
    ]
    return tuple(
        Curves(
            answers,
            {kind: _curve(values, _unanswered(answers, kind)) for kind, values in own.items()},
            {kind: _figure(area(values[1]) - area(rates[0][kind][1])) for kind, values in own.items()},
        )
        for answers, own in zip(measured.answers, rates, strict=True)
    )


class _Units:
    """Source cells, each with one class, and how rates follow from which of them are drawn.

    Where a photograph is in two classes it is two: drawing is within a class, since the number of cells of each was
    chosen by those who made the set.
    """

    def __init__(self, measured: Measured) -> None:
        pairs = [(true, source) for _, true, source in measured.pictures]
        names = sorted(set(pairs))
        places = {pair: place for place, pair in enumerate(names)}
        self.true = np.array([true for true, _ in pairs])
        self.classes = np.array([true for true, _ in names])
        self._members = np.array([places[pair] for pair in pairs])
        sizes = np.bincount(self.classes)
        self._weights = np.stack(
            [np.full(len(names), 1 / len(names)), 1 / (sizes[self.classes] * np.count_nonzero(sizes))]
        )

    def rates(self, predicted: npt.ArrayLike) -> Values:
        """Accuracy and balanced accuracy of each grade, measured and then resampled.

        Args:
            predicted: int [grades, pictures].

        Returns:
            float64 [2, 1 + resamples, grades].
        """
        right = (np.asarray(predicted) == self.true).T.astype(float)
        shares = np.zeros((len(self.classes), right.shape[1]))
        np.add.at(shares, self._members, right)
        shares /= np.bincount(self._members)[:, np.newaxis]
        weighted = self._weights[..., np.newaxis] * shares  # of each class as many are drawn as there are
        drawn = draw(np.moveaxis(weighted, 0, 1), main_class=self.classes)
        return np.moveaxis(np.concatenate([weighted.sum(axis=1)[np.newaxis], drawn]), 1, 0)


def _with_mean(rates: Mapping[str, Values]) -> dict[str, Values]:
    """The rates of each kind and, where there are any but MICROSCOPE, their mean."""
    single = [values for kind, values in rates.items() if kind != MICROSCOPE]
    return dict(rates) | ({MEAN: np.mean(single, axis=0)} if single else {})


def _unanswered(answers: Answers, kind: str) -> tuple[float, ...]:
    """The share of pictures without an answer at each grade; of MEAN, over all kinds that it is the mean of."""
    kinds = [kind] if kind != MEAN else [name for name in answers.predicted if name != MICROSCOPE]
    shares = (np.array(answers.predicted[name]) == NONE for name in kinds)
    return tuple(np.mean([share.mean(axis=1) for share in shares], axis=0).tolist())


def _curve(values: Values, unanswered: tuple[float, ...]) -> Curve:
    """Of the rates of one kind, float64 [2, 1 + resamples, grades]."""
    accuracy, balanced = (tuple(_figure(own[:, grade]) for grade in range(own.shape[1])) for own in values)
    return Curve(accuracy, balanced, _figure(area(values[0])), _figure(area(values[1])), unanswered)


def _figure(values: Values) -> Figure:
    """Of a measured number, and the resampled ones behind it."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Figure(float(values[0]), (float(low), float(high)))
