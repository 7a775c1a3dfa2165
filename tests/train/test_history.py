from dataclasses import asdict

import pytest
from PIL import Image

from train.history import CURVES_NAME, HISTORY_NAME, Epoch, draw_curves, read_history, write_history

EPOCHS = [
    Epoch(1, 10.123456789, 98.7, 2e-3, 1.386, 0.25, 0.3, 0.0),
    Epoch(2, 9.0, 100.0, 1e-3, 1e-7, 1.0, 2 / 3, 0.5),
]


def test_what_was_written_is_read(tmp_path):
    write_history(tmp_path, EPOCHS)
    assert read_history(tmp_path) == EPOCHS
    assert (tmp_path / HISTORY_NAME).read_text().splitlines()[0] == ",".join(asdict(EPOCHS[0]))


def test_no_history_is_empty(tmp_path):
    assert read_history(tmp_path) == []


@pytest.mark.parametrize("count", [1, 2])
def test_curves_are_a_picture(tmp_path, count):
    draw_curves(tmp_path, EPOCHS[:count])
    with Image.open(tmp_path / CURVES_NAME) as picture:
        picture.load()
        assert (picture.format, picture.width > 600) == ("PNG", True)


def test_an_epoch_is_told_in_one_line():
    line = EPOCHS[0].describe(8)
    assert line.startswith("epoch 1/8: 10 s, 99 images/s, loss 1.3860, accuracy 0.2500, held out: ")
    assert line.endswith("balanced accuracy 0.3000, lowest TPR 0.0000")
