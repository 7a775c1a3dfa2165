import numpy as np
import pytest

from edge_runtime.metrics import by_group, cluster_bootstrap
from edge_runtime.paired import Difference, differences, mcnemar

CLASSES = np.repeat([0, 0, 1, 1], 10)
GROUPS = np.repeat([3, 5, 8, 9], 10)  # numbers need not be without gaps


def wrong_in(*parts):
    """Predictions that are wrong in some quarters."""
    predicted = CLASSES.copy()
    for part in parts:
        predicted[10 * part : 10 * part + 10] = 1 - predicted[10 * part : 10 * part + 10]
    return predicted


def test_values_are_the_second_minus_the_first():
    between = differences(CLASSES, [wrong_in(0)], [wrong_in(2, 3)], groups=GROUPS, resamples=50)
    assert between.accuracy.value == pytest.approx(-0.25)
    assert between.balanced_accuracy.value == pytest.approx(-0.25)
    assert between.lowest_tpr.value == pytest.approx(-0.5)


def test_rates_are_averaged_over_runs_before_the_lowest_is_taken():
    between = differences(CLASSES, [wrong_in(0), wrong_in(2)], [wrong_in(), wrong_in()], groups=GROUPS, resamples=50)
    assert between.lowest_tpr.value == pytest.approx(0.25)  # 1 - (0.5 + 1) / 2, not 1 - 0.5


def test_same_network_differs_by_nothing():
    between = differences(CLASSES, [wrong_in(1)], [wrong_in(1)], groups=GROUPS, resamples=50)
    assert between.balanced_accuracy == Difference(0, (0, 0))


def test_pairs_are_drawn_together():
    # Both are wrong on the same cells, one of them on one image more: however cells are drawn, that is between them.
    first, second = wrong_in(0), wrong_in(0)
    second[[10, 20, 30]] = 1 - second[[10, 20, 30]]
    between = differences(CLASSES, [first], [second], groups=GROUPS, resamples=2000)
    assert between.accuracy.ci95[1] < 0
    alone = cluster_bootstrap(by_group(CLASSES, first, np.repeat(range(4), 10), classes=2), resamples=2000)
    assert between.accuracy.ci95[1] - between.accuracy.ci95[0] < 0.2 * (alone.accuracy_ci95[1] - alone.accuracy_ci95[0])


def test_draws_are_those_of_the_cluster_bootstrap():
    random = np.random.default_rng(0)
    groups = random.integers(0, 40, 300)
    classes, predicted = random.integers(0, 3, (2, 300))
    never = np.full_like(classes, 3)  # against a network that is never right, the difference is the rate itself
    between = differences(classes, [never], [predicted], groups=groups, resamples=700, seed=1)
    drawn = cluster_bootstrap(by_group(classes, predicted, groups, classes=3), resamples=700, seed=1)
    assert between.accuracy.ci95 == pytest.approx(drawn.accuracy_ci95, abs=1e-12)


def test_few_cells_widen_the_interval():
    random = np.random.default_rng(1)
    first = np.where(random.random(40) < 0.3, 1 - CLASSES, CLASSES)
    second = wrong_in(0)
    by_cell = differences(CLASSES, [first], [second], groups=GROUPS, resamples=2000).accuracy.ci95
    by_image = differences(CLASSES, [first], [second], groups=np.arange(40), resamples=2000).accuracy.ci95
    assert by_cell[1] - by_cell[0] > by_image[1] - by_image[0]


@pytest.mark.parametrize(
    ("ci95", "sign"), [((0.01, 0.2), 1), ((-0.2, -0.01), -1), ((-0.1, 0.2), 0), ((0.0, 0.2), 0), ((0.3, 0.3), 0)]
)
def test_only_an_interval_beside_zero_tells_something(ci95, sign):
    assert Difference(sum(ci95) / 2, ci95).sign == sign


@pytest.mark.parametrize(
    ("first_only", "second_only", "p"),
    # 5 of 5: 2 / 32. 1 of 6: 2 (1 + 6) / 64. Equal shares can only give 1.
    [(0, 5, 0.0625), (5, 0, 0.0625), (1, 5, 0.21875), (3, 3, 1.0), (0, 0, 1.0)],
)
def test_mcnemar_is_exact(first_only, second_only, p):
    classes = np.zeros(20, int)
    first, second = np.zeros((2, 20), int)
    second[:first_only] = 1
    first[first_only : first_only + second_only] = 1
    first[15:], second[15:] = 1, 1  # both wrong tells nothing
    found = mcnemar(classes, first, second)
    assert (found.first_only, found.second_only, found.p) == (first_only, second_only, pytest.approx(p))


def test_mcnemar_of_thousands():
    classes = np.zeros(9000, int)
    first, second = np.zeros((2, 9000), int)
    second[:4000], first[4000:] = 1, 1
    assert 0 < mcnemar(classes, first, second).p < 1e-20
