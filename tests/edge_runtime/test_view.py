import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge_runtime.image import BACKGROUND, decode, decode_field
from edge_runtime.locate import Cell, locate
from edge_runtime.magnification import magnification
from edge_runtime.squares import coarsen
from edge_runtime.view import CELL, Box, Look, View, box_of, cut, see
from tests.fields import NUCLEUS, field

FIELD_PX = (120, 160)
VIEW = View(CELL, 64, 64, *FIELD_PX)


def encoded(pixels, **options):
    """A PNG of pixels."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", **options)
    return buffer.getvalue()


def test_field_view_is_the_picture_itself():
    pixels = field((60, 80, 15))
    crops, cells = cut(pixels, View.whole(height_px=120, width_px=160))
    assert cells == ()
    assert np.array_equal(crops, pixels[np.newaxis])


@pytest.mark.parametrize(("height", "width"), [(64, 64), (40, 56), (33, 33)])
def test_a_crop_is_what_surrounds_the_cell_s_middle(height, width):
    pixels = field((60, 80, 14))
    pixels[..., 0] += np.arange(160, dtype=np.uint8) % 16  # so that a shift shows
    (crop,), (cell,) = cut(pixels, View(CELL, height, width, *FIELD_PX))
    middle = (cell.top_px + cell.bottom_px) // 2, (cell.left_px + cell.right_px) // 2
    assert middle == (pytest.approx(60, abs=2), pytest.approx(80, abs=2))
    top, left = (
        (cell.top_px + cell.bottom_px - height) // 2,
        (cell.left_px + cell.right_px - width) // 2,
    )
    assert np.array_equal(crop, pixels[top : top + height, left : left + width])


@pytest.mark.parametrize("row", [12, 60, 108])
@pytest.mark.parametrize("column", [12, 80, 148])
def test_what_lies_beyond_the_field_is_background(row, column):
    pixels = field((row, column, 11))
    (crop,), (cell,) = cut(pixels, VIEW)
    wide = np.full((120 + 128, 160 + 128, 3), BACKGROUND, np.uint8)
    wide[64:-64, 64:-64] = pixels
    top = 64 + (cell.top_px + cell.bottom_px - 64) // 2
    left = 64 + (cell.left_px + cell.right_px - 64) // 2
    assert np.array_equal(crop, wide[top : top + 64, left : left + 64])
    assert (crop == 0).all(axis=2).any() == ((row, column) != (60, 80))


@pytest.mark.parametrize("zoom", [0.5, 0.75, 2.0])
def test_a_zoomed_crop_is_the_crop_of_the_same_place_resized(zoom):
    pixels = field((60, 80, 14))
    pixels[..., 0] += np.arange(160, dtype=np.uint8) % 16
    view = View(CELL, 48, 48, *FIELD_PX, zoom=zoom)
    (crop,), cells = cut(pixels, view)
    side = round(48 / zoom)
    (wide,), same = cut(pixels, View(CELL, side, side, *FIELD_PX))
    assert cells == same == locate(pixels)
    assert crop.shape == (48, 48, 3)
    wanted = Image.fromarray(wide).resize((48, 48), Image.Resampling.BILINEAR)
    assert np.array_equal(crop, np.asarray(wanted))


def test_a_zoomed_view_of_a_field_without_cells_is_empty():
    crops, cells = cut(field(), View(CELL, 48, 48, *FIELD_PX, zoom=0.75))
    assert (crops.shape, cells) == ((0, 48, 48, 3), ())


def test_a_crop_may_be_larger_than_the_field():
    (crop,), _ = cut(field((60, 80, 14)), View(CELL, 300, 300, *FIELD_PX))
    assert (crop == field((60, 80, 14)).reshape(-1, 3)[0]).all(axis=2).sum() > 100 * 150
    assert (crop == 0).all(axis=2).sum() == 300 * 300 - 120 * 160


def test_the_largest_nucleus_is_the_main_cell():
    crops, cells = cut(field((30, 30, 10), (80, 120, 16)), VIEW)
    assert len(crops) == len(cells) == 2
    assert cells[0].area > cells[1].area
    assert cells[0].left_px > 80
    for crop in crops:
        assert (crop[32, 32] == NUCLEUS).all()


@pytest.mark.parametrize(("radius", "times"), [(14, 1.0), (24, 1.65), (9, 0.62)])
def test_cells_are_shown_as_large_as_the_network_knows_them(radius, times):
    """Without red cells the nucleus tells, here one of sqrt(pi) / 24 / 1.077 times its radius; all go by the main."""
    pixels = field((50, 60, radius), (100, 140, radius - 1))
    pixels[..., 0] += np.arange(160, dtype=np.uint8) % 16
    view = View(CELL, 48, 48, *FIELD_PX, zoom=0.75, red_cell_px=24.0)
    cells = locate(pixels)
    found = view.zoom / Look(pixels, view).magnified.zoom
    assert found == magnification(coarsen(pixels), cells[0], red_cell_px=24.0) == pytest.approx(times, rel=0.05)
    crops, shown = cut(pixels, view)
    assert shown == cells
    assert len(crops) == 2
    assert np.array_equal(crops, cut(pixels, replace(view, zoom=0.75 / found, red_cell_px=0.0))[0])


def test_nobody_looks_for_red_cells_unless_asked():
    pixels = field((60, 80, 24))
    view = View(CELL, 48, 48, *FIELD_PX, zoom=0.75)
    assert Look(pixels, view).magnified is view
    assert Look(field(), replace(view, red_cell_px=24.0)).magnified.zoom == view.zoom


@pytest.mark.parametrize("pixels", [field(), np.zeros((120, 160, 3), np.uint8)])
def test_without_a_cell_there_is_nothing_to_see(pixels):
    crops, cells = cut(pixels, VIEW)
    assert crops.shape == (0, 64, 64, 3)
    assert cells == ()
    assert see(encoded(pixels), VIEW) is None


def test_see_is_the_main_crop_of_the_decoded_file():
    content = encoded(field((100, 140, 20), (200, 500, 44), height=480, width=640))
    pixels = decode(content, height_px=120, width_px=160)
    assert np.array_equal(see(content, VIEW), cut(pixels, VIEW)[0][0])


# Boxes in pixels of the file.

SQUARE = Cell(left_px=20, top_px=30, right_px=50, bottom_px=70, area=0.1)


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((320, 240), Box(40, 60, 100, 140)),
        ((160, 120), Box(20, 30, 50, 70)),
        ((640, 480), Box(80, 120, 200, 280)),
        ((240, 240), Box(0, 60, 60, 140)),  # 120 wide in the field, behind 20 of background
        ((320, 120), Box(40, 0, 100, 80)),  # 60 high, below 30
    ],
)
def test_box_is_in_pixels_of_the_file(size, box):
    picture = decode_field(encoded(field(height=size[1], width=size[0])), height_px=120, width_px=160)
    assert (picture.source_width_px, picture.source_height_px) == size
    assert box_of(SQUARE, picture) == box


def test_box_stays_within_the_file():
    picture = decode_field(encoded(field(height=120, width=120)), height_px=120, width_px=160)
    assert box_of(Cell(0, 0, 160, 120, 1.0), picture) == Box(0, 0, 120, 120)


@pytest.mark.parametrize("size", [(640, 480), (331, 250), (500, 300)])
def test_box_holds_the_nucleus_of_an_upright_picture(size):
    width, height = size
    row, column, radius = 0.4 * height, 0.6 * width, 0.12 * height
    content = encoded(field((row, column, radius), height=height, width=width))
    picture = decode_field(content, height_px=120, width_px=160)
    box = box_of(locate(picture.pixels)[0], picture)
    near = 2 * 2 * width / 160  # two squares of `locate`, two pixels each
    assert (box.left, box.right) == (
        pytest.approx(column - radius, abs=near),
        pytest.approx(column + radius, abs=near),
    )
    assert (box.top, box.bottom) == (pytest.approx(row - radius, abs=near), pytest.approx(row + radius, abs=near))


def test_box_is_in_the_picture_as_it_is_turned():
    upright = field((60, 200, 40), height=240, width=320)
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    Image.fromarray(np.rot90(upright)).save(buffer, "JPEG", exif=exif, quality=95)
    picture = decode_field(buffer.getvalue(), height_px=120, width_px=160)
    assert (picture.source_width_px, picture.source_height_px) == (320, 240)
    box = box_of(locate(picture.pixels)[0], picture)
    assert (box.left, box.top, box.right, box.bottom) == pytest.approx((160, 20, 240, 100), abs=8)
