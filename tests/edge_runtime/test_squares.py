import numpy as np
import pytest

from edge_runtime.squares import coarsen, shrink


@pytest.mark.parametrize("side", [1, 2, 3, 4, 5, 6])
def test_squares_are_means_and_what_is_left_over_is_cut_off(side):
    pixels = np.random.default_rng(side).integers(0, 256, (11, 13, 3), np.uint8)
    found = shrink(pixels, side)
    assert found.shape == (11 // side, 13 // side, 3)
    assert found.dtype == np.float32
    for row, column in np.ndindex(found.shape[:2]):
        square = pixels[row * side : (row + 1) * side, column * side : (column + 1) * side]
        assert found[row, column] == pytest.approx(square.mean(axis=(0, 1)), rel=1e-5)


@pytest.mark.parametrize("side", [16, 17, 60])
def test_the_brightest_large_squares_do_not_overflow(side):
    assert (shrink(np.full((120, 120, 3), 255, np.uint8), side) == 255).all()


def test_what_is_measured_of_a_field_leaves_out_fill():
    pixels = np.full((120, 160, 3), (200, 150, 160), np.uint8)
    pixels[:, 80:] = (3, 0, 11)
    squares = coarsen(pixels)
    assert squares.planes.shape == (3, 60, 80)
    assert squares.few.shape == (3, 30 * 40)
    assert squares.are_lit.reshape(30, 40).all(axis=0).tolist() == [True] * 20 + [False] * 20
    assert squares.lit.T.tolist() == [[200, 150, 160]] * 600
    assert squares.stain[0, 0] == 0.5 * (160 - 200) + (160 - 150)


def test_what_is_measured_of_a_field_is_measured_once():
    squares = coarsen(np.full((120, 160, 3), 200, np.uint8))
    assert squares.glass is squares.glass
    assert squares.stain is squares.stain
