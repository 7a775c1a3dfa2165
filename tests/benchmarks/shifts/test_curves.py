import numpy as np
import pytest

from benchmarks.shifts.curves import MEAN, area, trace
from benchmarks.shifts.kinds import GRADES, MICROSCOPE
from tests.benchmarks.shifts.made_up import made_up

RIGHT, WRONG = (0, 0, 0, 1), (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("heights", "expected"),
    [
        ([1, 1, 1], 1),
        ([0, 0], 0),
        ([1, 0], 0.5),
        ([1, 0, 0], 0.25),
        ([0.8, 0.6, 0.4], 0.6),
        ([1, 1, 0, 0, 0, 0], 0.3),
    ],
)
def test_the_area_is_the_trapezoids_over_their_number(heights, expected):
    assert area(heights) == pytest.approx(expected)
    assert area([heights, heights]) == pytest.approx([expected, expected])


def test_each_cell_and_each_class_counts_alike():
    # Of A: half of cell x, none of y; of B all. By cell (1/2 + 0 + 1) / 3, by class (1/4 + 1) / 2.
    (found,) = trace(made_up({"blur": [RIGHT, (0, 1, -1, 1)]}))
    curve = found.curves["blur"]
    assert [figure.value for figure in curve.accuracy] == pytest.approx([1] + [0.5] * GRADES)
    assert [figure.value for figure in curve.balanced_accuracy] == pytest.approx([1] + [0.625] * GRADES)
    assert curve.unanswered == pytest.approx([0] + [0.25] * GRADES)
    assert curve.area.value == pytest.approx(area([1] + [0.625] * GRADES))
    assert curve.accuracy_area.value == pytest.approx(area([1] + [0.5] * GRADES))


def test_the_interval_is_of_drawn_cells_within_their_class():
    (found,) = trace(made_up({"blur": [RIGHT, (0, 0, 1, 1)]}))
    curve = found.curves["blur"]
    # Two cells of A are drawn of x, right, and y, wrong: both x, both y or one each; B has one cell, which is right.
    assert curve.balanced_accuracy[1].ci95 == pytest.approx((0.5, 1))
    assert curve.balanced_accuracy[0].ci95 == pytest.approx((1, 1))
    assert curve.area.ci95 == pytest.approx((area([1] + [0.5] * GRADES), 1))


def test_a_class_that_is_not_there_does_not_count():
    (found,) = trace(made_up({"blur": [(0, 0, 1)]}, pictures=[("a1", 0, "x"), ("a2", 0, "x"), ("a3", 0, "y")]))
    assert found.curves["blur"].balanced_accuracy[0].value == pytest.approx(0.5)


def test_a_photograph_in_two_classes_is_two_cells():
    (found,) = trace(made_up({"blur": [(0, 0)]}, pictures=[("a", 0, "x"), ("b", 1, "x")]))
    assert found.curves["blur"].accuracy[0].value == found.curves["blur"].balanced_accuracy[0].value == 0.5


def test_the_mean_is_of_the_single_kinds():
    (found,) = trace(made_up({"blur": [RIGHT], "noise": [WRONG], MICROSCOPE: [WRONG]}))
    assert list(found.curves) == ["blur", "noise", MICROSCOPE, MEAN]
    assert found.curves[MEAN].area.value == pytest.approx(0.5)
    (alone,) = trace(made_up({MICROSCOPE: [RIGHT, (-1, 0, 0, 1)]}))
    assert list(alone.curves) == [MICROSCOPE]


def test_what_a_model_gains_is_over_the_first_and_paired():
    first, second, third = trace(made_up({"blur": [RIGHT, (0, 0, 1, 1)]}, {"blur": [RIGHT]}, {"blur": [RIGHT, WRONG]}))
    assert (first.gained["blur"].value, first.gained["blur"].ci95) == (0, (0, 0))
    assert second.gained["blur"].value == pytest.approx(1 - first.curves["blur"].area.value)
    assert second.gained["blur"].ci95 == pytest.approx((0, 1 - area([1] + [0.5] * GRADES)))
    assert third.gained["blur"].value < 0


def test_intervals_narrow_with_more_cells():
    random = np.random.default_rng(0)
    widths = []
    for count in (20, 200):
        pictures = [(f"p{number}", number % 2, f"s{number}") for number in range(count)]
        rows = [[number % 2 if random.random() < 0.7 else -1 for number in range(count)]]
        (found,) = trace(made_up({"blur": rows}, pictures=pictures))
        low, high = found.curves["blur"].area.ci95
        widths.append(high - low)
    # By a root of 10 in theory; half that leaves room for what is drawn.
    assert widths[1] < widths[0] / 1.6
