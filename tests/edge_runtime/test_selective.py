import numpy as np
import pytest

from edge_runtime.selective import COVERAGES, coverage_curve, selective


def test_the_surest_answers_come_first():
    confidence, right = np.linspace(0.3, 0.9, 10), np.arange(10) >= 5
    points = {round(point["coverage"], 9): point for point in coverage_curve(confidence, right)}
    assert points[0.5]["accuracy"] == 1.0
    assert points[0.5]["threshold"] == pytest.approx(confidence[5])
    assert points[1.0] == {"coverage": 1.0, "threshold": 0.3, "accuracy": 0.5}
    assert points[0.8]["accuracy"] == pytest.approx(5 / 8)


def test_equal_confidences_are_answered_together():
    points = coverage_curve([0.9, 0.5, 0.5, 0.5], [True, False, True, True])
    assert {(point["coverage"], point["accuracy"]) for point in points} == {(1.0, 0.75)}


def test_shares_decide_how_much_each_counts():
    points = coverage_curve([0.9, 0.5], [True, False], shares=[1, 3])
    assert [(point["coverage"], point["accuracy"]) for point in points] == [(1.0, 0.25)] * len(COVERAGES)


def test_a_report_s_part():
    found = selective(
        [0.9, 0.8, 0.4, None],
        [True, False, True, False],
        answered=[True, False, False, False],
        reasons=[None, "out of focus", None, "no cell"],
        threshold=0.5,
    )
    curve = found.pop("curve")
    refused = {"no cell": 1, "out of focus": 1}
    assert found == {"threshold": 0.5, "coverage": 0.25, "accuracy": 1.0, "refused": refused}
    assert (curve[-1]["coverage"], curve[-1]["accuracy"]) == (1.0, 0.5)


def test_of_nothing_there_is_nothing_to_say():
    found = selective([], [], answered=[], reasons=[], threshold=0.5)
    assert (found["coverage"], found["accuracy"], found["curve"]) == (None, None, [])
    nobody = selective([0.2], [True], answered=[False], reasons=[None], threshold=0.5)
    assert (nobody["coverage"], nobody["accuracy"]) == (0.0, None)
