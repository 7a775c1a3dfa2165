import io

import numpy as np
from PIL import Image

from edge_runtime.locate import locate
from edge_runtime.sample import HEIGHT_PX, WIDTH_PX, sample_jpeg


def test_it_is_always_the_same_jpeg_of_a_real_ones_size():
    content = sample_jpeg()
    assert content == sample_jpeg()
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size) == ("JPEG", (WIDTH_PX, HEIGHT_PX))
    assert 7_000 < len(content) < 11_000  # a real one has 8.5 kB: decoding time goes with the bytes


def test_it_shows_one_stained_cell_in_the_middle():
    (cell,) = locate(np.asarray(Image.open(io.BytesIO(sample_jpeg()))))
    assert abs(cell.left_px + cell.right_px - WIDTH_PX) <= 16
    assert abs(cell.top_px + cell.bottom_px - HEIGHT_PX) <= 16
