"""How fields of other magnifications are told: the public set's TRAIN folder, each fifth source cell, made larger."""

import numpy as np
import pytest
from PIL import Image

from edge_runtime import magnification as module
from edge_runtime import scale
from edge_runtime.locate import Cell, locate
from edge_runtime.magnification import LEAST_NUCLEUS, MOST_NUCLEUS, magnification
from edge_runtime.scale import red_cell_diameter
from edge_runtime.squares import Squares, coarsen

RED_CELL_PX = 50.3  # docs/cells.md
HEIGHT, WIDTH = 240, 320
MIDDLING = np.sqrt(LEAST_NUCLEUS * MOST_NUCLEUS)


@pytest.fixture(scope="module")
def fields(train_fields):
    """A picture of each fifth source cell of TRAIN, and the middle of its cell."""
    return [(pixels, cells[0]) for pixels in train_fields if (cells := locate(pixels))]


def told(pixels):
    squares = coarsen(pixels)
    return magnification(squares, locate(pixels, squares=squares)[0], red_cell_px=RED_CELL_PX)


def resized(pixels, height, width):
    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.BILINEAR))


def magnified(pixels, cell, times):
    """The field with cells larger, around the main one, or smaller, mirrored at its edges."""
    if times < 1:
        small = resized(pixels, round(HEIGHT * times), round(WIDTH * times))
        margins = [
            ((side - least) // 2, -((least - side) // 2))
            for side, least in zip((HEIGHT, WIDTH), small.shape, strict=False)
        ]
        return np.pad(small, (*margins, (0, 0)), mode="symmetric")
    height, width = round(HEIGHT / times), round(WIDTH / times)
    top = min(max(0, (cell.top_px + cell.bottom_px - height) // 2), HEIGHT - height)
    left = min(max(0, (cell.left_px + cell.right_px - width) // 2), WIDTH - width)
    return resized(pixels[top : top + height, left : left + width], HEIGHT, WIDTH)


def alone(pixels, cell, times):
    """The cell with little around it in a square picture, as it lies in the field when fitted into that."""
    side = round(HEIGHT / times)
    top, left = (cell.top_px + cell.bottom_px + side) // 2, (cell.left_px + cell.right_px + side) // 2
    wide = np.pad(pixels, ((side, side), (side, side), (0, 0)))
    square = np.ascontiguousarray(wide[top : top + side, left : left + side])
    margin = (WIDTH - HEIGHT) // 2
    return np.pad(resized(square, HEIGHT, HEIGHT), ((0, 0), (margin, margin), (0, 0)))


def test_how_wide_red_cells_and_nuclei_are_in_the_public_set(fields):
    """Of 56 source cells; constants are of two pictures of each of all 277, and the nearest 2 % of 56 is one cell."""
    widths = np.array([red_cell_diameter(coarsen(pixels)) or np.nan for pixels, _ in fields])
    assert len(fields) > 50
    assert np.nanmedian(widths) == pytest.approx(RED_CELL_PX, rel=0.02)
    cells = [cell for pixels, cell in fields if not module._is_cut(cell, coarsen(pixels))]
    nuclei = np.sqrt([cell.area * HEIGHT * WIDTH for cell in cells]) / RED_CELL_PX
    assert ((nuclei >= LEAST_NUCLEUS) & (nuclei <= MOST_NUCLEUS)).mean() >= 0.9
    # As wide as the least and the most but for the tails: a range that held everything would say nothing.
    assert np.quantile(nuclei, (0.05, 0.95)) == pytest.approx((LEAST_NUCLEUS, MOST_NUCLEUS), rel=0.15)


def test_fields_of_the_public_set_are_cut_as_they_were(fields):
    assert sum(told(pixels) != 1 for pixels, _ in fields) <= 2  # 1.1 % of two pictures of each source cell were not


@pytest.mark.parametrize(
    ("view", "times", "middle", "gross"),
    [
        (magnified, 0.6, 0.08, 0.06),
        (magnified, 0.7, 0.08, 0.10),
        (magnified, 1.4, 0.08, 0.06),
        (magnified, 1.8, 0.10, 0.14),
        (alone, 1.4, 0.13, 0.25),
        (alone, 1.8, 0.20, 0.25),
        (alone, 2.4, 0.20, 0.33),
    ],
)
def test_other_magnifications_are_told(fields, view, times, middle, gross):
    """Bounds are half more of an error, and three of 56 fields more that are a third off, than is found.

    Where nobody looked, all would be off by the logarithm of `times`, 0.34 at the least.
    """
    others = [view(pixels, cell, times) for pixels, cell in fields]
    off = np.abs(np.log([told(pixels) / times for pixels in others if locate(pixels)]))
    assert len(off) >= 0.85 * len(fields)  # the smallest are taken for platelets
    assert np.median(off) <= middle
    assert (off > np.log(1.35)).mean() <= gross


def field_of(nucleus, *, cut=False):
    """Empty squares, and a cell whose nucleus is so many red cells wide."""
    squares = Squares(np.zeros((60, 80, 3), np.float32), 4)
    left = 0 if cut else 100
    return squares, Cell(left, 80, left + 60, 140, area=(nucleus * RED_CELL_PX) ** 2 / (HEIGHT * WIDTH))


@pytest.fixture
def ruled(monkeypatch):
    """The magnification where the ruler says so many times RED_CELL_PX, or None."""

    def rule(red_cells, nucleus, **options):
        found = None if red_cells is None else red_cells * RED_CELL_PX
        monkeypatch.setattr(scale, "red_cell_diameter", lambda squares: found)
        return magnification(*field_of(nucleus, **options), red_cell_px=RED_CELL_PX)

    return rule


@pytest.mark.parametrize(
    ("red_cells", "nucleus", "times"),
    [
        pytest.param(1.0, 1.0, 1.0, id="as at home"),
        pytest.param(1.15, 1.0, 1.0, id="within the ruler's error"),
        pytest.param(1 / 1.15, 1.0, 1.0, id="within it below"),
        pytest.param(1.25, 1.2, 1.25, id="larger"),
        pytest.param(0.5, 0.5, 0.5, id="smaller"),
        pytest.param(0.5, 0.9, 0.9 / MOST_NUCLEUS, id="as far as the nucleus is plausible"),
        pytest.param(2.4, 1.5, 1.5 / LEAST_NUCLEUS, id="and to the other side"),
        pytest.param(0.3, 1.3, 1.0, id="no red cells: the nucleus is plausible"),
        pytest.param(0.5, 2.0, 2.0 / MIDDLING, id="no red cells: it is not"),
        pytest.param(None, 0.8, 1.0, id="none told, a plausible nucleus"),
        pytest.param(None, 1.4, 1.0, id="none told, a large one"),
        pytest.param(None, 1.6, 1.6 / MIDDLING, id="none told, one too large"),
        pytest.param(None, 0.5, 0.5 / MIDDLING, id="none told, one too small"),
        pytest.param(None, 4.0, 2.0 ** (21 / 16), id="the most"),
        pytest.param(0.3, 0.3, 2.0 ** (-21 / 16), id="the least"),
    ],
)
def test_red_cells_as_far_as_the_nucleus_leaves_them_plausible(ruled, red_cells, nucleus, times):
    found = ruled(red_cells, nucleus)
    assert found == pytest.approx(times, rel=2 ** (0.51 / 16) - 1)  # half a step
    assert (found == 1) == (times == 1)
    assert 16 * np.log2(found) == pytest.approx(round(16 * np.log2(found)), abs=1e-9)


def test_a_nucleus_that_the_edge_cuts_makes_nothing_smaller(ruled):
    assert ruled(1.0, 0.4, cut=True) == 1
    assert ruled(None, 0.4, cut=True) == 1
    assert ruled(1.0, 0.4) < 0.7
    assert ruled(None, 2.0, cut=True) == ruled(None, 2.0) > 1.5


def test_last_bits_do_not_matter(ruled):
    widths = np.random.default_rng(0).uniform(0.4, 2.4, 300)
    steps = 16 * np.log2(widths)
    clear = widths[np.abs(steps - np.floor(steps) - 0.5) > 1e-6]
    assert len(clear) == 300
    assert all(ruled(width, 1.0) == ruled(width * (1 + 1e-9), 1.0) for width in clear)
