"""The last convolution and the head together, from a few labelled cells, by small steps away from what is shipped.

Refitting the head alone cannot bring back what the features no longer tell; a few steps of the layer that makes them
can, where they are as small as these and the shipped weights are where they begin. numpy alone, all cells at once, and
no chance in it.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from edge_runtime.adapt.refit import shares
from edge_runtime.head import Convolution, Head

STEPS = 60  # of which the rate falls to nothing in the last, which is not taken
RATE = 3e-4
"""Of Adam, whose rate falls as a half cosine (Kingma and Ba 2015, arXiv:1412.6980). Tried on TRAIN alone, on cells that
the network never saw, at synthetic microscopes of grade 4: half as many steps, three times the rate, or beginning at a
head that had been refitted told fewer of them."""
_FIRST, _SECOND, _TINY = 0.9, 0.99, 1e-8  # Adam's decays, and what keeps it from dividing by 0

Reals = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


def tune(
    reads: Sequence[Reals],
    convolutions: Sequence[Convolution],
    head: Head,
    *,
    classes: Indices,
    weights: npt.NDArray[np.float64],
) -> tuple[tuple[Convolution, ...], Head]:
    """Both after small steps down the weighted mean of -log p of the true classes.

    Args:
        reads: for each convolution what it reads of each cell, float32 [n, rows, columns, channels].
        convolutions: the model's.
        head: the model's.
        classes: int64 [n], the true ones.
        weights: float64 [n], positive.
    """
    towers = [_Tower(own, each) for own, each in zip(reads, convolutions, strict=True)]
    kernels, biases = [each.kernel for each in convolutions], [each.bias for each in convolutions]
    values = [np.array(each) for each in (*kernels, *biases, *head.weights, head.bias)]
    first, second = ([np.zeros_like(each) for each in values] for _ in range(2))
    true = np.eye(len(head.bias), dtype=np.float32)[classes]
    weighed = (weights / weights.sum()).astype(np.float32)[:, np.newaxis]
    for step in range(1, STEPS):
        rate = np.float32(RATE * (1 + math.cos(math.pi * step / STEPS)) / 2)
        for number, gradient in enumerate(_gradients(towers, values, true, weighed)):
            first[number] += (1 - _FIRST) * (gradient - first[number])
            second[number] += (1 - _SECOND) * (gradient**2 - second[number])
            mean, square = first[number] / (1 - _FIRST**step), second[number] / (1 - _SECOND**step)
            values[number] -= rate * mean / (np.sqrt(square) + _TINY)
    tuned = [
        replace(each, kernel=kernel, bias=bias)
        for each, kernel, bias in zip(convolutions, values, values[len(towers) :], strict=False)
    ]
    return tuple(tuned), replace(head, weights=tuple(values[2 * len(towers) : -1]), bias=values[-1])


def maxima(reads: Sequence[Reals], convolutions: Sequence[Convolution]) -> list[Reals]:
    """Each channel's maximum, float32 [n, channels], of each convolution over what it reads of some cells."""
    return [_Tower(own, each).maxima(each.kernel, each.bias)[0] for own, each in zip(reads, convolutions, strict=True)]


def logits(features: Sequence[Reals], weights: Sequence[Reals], bias: Reals) -> Reals:
    """What the weights and bias of a head make of such maxima, float32 [n, classes]."""
    found: Reals = bias + sum(own @ each.T for own, each in zip(features, weights, strict=True))
    return found


class _Tower:
    """What one convolution reads of all cells, zeros around it."""

    def __init__(self, reads: Reals, convolution: Convolution) -> None:
        self._rows, self._columns = reads.shape[1:3]
        self._most = convolution.most
        height, width = convolution.kernel.shape[1:3]
        self._taps = [(row, column) for row in range(height) for column in range(width)]
        # As TensorFlow pads what is to stay as large: the odd one behind.
        top, left = (height - 1) // 2, (width - 1) // 2
        around = ((0, 0), (top, height - 1 - top), (left, width - 1 - left), (0, 0))
        self._padded = np.pad(reads, around)

    def maxima(self, kernel: Reals, bias: Reals) -> tuple[Reals, Indices, npt.NDArray[np.bool_]]:
        """Each channel's maximum [n, channels], its place in the map, and whether it gives way to small steps."""
        count, channels = len(self._padded), len(kernel)
        sums = np.zeros((count * self._rows * self._columns, channels), np.float32)
        for row, column in self._taps:
            seen = self._padded[:, row : row + self._rows, column : column + self._columns]
            sums += seen.reshape(-1, seen.shape[-1]) @ kernel[:, row, column].T
        by_cell = sums.reshape(count, -1, channels)
        places = by_cell.argmax(axis=1)
        highest = np.take_along_axis(by_cell, places[:, np.newaxis], axis=1)[:, 0] + bias
        return np.clip(highest, 0, self._most), places, (highest > 0) & (highest < self._most)

    def gradient(self, places: Indices, pulls: Reals) -> Reals:
        """Of the kernel, where each maximum is pulled at by [n, channels]: only where it stands does it count."""
        rows, columns = np.divmod(places, self._columns)
        cells = np.arange(len(places))[:, np.newaxis]
        found = [
            np.einsum("no,noc->oc", pulls, self._padded[cells, rows + row, columns + column])
            for row, column in self._taps
        ]
        side = self._taps[-1][1] + 1
        return np.stack(found, axis=1).reshape(places.shape[1], -1, side, self._padded.shape[-1])


def _gradients(towers: Sequence[_Tower], values: Sequence[Reals], true: Reals, weighed: Reals) -> list[Reals]:
    """Of the weighted cross-entropy by kernels, biases, the head's weights and its bias, in that order."""
    count = len(towers)
    seen = [tower.maxima(*own) for tower, *own in zip(towers, values, values[count:], strict=False)]
    weights, bias = values[2 * count : -1], values[-1]
    errors: Reals = weighed * (shares(logits([own for own, _, _ in seen], weights, bias)) - true)
    pulls = [(errors @ each) * gives for (_, _, gives), each in zip(seen, weights, strict=True)]
    return [
        *(tower.gradient(places, own) for tower, (_, places, _), own in zip(towers, seen, pulls, strict=True)),
        *(own.sum(axis=0) for own in pulls),
        *(errors.T @ own for own, _, _ in seen),
        errors.sum(axis=0),
    ]
