import numpy as np
import pytest

from edge_runtime.image import decode
from edge_runtime.squares import Squares, coarsen
from edge_runtime.view import CELL, View, cut
from edge_runtime.white import WHITE, balance
from tests.fields import PLASMA, field


def lit(pixels, by):
    """The picture under a light of another colour."""
    return np.clip(np.rint(pixels * np.array(by)), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("size", [(120, 160), (240, 320), (30, 41)])
def test_glass_is_what_lies_between_the_cells(size):
    height, width = size
    pixels = field((height // 2, width // 2, height // 4), height=height, width=width)
    assert coarsen(pixels).glass == pytest.approx(PLASMA)


def test_black_fill_beside_the_picture_is_no_glass():
    pixels = field((60, 80, 20))
    pixels[:50] = 0
    assert coarsen(pixels).glass == pytest.approx(PLASMA)


def test_a_few_glaring_pixels_are_no_glass():
    pixels = field((60, 80, 20))
    pixels[:10, :20] = 255
    assert coarsen(pixels).glass == pytest.approx(PLASMA)


def test_of_squares_that_are_equally_green_no_order_decides():
    """np.argpartition took others of them on an emulated Raspberry Pi than on x86-64."""
    means = np.full((61, 81, 3), 200, np.float32)  # odd, as every second square is looked at, from either end the same
    means[..., 0] = np.arange(means[..., 0].size).reshape(61, 81) % 256
    assert Squares(means, 4).glass.tolist() == Squares(means[::-1, ::-1], 4).glass.tolist()


def test_a_black_picture_stays_as_it_is():
    pixels = np.zeros((120, 160, 3), np.uint8)
    assert (coarsen(pixels).glass == WHITE).all()
    assert np.array_equal(balance(pixels, coarsen(pixels).glass), pixels)


def test_balanced_glass_is_white_and_what_is_brighter_is_cut():
    pixels = np.array([[[100, 150, 200], [50, 75, 100], [255, 255, 255], [0, 0, 0]]], np.uint8)
    wanted = [[[220, 220, 220], [110, 110, 110], [255, 255, 255], [0, 0, 0]]]
    found = balance(pixels, np.array([100, 150, 200], np.float32))
    assert found.dtype == np.uint8
    assert found.tolist() == wanted


def test_darkness_is_not_made_noise():
    assert balance(np.array([[[10, 10, 10]]], np.uint8), np.full(3, 12, np.float32)).max() == round(10 * 220 / 60)


@pytest.mark.parametrize("light", [(0.7, 0.7, 0.7), (1.0, 0.9, 0.75), (0.8, 1.0, 1.05)])
def test_the_light_does_not_matter(data_root, light):
    """Another light's picture of a real cell ends as the same crop, but for rounding; without, it does not."""
    folder = data_root / "dataset2-master/dataset2-master/images/TRAIN/EOSINOPHIL"
    pixels = decode(sorted(folder.iterdir())[0], height_px=120, width_px=160)
    view = View(CELL, 64, 64, 120, 160, white_balance=True)
    (one, *_), (other, *_) = cut(pixels, view)[0], cut(lit(pixels, light), view)[0]
    assert one.shape == other.shape == (64, 64, 3)
    # Rounding to 1/0.7 of a step, and what the light itself cut off at 255.
    assert np.abs(one.astype(int) - other).mean() < 1.5
    plain = View(CELL, 64, 64, 120, 160)
    (one, *_), (other, *_) = cut(pixels, plain)[0], cut(lit(pixels, light), plain)[0]
    assert np.abs(one.astype(int) - other).mean() > 5


def test_the_field_view_is_balanced_alike():
    pixels = lit(field((60, 80, 20)), (0.8, 0.9, 1.0))
    view = View.whole(height_px=120, width_px=160, white_balance=True)
    assert np.array_equal(cut(pixels, view)[0], balance(pixels[np.newaxis], coarsen(pixels).glass))
    assert cut(pixels, view)[0][0, 0, 0] == pytest.approx(np.full(3, WHITE))
