"""The operating point serves the class that is found worst, and uses nothing but what it is given."""

import numpy as np
import pytest

from train import network
from train.config import NetworkSettings
from train.operating import choose, read_held_out

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
    network.shift_heads(model, by=by)
    # Single precision keeps seven digits of logits of about one.
    np.testing.assert_allclose(model(pixels)[1].numpy(), before + by, atol=1e-5)


def ahead_by(*leads):
    """Logits of two classes, the common one ahead by so much."""
    return np.array([[lead, 0.0] for lead in leads], np.float32)


def test_lowest_rate_counts_before_the_balanced_one():
    # Nothing taken out: all of the common class and 0.3 of the rare one, 0.65 in the mean. Enough taken out to find
    # 0.6 of the rare one leaves half of the common one, 0.55 in the mean; but the worst is found better.
    logits = ahead_by(*[9] * 5, *[2] * 5, *[-1] * 3, *[2.5] * 3, *[99] * 4)
    point = choose(logits, np.array([0] * 10 + [1] * 10), log_share=np.log(SHARE))
    assert (point.lowest_tpr, point.balanced_accuracy) == (0.5, pytest.approx(0.55))
    assert point.strength == 1.2  # the least tenth above 2.5 / log(0.9 / 0.1)


def test_balanced_rate_decides_among_equal_lowest_ones():
    # A third of the common class at best; the rare one is found by half, from a strength of 1.4 on whole.
    logits = ahead_by(99, -1, -1, -1, 3)
    point = choose(logits, np.array([0, 0, 0, 1, 1]), log_share=np.log(SHARE))
    assert (point.strength, point.lowest_tpr, point.balanced_accuracy) == (1.4, 1 / 3, pytest.approx(2 / 3))


def test_a_class_without_images_is_left_out():
    logits = np.array([[9, 0, 0], [0, 9, 0]], np.float32)
    point = choose(logits, np.array([0, 1]), log_share=np.log([0.5, 0.3, 0.2]))
    assert (point.lowest_tpr, point.balanced_accuracy) == (1, 1)


def cut(content):
    """Without its end, as a copy to a full disk leaves it."""
    return content[: len(content) // 2]


def flip(content):
    """With other bytes in the middle of what is compressed."""
    return content[:60] + bytes(byte ^ 0xFF for byte in content[60:80]) + content[80:]


@pytest.mark.parametrize("spoil", [lambda content: b"", lambda content: b"text", cut, flip])
def test_logits_that_are_none_are_refused(tmp_path, refused, spoil):
    path = tmp_path / "held_out_logits.npz"
    np.savez_compressed(path, plain=np.zeros((9, 2)), classes=np.zeros(9, np.int64), log_share=np.zeros(2))
    path.write_bytes(spoil(path.read_bytes()))
    with refused("the held-out logits of a finished run at"):
        read_held_out(path)
