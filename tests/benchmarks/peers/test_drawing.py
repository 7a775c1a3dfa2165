import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers.drawing import gathered, spelled, to_picture
from tests.benchmarks.peers.rows import report, row

OURS, SAME, OTHER = (200, 101, 27), (31, 95, 168), (63, 143, 79)
ROWS = (row("leukolite"), row("peer", ms=2.0, accuracy=0.7, kb=900), row("other", network="its own", alike=None))


@pytest.mark.parametrize("count", [1, 3])
def test_who_takes_part_has_a_point_in_the_colour_of_its_kind(count):
    picture = Image.open(io.BytesIO(to_picture(report(*ROWS[:count])))).convert("RGB")
    halves = np.array_split(np.asarray(picture)[:, : int(picture.width * 0.75)], 2, axis=1)  # the names are right of it
    for panel in halves:
        drawn = [bool((panel == color).all(axis=-1).any()) for color in (OURS, SAME, OTHER)]
        assert drawn == [number < count for number in range(3)]


@pytest.mark.parametrize(
    ("points", "found"),
    [
        ([(1.0, 0.9), (1.1, 0.9), (1.3, 0.9)], [[0, 1, 2]]),  # each near the one before it
        ([(1.1, 0.9), (1.0, 0.9)], [[1, 0]]),
        ([(1.0, 0.9), (1.0, 0.8)], [[1], [0]]),
        ([(1.0, 0.9), (2.0, 0.9)], [[0], [1]]),
    ],
)
def test_numbers_that_would_be_drawn_over_each_other_are_gathered(points, found):
    assert gathered(points) == found


@pytest.mark.parametrize(("numbers", "text"), [([3], "3"), ([4, 3, 9], "3-4, 9"), ([7, 2, 8, 9], "2, 7-9")])
def test_numbers_are_spelled_as_ranges(numbers, text):
    assert spelled(numbers) == text
