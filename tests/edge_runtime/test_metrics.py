import math

import numpy as np
import pytest

from edge_runtime import metrics

# Rows true, columns predicted, the last for images that could not be read.
MATRIX = np.array([[8, 1, 0, 1], [2, 6, 2, 0], [0, 0, 5, 0]])


def random_classes(*, n: int, classes: int, seed: int, hit_rate: float = 0.8) -> tuple[np.ndarray, np.ndarray]:
    """True and predicted classes that agree about as often as asked."""
    random = np.random.default_rng(seed)
    true = random.integers(0, classes, n)
    return true, np.where(random.random(n) < hit_rate, true, random.integers(0, classes, n))


def test_confusion_matrix_by_hand():
    matrix = metrics.confusion_matrix([0, 0, 1, 2, 2], [0, 1, 1, -1, 0], classes=3)
    assert matrix.tolist() == [[1, 1, 0, 0], [0, 1, 0, 0], [1, 0, 0, 1]]


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("classes", [2, 4, 7])
def test_agrees_with_scikit_learn(seed, classes):
    sklearn = pytest.importorskip("sklearn.metrics", reason="needs scikit-learn: pip install 'leukolite[train]'")
    true, predicted = random_classes(n=300, classes=classes, seed=seed)
    matrix = metrics.confusion_matrix(true, predicted, classes=classes)
    assert np.array_equal(matrix[:, :-1], sklearn.confusion_matrix(true, predicted, labels=range(classes)))
    rates = metrics.one_against_rest(matrix)
    # The same sums of at most seven quotients in another order: some units in the last of 16 digits.
    close = {"rel": 1e-12}
    recall = sklearn.recall_score(true, predicted, average=None, labels=range(classes))
    assert [rate.tpr for rate in rates] == pytest.approx(recall, **close)
    balanced = sklearn.balanced_accuracy_score(true, predicted)
    assert np.mean([rate.tpr for rate in rates]) == pytest.approx(balanced, **close)
    assert metrics.macro_f1(matrix) == pytest.approx(sklearn.f1_score(true, predicted, average="macro"), **close)
    specificity = [sklearn.recall_score(true != label, predicted != label) for label in range(classes)]
    assert [rate.tnr for rate in rates] == pytest.approx(specificity, **close)


def test_one_against_rest_by_hand():
    first, second, third = metrics.one_against_rest(MATRIX)
    assert (first.n, first.tp, first.fp, first.fn, first.tn) == (10, 8, 2, 2, 13)
    assert (first.tpr, first.tnr) == (8 / 10, 13 / 15)
    assert (second.n, second.tp, second.fp, second.fn, second.tn) == (10, 6, 1, 4, 14)
    assert (third.tpr, third.tnr) == (1.0, 18 / 20)
    assert first.tpr_ci95 == metrics.wilson(8, 10)
    assert first.tnr_ci95 == metrics.wilson(13, 15)


@pytest.mark.parametrize("seed", range(5))
def test_every_image_is_counted_once_for_each_class(seed):
    matrix = np.random.default_rng(seed).integers(0, 20, (4, 5))
    for rate in metrics.one_against_rest(matrix):
        assert rate.tp + rate.fp + rate.fn + rate.tn == matrix.sum()
        assert rate.tp + rate.fn == rate.n


def test_rates_without_samples_are_none():
    absent, only = metrics.one_against_rest(np.array([[0, 0, 0], [1, 3, 0]]))
    assert (absent.n, absent.tpr, absent.tpr_ci95, absent.tnr) == (0, None, None, 3 / 4)
    assert (only.n, only.tpr, only.tnr, only.tnr_ci95) == (4, 3 / 4, None, None)


def test_macro_f1_by_hand():
    # 2 tp / (2 tp + fp + fn): 16 / 20, 12 / 17, 10 / 12. Sums of three quotients, equal but for the last digit.
    assert metrics.macro_f1(MATRIX) == pytest.approx((16 / 20 + 12 / 17 + 10 / 12) / 3, rel=1e-12)


def test_macro_f1_leaves_out_classes_that_do_not_occur():
    assert metrics.macro_f1(np.array([[4, 0, 0], [0, 0, 0]])) == 1.0
    assert metrics.macro_f1(np.zeros((2, 3), int)) is None


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (8, 10, 0.4902, 0.9433),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        # Newcombe 1998 (Statistics in Medicine 17:857-872), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_textbooks_values(successes, n, low, high):
    assert metrics.wilson(successes, n) == pytest.approx((low, high), abs=5e-5)  # printed with four digits


