import numpy as np
import pytest

from edge_runtime.squares import median, shrink


@pytest.mark.parametrize("side", [1, 2, 3, 5])
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


@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (4800,), (3, 1), (3, 8), (3, 301)])
@pytest.mark.parametrize("values", [3, 10**6])
def test_medians_are_those_of_numpy(shape, values):
    """To the bit: with few values most are equal, with many the mean of two must be rounded."""
    numbers = np.random.default_rng(len(shape)).integers(0, values, shape).astype(np.float32) / np.float32(9)
    found = median(numbers)
    assert found.dtype == np.float32
    assert np.array_equal(found, np.median(numbers, axis=-1))
