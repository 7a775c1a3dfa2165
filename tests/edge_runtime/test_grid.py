"""What positions of a map look at is what moves them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_REFERENCE
from edge_runtime.graph import Operator, Tensor, read_graph, with_outputs
from edge_runtime.grid import trace
from edge_runtime.head import find_head
from edge_runtime.model import Model

CELL_REFERENCE = Path(__file__).parents[2] / "reports" / "cell" / "bundles" / "leukolite-float32.tflite"


@pytest.mark.parametrize("path", [SHIPPED_REFERENCE, CELL_REFERENCE], ids=["field", "cell"])
@pytest.mark.parametrize("place", [(0.5, 0.5), (0.37, 0.71), (0.02, 0.98)])
def test_a_pixel_moves_the_positions_that_reach_it_and_no_others(path, place):
    content = read_model(path)
    head = find_head(read_graph(content), name="it")
    model = Model(with_outputs(content, head.maps))
    row, column = (int(share * side) for share, side in zip(place, (model.height_px, model.width_px), strict=True))
    noise, moved = np.random.default_rng(1), np.zeros(head.maps[0].shape[1:3], bool)
    for _ in range(6):  # where a feature is 0 before and after, nothing is seen of it
        picture = noise.integers(0, 256, (model.height_px, model.width_px, 3), np.uint8)
        other = picture.copy()
        other[row, column] = 255 - other[row, column]
        for one, two in zip(model.predict_all(picture)[1], model.predict_all(other)[1], strict=True):
            moved |= (one != two).any(axis=-1)
    reached = [
        np.abs(axis.middles_px() - (pixel + 0.5)) < axis.reach_px / 2
        for axis, pixel in zip((head.grid.rows, head.grid.columns), (row, column), strict=True)
    ]
    assert not (moved & ~np.logical_and.outer(*reached)).any()
    assert moved.sum() >= 0.5 * np.logical_and.outer(*reached).sum()  # max-pooling hides much of a single pixel


def chain(*names, options=None, shape=(1, 8, 8, 4)):
    """The last tensor of operators one after the other, and what made which."""
    tensors = [Tensor(index, f"t{index}", "FLOAT32", shape, (), (), 0, None) for index in range(len(names) + 1)]
    steps = [Operator(name, 1, (tensors[index],), (tensors[index + 1],), options) for index, name in enumerate(names)]
    return tensors[-1], {step.outputs[0].index: step for step in steps}


def test_what_moves_nothing_leaves_pixels_where_they_are():
    grid = trace(*chain("CAST", "QUANTIZE", "RELU"))
    assert grid.rows == grid.columns
    assert (grid.rows.first_px, grid.rows.step_px, grid.rows.reach_px, grid.rows.length) == (0.5, 1, 1, 8)


def test_squares_that_become_channels_are_as_large_as_they_were():
    """Two pixels a side, and again: four."""
    grid = trace(*chain("SPACE_TO_DEPTH", "SPACE_TO_DEPTH", options=SimpleNamespace(blockSize=2)))
    assert (grid.rows.first_px, grid.rows.step_px, grid.rows.reach_px) == (2.0, 4, 4)
    assert grid.rows == grid.columns


@pytest.mark.parametrize("names", [("SOFTMAX",), ("RELU", "TRANSPOSE"), ("MUL",), ("CONV_2D",)])
def test_what_may_move_them_otherwise_is_refused(names):
    with pytest.raises((ValueError, AttributeError, IndexError)):
        trace(*chain(*names))