@pytest.mark.parametrize("n", [1, 3, 50, 2487, 10**7])
def test_wilson_stays_within_0_and_1_and_holds_the_share(n):
    for successes in {0, 1, n // 2, n - 1, n}:
        low, high = metrics.wilson(successes, n)
        assert 0 <= low <= successes / n <= high <= 1
        assert low < high


def test_wilson_without_samples_is_none():
    assert metrics.wilson(0, 0) is None


def test_calibration_error_by_hand():
    # Bins of 1/15: 0.70 and 0.72 share one (half right, mean 0.71), 0.95 has its own (right).
    expected = (2 * abs(0.5 - 0.71) + 1 * abs(1 - 0.95)) / 3
    # Three numbers are added in another order: equal but for the last of 16 digits.
    assert metrics.expected_calibration_error([0.70, 0.72, 0.95], [True, False, True]) == pytest.approx(
        expected, rel=1e-12
    )


@pytest.mark.parametrize(
    ("confidence", "correct", "error"),
    [([1.0, 1.0], [True, True], 0.0), ([1.0, 1.0], [False, False], 1.0), ([0.0], [False], 0.0), ([0.0], [True], 1.0)],
)
def test_calibration_error_at_the_ends(confidence, correct, error):
    assert metrics.expected_calibration_error(confidence, correct) == error


def test_errors_of_one_bin_cancel_and_those_of_two_do_not():
    assert metrics.expected_calibration_error([0.5, 0.5], [True, False]) == 0
    assert metrics.expected_calibration_error([0.3, 0.7], [True, False]) == pytest.approx(0.7, rel=1e-12)


def test_bin_edges_belong_to_the_lower_bin():
    # (0.6, 0.66..] holds 2/3 = 10/15 exactly: with 0.62 in its bin the gaps cancel, in the next they would not.
    assert metrics.expected_calibration_error([10 / 15, 1 - 10 / 15 + 0.3], [True, False]) == pytest.approx(
        abs(1 - 10 / 15 - (1 - 10 / 15 + 0.3)) / 2, rel=1e-9
    )


def test_calibration_error_without_samples_is_none():
    assert metrics.expected_calibration_error([], []) is None


def by_group(true: list[int], predicted: list[int], groups: list[int], *, classes: int) -> np.ndarray:
    """`metrics.by_group` of plain lists."""
    return metrics.by_group(np.array(true), np.array(predicted), np.array(groups), classes=classes)


def test_by_group_parts_the_confusion_matrix():
    matrices = by_group([0, 0, 1, 1], [0, 1, 1, -1], [0, 2, 2, 0], classes=2)
    assert matrices.tolist() == [[[1, 0, 0], [0, 0, 1]], [[0, 0, 0], [0, 0, 0]], [[0, 1, 0], [0, 1, 0]]]


def cells(*, per_class: int, right: int, group_size: int) -> np.ndarray:
    """Two classes of `per_class` images, the first `right` of each predicted rightly, in groups of neighbours."""
    true = np.repeat([0, 1], per_class)
    position = np.tile(np.arange(per_class), 2)
    predicted = np.where(position < right, true, 1 - true)
    groups = true * (per_class // group_size) + position // group_size
    return metrics.by_group(true, predicted, groups, classes=2)


def test_independent_images_have_about_the_binomials_interval():
    drawn = metrics.cluster_bootstrap(cells(per_class=200, right=180, group_size=1))
    half = metrics.Z95 * math.sqrt(0.9 * 0.1 / 200)
    for low, high in (*drawn.tpr_ci95, *drawn.tnr_ci95):
        # Shares come in steps of 1/200 and a percentile of 10,000 draws is uncertain by about half a step.
        assert (low, high) == pytest.approx((0.9 - half, 0.9 + half), abs=0.01)
    half /= math.sqrt(2)  # the accuracy rests on twice as many images
    assert drawn.accuracy_ci95 == pytest.approx((0.9 - half, 0.9 + half), abs=0.01)


def test_one_group_for_each_class_has_an_interval_of_no_width():
    drawn = metrics.cluster_bootstrap(cells(per_class=200, right=180, group_size=200))
    assert drawn.accuracy_ci95 == (0.9, 0.9)
    assert drawn.tpr_ci95 == [(0.9, 0.9)] * 2
    assert drawn.tnr_ci95 == [(0.9, 0.9)] * 2


def test_few_groups_have_a_wide_interval():
    drawn = metrics.cluster_bootstrap(cells(per_class=200, right=150, group_size=50))
    # Of four groups one is wholly wrong. It is drawn never with (3/4)^4 = 32 %, three times or more with 5 %.
    assert drawn.tpr_ci95[0] == (0.25, 1.0)


def test_classes_keep_their_number_of_groups():
    true, groups = [0, 0, 0, 1], [0, 1, 2, 3]
    drawn = metrics.cluster_bootstrap(by_group(true, [0, 0, 0, 0], groups, classes=2))
    assert drawn.accuracy_ci95 == (0.75, 0.75)  # drawn across classes it would lie between 0 and 1


def test_unreadable_images_count_as_missed():
    drawn = metrics.cluster_bootstrap(by_group([0, 1], [-1, -1], [0, 1], classes=2))
    assert drawn.tpr_ci95 == [(0.0, 0.0)] * 2
    assert drawn.tnr_ci95 == [(1.0, 1.0)] * 2


def test_class_without_samples_has_no_interval():
    drawn = metrics.cluster_bootstrap(by_group([0, 0], [0, 1], [0, 1], classes=3))
    assert [interval is None for interval in drawn.tpr_ci95] == [False, True, True]
    assert [interval is None for interval in drawn.tnr_ci95] == [True, False, False]


def test_seed_decides_the_draw():
    matrices = cells(per_class=40, right=29, group_size=1)
    drawn = [metrics.cluster_bootstrap(matrices, resamples=30, seed=seed) for seed in (5, 5, 6)]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("resamples", [1, 249, 250, 251, 600])
def test_drawing_in_parts_is_drawing_at_once(resamples):
    matrices = by_group([0] * 30, [0, -1, 1] * 10, [number // 2 for number in range(30)], classes=2)
    weights = np.random.default_rng(4).multinomial(15, np.full(15, 1 / 15), size=resamples)
    hits, rows = weights @ matrices[:, 0, 0], weights @ matrices[:, 0].sum(axis=1)
    expected = np.percentile(hits / rows, [2.5, 97.5])
    drawn = metrics.cluster_bootstrap(matrices, resamples=resamples, seed=4)
    assert drawn.tpr_ci95[0] == tuple(expected)
