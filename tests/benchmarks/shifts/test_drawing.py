import io

import numpy as np
from PIL import Image

from benchmarks.shifts import drawing
from benchmarks.shifts.curves import trace
from benchmarks.shifts.kinds import GRADES, MICROSCOPE
from edge_runtime.image import decode
from edge_runtime.sample import HEIGHT_PX, WIDTH_PX, sample_jpeg
from tests.benchmarks.shifts.made_up import made_up

RIGHT, WRONG = (0, 0, 0, 1), (1, 1, 1, 0)


def pixels_of(content):
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_curves_are_drawn_as_they_are(monkeypatch):
    monkeypatch.setattr(drawing, "COLUMNS", 2)  # three panels in two rows
    pictures = [
        drawing.curves_png(trace(made_up({"blur": rows, MICROSCOPE: rows}))) for rows in ([RIGHT], [RIGHT, WRONG])
    ]
    assert pictures[0] != pictures[1]
    height, width, _ = pixels_of(pictures[0]).shape
    assert 0.5 < height / width < 2


def test_float_and_int8_of_one_release_share_a_colour():
    measured = made_up(*[{"blur": [RIGHT]}] * 5)  # int8, float, int8, float, int8
    colors = drawing._colors(trace(measured))
    assert colors[0] == colors[1] != colors[2] == colors[3] != colors[4]
    assert len(set(colors)) == 3


def test_the_sheet_has_a_row_a_kind_and_a_column_a_grade():
    pixels = decode(sample_jpeg(), height_px=HEIGHT_PX, width_px=WIDTH_PX)
    sheet = pixels_of(drawing.sheet(pixels, kinds=["exposure", "light"], seed=1, name="a"))
    height, width = drawing._TILE_HEIGHT_PX + drawing._GAP_PX, drawing._TILE_WIDTH_PX + drawing._GAP_PX
    assert sheet.shape == (2 * height, drawing._LABEL_PX + (GRADES + 1) * width, 3)
    tiles = sheet[:, drawing._LABEL_PX :].reshape(2, height, GRADES + 1, width, 3).mean(axis=(1, 3))
    assert np.abs(tiles[0, 0] - tiles[1, 0]).max() < 2  # levels; both untouched, JPEG aside
    assert (np.abs(tiles[:, -1] - tiles[:, 0]).max(axis=-1) > 10).all()
