"""The operating point serves the class that is found worst, and uses nothing but what it is given."""

import numpy as np
import pytest

from train import network
from train.config import NetworkSettings
from train.operating import STRENGTHS, choose

SHARE = np.array([0.9, 0.1])


def test_no_strength_where_nothing_is_to_be_gained():
    logits = np.array([[5.0, 0.0], [0.0, 5.0]], np.float32)
    point = choose(logits, np.array([0, 1]), log_share=np.log(SHARE))
    assert (point.strength, point.lowest_tpr, point.balanced_accuracy) == (0.0, 1.0, 1.0)


def test_a_rare_class_is_raised_until_it_is_found():
    # The rare class is behind by 3: log(0.9 / 0.1) is 2.2, so that once is too little and 1.4 times is enough.
    logits = np.array([[20.0, 0.0], [3.0, 0.0]], np.float32)
    point = choose(logits, np.array([0, 1]), log_share=np.log(SHARE))
    assert point.strength == pytest.approx(1.4)
    assert point.lowest_tpr == 1.0


def test_the_smallest_strength_where_one_class_costs_the_other():
    # The rare class is further behind than the common one is ahead: whatever the strength, one of them is lost.
    logits = np.array([[2.5, 0.0], [3.0, 0.0]], np.float32)
    point = choose(logits, np.array([0, 1]), log_share=np.log(SHARE))
    assert (point.strength, point.lowest_tpr, point.balanced_accuracy) == (0.0, 0.0, 0.5)


def test_equal_shares_change_nothing():
    random = np.random.default_rng(0)
    logits, classes = random.normal(size=(50, 2)).astype(np.float32), random.integers(0, 2, 50)
    assert choose(logits, classes, log_share=np.log([0.5, 0.5])).strength == 0.0


def test_heads_are_shifted_by_as_much():
    settings = NetworkSettings(image_height_px=12, image_width_px=16, widths=(2, 3, 4), towers=2)
    model = network.build_deployed(settings, classes=3)
    pixels = np.random.default_rng(0).random((2, 12, 16, 3), np.float32)
    by = np.array([1.0, -2.0, 0.5])
    before = model(pixels)[1].numpy()
    network.shift_heads(model, settings, by=by)
    # Single precision keeps seven digits of logits of about one.
    np.testing.assert_allclose(model(pixels)[1].numpy(), before + by, atol=1e-5)
