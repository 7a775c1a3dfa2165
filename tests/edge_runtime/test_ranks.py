import numpy as np
import pytest

from edge_runtime.ranks import highest, median, median_and_ranked, ranked


@pytest.mark.parametrize("shape", [(1,), (2,), (7,), (4800,), (3, 1), (3, 8), (3, 301)])
@pytest.mark.parametrize("values", [3, 10**6])
def test_medians_are_those_of_numpy(shape, values):
    """To the bit: with few values most are equal, with many the mean of two must be rounded."""
    numbers = np.random.default_rng(len(shape)).integers(0, values, shape).astype(np.float32) / np.float32(9)
    found = median(numbers)
    assert found.dtype == np.float32
    assert np.array_equal(found, np.median(numbers, axis=-1))


@pytest.mark.parametrize("place", [0, 17, 59])
def test_what_is_at_a_place_is_what_sorting_puts_there(place):
    numbers = np.random.default_rng(place).integers(0, 9, (5, 12)).astype(np.float32)
    assert ranked(numbers, place) == np.sort(numbers, axis=None)[place]


@pytest.mark.parametrize(("share", "least"), [(0.0, 99), (0.01, 99), (0.1, 90), (1.0, 0)])
def test_the_least_of_the_highest_is_found_and_one_is_at_least(share, least):
    assert highest(np.arange(100, dtype=np.float32)[::-1], share) == least


@pytest.mark.parametrize("size", [1, 2, 7, 4800])
@pytest.mark.parametrize("values", [3, 10**6])
def test_both_at_once_are_what_each_is_by_itself(size, values):
    numbers = np.random.default_rng(size).integers(0, values, size).astype(np.float32) / np.float32(9)
    for place in {size // 2, size - 1, (3 * size) // 4}:
        assert median_and_ranked(numbers, place) == (median(numbers), ranked(numbers, place))
