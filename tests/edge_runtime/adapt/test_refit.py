"""The refit solves what it says, leaves out what it says, and finds what there is to find."""

from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.adapt import refit
from edge_runtime.adapt.refit import PRIORS, Cells, Prior, balanced

CLASSES = 3


def made(*, per_class: int = 8, shift: float = 3.0, seed: int = 0, channels: int = 20) -> Cells:
    """Cells whose classes features tell, and whose shipped logits are wrong by a constant and by noise."""
    random = np.random.default_rng(seed)
    classes = np.repeat(np.arange(CLASSES), per_class)
    middles = random.normal(size=(CLASSES, channels))
    features = 5 + middles[classes] + random.normal(0, 0.8, (len(classes), channels))
    logits = 2 * np.eye(CLASSES)[classes] + random.normal(0, 1, (len(classes), CLASSES))
    logits[:, 0] += shift
    groups = np.arange(len(classes))
    return Cells(features, logits, classes, balanced(classes, groups), groups)


def objective(cells: Cells, prior: Prior, weights, bias) -> float:
    """What is minimised, written in the weights: weighted -log p and the Gaussian prior's -log density."""
    logits = prior.trust * cells.logits + cells.features @ weights.T + bias
    middle, spread = refit._standard(cells.features)
    own = weights * spread  # of standardised features
    offset = bias + weights @ middle
    penalty = (own**2).sum() * own.shape[1] / prior.variance / 2 + (offset**2).sum() / refit._BIAS_VARIANCE / 2
    right = refit.shares(logits)[range(len(logits)), cells.classes]
    return float(-(cells.weights * np.log(right)).sum() + penalty)


@pytest.mark.parametrize("prior", [Prior(1.0, 1.0), Prior(0.5, 10.0), Prior(0.0, 3.0)])
def test_no_head_nearby_is_better(prior):
    cells, random = made(), np.random.default_rng(1)
    found = refit.refit(cells, prior)
    least = objective(cells, prior, found.weights, found.bias)
    spread = found.weights.std()
    for size in (0.3, 0.1):  # of smaller steps the fixed number of the solver's steps decides
        for _ in range(20):
            weights = found.weights + random.normal(0, size * spread, found.weights.shape)
            middle = cells.features.mean(axis=0)
            bias = found.bias - (weights - found.weights) @ middle + random.normal(0, size, found.bias.shape)
            assert objective(cells, prior, weights, bias) > least


def test_without_variance_the_bias_alone_is_refitted():
    cells = made()
    found = refit.refit(cells, Prior(1.0, 0.0))
    assert not found.weights.any()
    corrected = cells.logits + found.bias
    assert (corrected.argmax(axis=1) == cells.classes).mean() > (cells.logits.argmax(axis=1) == cells.classes).mean()
    # At the optimum of the bias each class's probabilities sum to its cells, but for the weak prior's pull.
    np.testing.assert_allclose(refit.shares(corrected).sum(axis=0), [8, 8, 8], atol=0.5)


@pytest.mark.parametrize("prior", [Prior(1.0, 3.0), Prior(0.5, 30.0)])
def test_leaving_out_side_by_side_is_leaving_out_one_by_one(prior):
    cells = made(per_class=5)
    alone = np.eye(len(cells.classes), dtype=bool)
    (together,) = refit.held_out(cells, [prior], alone)
    for out in alone:
        # Standardising and weighing are the whole sample's in either way: only the sums leave the cell out.
        pulls = refit._solve(cells, [prior], ~out[np.newaxis])[0, :, 0]
        assert np.abs(pulls[out]).max() < 1e-5  # it has no weight: its own step leads to 0, whatever its label
        kernel = refit._kernel(cells.features, prior)
        np.testing.assert_allclose(together[out], prior.trust * cells.logits[out] + kernel[out] @ pulls, atol=1e-9)


def test_a_cell_s_own_label_and_those_of_its_group_are_not_looked_at():
    cells = made(per_class=6)
    groups = np.arange(len(cells.classes)) // 2
    cells = replace(cells, groups=groups, weights=balanced(cells.classes, groups))
    first = refit.left_out(cells)
    turned = cells.classes.copy()
    turned[:2] = 1  # both of the first group
    other = replace(cells, classes=turned)
    # Which part a group is dealt into, and how classes weigh, may follow the labels: hold both.
    dealt = refit.deal(cells)
    second = np.empty_like(first)
    for part in dealt:
        prior = refit.choose(refit._take(cells, ~part))
        second[part] = refit.held_out(replace(other, weights=cells.weights), [prior], part[np.newaxis])[0, part]
    np.testing.assert_allclose(first[:2], second[:2], atol=1e-9)


def test_labels_without_meaning_are_not_learned():
    """The figures are not better for choosing a prior by them: by chance they are a third, over draws of labels."""
    rates = []
    for seed in range(3):
        cells = made(seed=seed, shift=0.0)
        random = np.random.default_rng(seed)
        cells = replace(cells, logits=random.normal(size=cells.logits.shape), features=random.normal(size=(24, 20)))
        rates.append((refit.left_out(cells).argmax(axis=1) == cells.classes).mean())
    # 72 answers: a standard deviation is 0.056, and leaving one out of balanced classes pulls below chance.
    assert np.mean(rates) < 1 / 3 + 2 * 0.056


def test_what_features_tell_is_learned():
    cells = made()
    before = (cells.logits.argmax(axis=1) == cells.classes).mean()
    after = (refit.left_out(cells).argmax(axis=1) == cells.classes).mean()
    assert (before < 0.7, after > 0.9) == (True, True)


def test_where_nothing_is_to_be_corrected_nothing_is():
    cells = made()
    right = replace(cells, logits=2 * np.eye(CLASSES)[cells.classes])
    assert np.abs(refit.refit(right, PRIORS[0]).bias).max() < 0.01  # classes are as many, and as often right


def test_classes_and_groups_weigh_alike():
    classes, groups = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 1, 2, 3, 3])
    weights = balanced(classes, groups)
    assert weights[:4].sum() == pytest.approx(weights[4:].sum())
    assert weights[:2].sum() == pytest.approx(weights[2])
    assert weights.sum() == pytest.approx(4)


def test_groups_are_dealt_whole():
    cells = made(per_class=7)
    groups = np.arange(len(cells.classes)) // 3
    dealt = refit.deal(replace(cells, groups=groups), 5)
    assert (dealt.sum(axis=0) == 1).all()
    for group in np.unique(groups):
        assert (dealt[:, groups == group].any(axis=1)).sum() == 1
