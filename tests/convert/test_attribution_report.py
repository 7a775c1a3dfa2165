import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

from convert.attribution import attribute
from convert.attribution_report import TITLES, draw_layers, layers_to_markdown, to_markdown
from convert.layers import LayerError, WeightError
from convert.stages import INT8, STAGES

LAYERS = [
    LayerError("conv0", "CONV_2D", 10, 0.5, 31.24, 30.07, 0.0012, 0.25, -1.5, WeightError(20.0, 40.0, 3)),
    LayerError("pool0", "MAX_POOL_2D", 10, 0.5, None, 29.0, 0.0, 0.5, 0.0, None),
]


@pytest.fixture
def found():
    """Two images; int8 with XNNPACK answers the second one otherwise."""

    probabilities = np.full((len(STAGES), 2, 2), (0.75, 0.25), np.float32)
    probabilities[STAGES.index(INT8), 1] = (0.25, 0.75)
    return attribute(
        probabilities,
        ["a.png", "b.png"],
        ["A|x", "B"],
        labels=("A|x", "B"),
        groups=["one", "two"],
        model={},
        data={"root": "cells", "split": "TEST"},
        provenance={},
    )


def rows(text, start):
    """The cells of the lines of a table that begin so."""
    return [
        [cell.strip() for cell in line.strip("| ").split(" | ")]
        for line in text.splitlines()
        if line.startswith(f"| {start}")
    ]


def test_stages_have_their_figures(found):
    text = to_markdown(found)
    assert "2 images (cells, TEST), 0 of them without an answer" in text
    (stage, rates) = rows(text, "TFLite int8, XNNPACK  ")[:2]
    assert stage[1] == "1.0000"
    assert stage[4:] == ["0.5000", "0.5000", "0.2500"]
    assert rates[1:] == ["1.0000 / 1.0000", "1.0000 / 1.0000"]
    assert " A\\|x |" in text  # a name must not end its cell


def test_steps_say_what_changed_and_how_sure_that_is(found):
    text = to_markdown(found)
    (step,) = rows(text, "Keras QAT → TFLite int8, XNNPACK")
    assert step[2:6] == ["1", "0", "1", "1"]
    assert step[6] == "+0.5000"
    assert "1 images have not the same label" in text


@pytest.mark.parametrize("groups", [["one", "two"], None])
def test_intervals_say_what_they_are(found, groups):

    text = to_markdown(dataclasses.replace(found, by_source=groups is not None))
    assert ("by source cell" in text) == (groups is not None)
    assert ("too narrow" in text) == (groups is None)


def test_layers_are_in_the_order_given_with_their_figures():
    text = layers_to_markdown(LAYERS)
    first, second = rows(text, "conv0") + rows(text, "pool0")
    assert first[1:] == ["CONV_2D", "31.2", "30.1", "0.120%", "25.0%", "-1.5000", "20.0", "40.0", "3"]
    assert second[1:5] == ["MAX_POOL_2D", "exact", "29.0", "0.000%"]
    assert text.index("conv0") < text.index("pool0")


def test_picture_of_layers_grows_with_them_and_is_the_same_each_time():
    one, two = (Image.open(io.BytesIO(draw_layers(layers))) for layers in (LAYERS[:1], LAYERS))
    assert two.height > one.height
    assert draw_layers(LAYERS) == draw_layers(LAYERS)


def test_picture_of_layers_that_lose_nothing_can_be_drawn():
    assert draw_layers([LayerError("pool0", "MAX_POOL_2D", 1, 1.0, None, None, 0.0, 0.9, 0.0, None)])


def test_every_stage_has_a_title():
    assert tuple(TITLES) == STAGES
