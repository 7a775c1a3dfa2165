import numpy as np
import pytest

from benchmarks.shifts import optics
from edge_runtime.image import decode
from edge_runtime.sample import HEIGHT_PX, WIDTH_PX, sample_jpeg

POINT = (70.0, 40.0)


@pytest.fixture
def marked():
    """Grey with a bright square around POINT, and a dark one above it and to the right."""
    pixels = np.full((120, 160, 3), 120, np.uint8)
    pixels[30:50, 60:80] = 240
    pixels[10:20, 90:100] = 0
    return pixels


def box(mask):
    """Left, top, right and bottom of what is true, right and bottom excluded."""
    rows, columns = np.nonzero(mask)
    return tuple(map(int, (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)))


@pytest.mark.parametrize(("times", "size"), [(1, (120, 160)), (1.5, (180, 240)), (4, (480, 640))])
def test_a_wider_picture_has_the_one_that_was_in_its_middle(times, size):
    pixels = decode(sample_jpeg(), height_px=120, width_px=160)
    shown = optics.widen(pixels, times=times)
    assert shown.shape == (*size, 3)
    top, left = (size[0] - 120) // 2, (size[1] - 160) // 2
    assert (shown[top : top + 120, left : left + 160] == pixels).all()
    assert (shown[:top][::-1][:120, left : left + 160] == pixels[:top]).all()  # mirrored above it


@pytest.mark.parametrize(("times", "expected"), [(2, (50, 20, 90, 60)), (0.5, (65, 35, 75, 45)), (1, (60, 30, 80, 50))])
def test_what_is_magnified_stays_where_it_is(marked, times, expected):
    shown = optics.magnify(marked, times=times, around=POINT)
    assert shown.shape == marked.shape
    bright = shown[..., 0] > 180
    bright[:, :35] = bright[:20] = bright[:, 115:] = bright[80:] = False  # where the smaller picture is mirrored
    assert box(bright) == expected
    assert (times != 1) or (shown == marked).all()


def test_beyond_the_edge_lies_the_mirrored_picture(marked):
    shown = optics.magnify(marked, times=0.5, around=(80.0, 60.0))
    middle = shown[30:90, 40:120]
    assert (shown[2:30, 40:120] == middle[27::-1]).all()  # upside down; at the very edge the filter has less to go by
    assert (shown[30:90, 2:40] == middle[:, 37::-1]).all()


@pytest.mark.parametrize(
    ("degrees", "mirrored", "expected"),
    [
        (0, False, (90, 10, 100, 20)),
        (0, True, (40, 10, 50, 20)),
        (90, False, (90, 60, 100, 70)),
        (180, False, (40, 60, 50, 70)),
        (-90, True, (40, 60, 50, 70)),
    ],
)
def test_turned_clockwise_about_a_point(marked, degrees, mirrored, expected):
    turned = optics.turn(marked, degrees=degrees, mirrored=mirrored, around=POINT)
    assert turned.shape == marked.shape
    assert (turned[31:49, 61:79] > 180).all()  # it is square, and turns on its middle
    dark = turned[..., 0] < 60
    left, top, right, bottom = expected
    assert dark[top:bottom, left:right].all()


def test_blur_takes_contrast_and_sharpening_gives_it(marked):
    assert optics.blur(marked, deviation_px=3).std() < marked.std() < optics.sharpen(marked, amount=2).std()
    assert (optics.sharpen(marked, amount=0) == marked).all()


def test_a_picture_twice_as_large_is_blurred_by_twice_as_many_pixels(marked):
    large = marked.repeat(2, axis=0).repeat(2, axis=1)
    blurred = optics.blur(large, deviation_px=4)[::2, ::2].astype(int)
    # Levels: the kernels of Pillow, sampled twice as finely, and half a pixel's shift.
    assert np.abs(blurred - optics.blur(marked, deviation_px=4)).mean() < 2


def test_the_farthest_corner_loses_what_is_asked():
    pixels = np.full((90, 120, 3), 200, np.uint8)
    dark = optics.vignette(pixels, loss=0.5, middle=(0.25, 0.25))
    assert dark[22, 30].tolist() == [200] * 3
    assert dark[-1, -1].tolist() == [round(200 * 0.5 ** (1 / 2.2))] * 3
    assert (np.diff(dark[22, 30:, 0].astype(int)) <= 0).all()
    assert (optics.vignette(pixels, loss=0, middle=(0.5, 0.5)) == pixels).all()


def test_the_main_cell_is_found_and_else_the_middle():
    x, y = optics.main_cell(decode(sample_jpeg(), height_px=HEIGHT_PX, width_px=WIDTH_PX))
    assert abs(x - WIDTH_PX / 2) < 8  # pixels; squares of `locate` are 4 wide
    assert abs(y - HEIGHT_PX / 2) < 8
    assert optics.main_cell(np.full((60, 100, 3), 200, np.uint8)) == (50, 30)
