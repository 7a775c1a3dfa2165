"""The steps away from what is shipped: down the loss, by its true gradient, over what the network computes."""

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.adapt import tuning
from edge_runtime.head import Convolution, Head


def made(*, towers: int = 2, side: int = 3, count: int = 8):
    """What some towers read of some cells, their convolutions, a head of three classes, and the classes."""
    random = np.random.default_rng(side)

    def normal(*shape: int):
        return random.normal(size=shape).astype(np.float32)

    reads = [np.maximum(normal(count, 4, 5, 2), 0) for _ in range(towers)]
    convolutions = [Convolution(None, None, normal(6, side, side, 2), normal(6) / 4, 3.0) for _ in range(towers)]
    head = Head((), tuple(normal(3, 6) for _ in range(towers)), normal(3), None)
    return reads, convolutions, head, np.arange(count) % 3


def loss(reads, convolutions, head, classes):
    found = tuning.logits(tuning.maxima(reads, convolutions), head.weights, head.bias).astype(np.float64)
    return np.mean(np.log(np.exp(found).sum(axis=1)) - found[range(len(found)), classes])


@pytest.mark.parametrize("side", [1, 2, 3])
def test_maxima_are_those_of_a_plain_convolution(side):
    reads, convolutions, _, _ = made(side=side)
    for own, convolution, found in zip(reads, convolutions, tuning.maxima(reads, convolutions), strict=True):
        top = (side - 1) // 2  # TensorFlow's padding: the odd row and column behind
        padded = np.pad(own, ((0, 0), (top, side - 1 - top), (top, side - 1 - top), (0, 0)))
        places = [(row, column) for row in range(own.shape[1]) for column in range(own.shape[2])]
        sums = [
            np.einsum("nrsc,orsc->no", padded[:, row : row + side, column : column + side], convolution.kernel)
            for row, column in places
        ]
        wanted = np.clip(np.max(sums, axis=0) + convolution.bias, 0, convolution.most)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5)  # float32 sums in another order
        assert (found == convolution.most).any()
        assert (found == 0).any() or side > 1


@pytest.mark.parametrize("side", [1, 2, 3])
def test_gradients_are_those_of_the_loss(side):
    """By differences of two losses: of each kind of number, some."""
    reads, convolutions, head, classes = made(side=side)
    towers = [tuning._Tower(own, each) for own, each in zip(reads, convolutions, strict=True)]
    values = [each.kernel for each in convolutions] + [each.bias for each in convolutions] + [*head.weights, head.bias]
    weighed = np.full((len(classes), 1), 1 / len(classes), np.float32)
    found = tuning._gradients(towers, values, np.eye(3, dtype=np.float32)[classes], weighed)
    assert [each.shape for each in found] == [each.shape for each in values]

    def at(number, place, by):
        other = [each.copy() for each in values]
        other[number][place] += by
        moved = [replace(each, kernel=other[n], bias=other[2 + n]) for n, each in enumerate(convolutions)]
        return loss(reads, moved, replace(head, weights=tuple(other[4:6]), bias=other[6]), classes)

    random, step = np.random.default_rng(1), np.float32(2**-11)
    for number, gradient in enumerate(found):
        for flat in random.permutation(gradient.size)[:12]:
            place = np.unravel_index(flat, gradient.shape)
            slope = (at(number, place, step) - at(number, place, -step)) / (2 * step)
            # Where a maximum moves to another place or to a limit within the step, the slope is between two.
            assert gradient[place] == pytest.approx(slope, abs=0.01), (number, place)


def test_steps_lower_the_loss_and_there_is_no_chance_in_them():
    reads, convolutions, head, classes = made()
    before = [each.kernel.copy() for each in convolutions]
    ends = [tuning.tune(reads, convolutions, head, classes=classes, weights=np.ones(len(classes))) for _ in range(2)]
    (tuned, its_head), (again, _) = ends
    assert loss(reads, tuned, its_head, classes) < loss(reads, convolutions, head, classes)
    for own, other, shipped, first in zip(tuned, again, convolutions, before, strict=True):
        assert (own.kernel == other.kernel).all()
        assert (shipped.kernel == first).all()  # what is shipped is left as it is
        # Adam goes RATE a step at most, at half of that on average: these are small steps.
        assert 0 < np.abs(own.kernel - first).max() <= tuning.STEPS * tuning.RATE


def test_what_weighs_nothing_is_not_learned_from():
    reads, convolutions, head, classes = made()
    weights = np.ones(len(classes))
    weights[-2:] = 1e-12
    turned = np.where(weights < 1, (classes + 1) % 3, classes)
    ends = [tuning.tune(reads, convolutions, head, classes=own, weights=weights)[1] for own in (classes, turned)]
    np.testing.assert_allclose(ends[0].bias, ends[1].bias, rtol=0, atol=1e-6)
