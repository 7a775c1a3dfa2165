import io

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers.drawing import to_picture
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
