import numpy as np
import pytest

from tests.train.audit.conftest import draw_field, pixels
from train.audit.features import brightness, describe, shown


def test_descriptors_have_length_one_and_the_strongest_come_first():
    few, many = describe(pixels(draw_field(0)), keep=20), describe(pixels(draw_field(0)), keep=200)
    assert len(few) == 20 < len(many) <= 200
    assert np.linalg.norm(many.descriptors, axis=1) == pytest.approx(1, abs=1e-4)
    assert np.array_equal(few.points, many.strongest(20).points)


def test_a_blank_picture_has_no_features():
    found = describe(np.full((240, 320, 3), 200, np.uint8), keep=50)
    assert (found.points.shape, found.descriptors.shape) == ((0, 2), (0, 128))


def test_fill_is_not_shown_nor_what_its_edge_makes():
    picture = pixels(draw_field(1)).copy()
    picture[:, :100] = 3  # a JPEG's black
    mask = shown(picture)
    assert not mask[:, :105].any()
    assert mask[:, 115:].mean() > 0.95 * 255
    assert describe(picture, keep=200).points[:, 0].min() > 100


def test_a_dark_spot_is_part_of_the_picture():
    picture = np.full((240, 320, 3), 200, np.uint8)
    picture[100:103, 100:103] = 0
    assert shown(picture)[101, 101] == 255


def test_brightness_is_that_of_green():
    picture = np.zeros((240, 320, 3), np.uint8)
    picture[..., 1] = 77
    picture[..., 0] = 200
    assert brightness(picture) == pytest.approx(77)
