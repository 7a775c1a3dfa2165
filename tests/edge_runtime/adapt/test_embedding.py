"""What a head reads of a picture, and which part of the field the picture covers."""

import io
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

from edge_runtime.adapt import tuning
from edge_runtime.adapt.copies import find_copies
from edge_runtime.adapt.embedding import Embedder
from edge_runtime.adapt.refit import shares
from edge_runtime.card import load_card, read_model
from edge_runtime.classifier import MODELS
from edge_runtime.sample import sample_jpeg
from tests.flat import changed

CELLS = Path(__file__).parents[3] / "reports" / "cell" / "bundles"


def embedder(path: Path) -> Embedder:
    content = read_model(path)
    return Embedder(content, load_card(content), name="it")


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("base", ["float32", "int8_ptq"], indirect=True)
def test_head_and_maxima_give_what_the_model_says(base, pixels):
    own = embedder(base)
    for number, color in enumerate(("RED", "GREEN", "BLUE")):
        found = own.embed(png(pixels(color, number)))
        logits = np.concatenate(own.head.weights, axis=1) @ found.maxima + own.head.bias
        # int8 logits have steps of 1/8, of which half moves a probability by a quarter of that at most.
        np.testing.assert_allclose(found.probabilities, shares(logits), rtol=0, atol=1 / 64 + 1 / 256)


SHIPPED = [MODELS / "leukolite-int8.tflite", MODELS / "leukolite-float32.tflite", CELLS / "leukolite-int8.tflite"]


@pytest.mark.parametrize("path", SHIPPED)
def test_the_last_convolutions_make_the_maxima_of_what_they_read(path):
    own = embedder(path)
    found = own.embed(sample_jpeg())
    assert len(own.convolutions) == len(found.reads) == len(own.head.maps)
    maxima = np.concatenate(tuning.maxima([each[np.newaxis] for each in found.reads], own.convolutions), axis=1)[0]
    assert found.maxima.max() > 1
    # int8 maps are rounded to steps of a 255th of their range; the sums of float ones are in another order.
    step = max(each.most for each in own.convolutions) / 255 if own.head.maps[0].scales else 1e-3
    np.testing.assert_allclose(maxima, found.maxima, rtol=0, atol=0.51 * step if step > 1e-3 else step)


def test_maps_that_are_made_otherwise_leave_the_head_alone_to_be_fitted():
    content = bytearray(read_model(CELLS / "leukolite-int8.tflite"))
    card = load_card(bytes(content))

    def strides(tree):
        last = [each for each in tree.subgraphs[0].operators if isinstance(each.builtinOptions, schema.Conv2DOptionsT)]
        last[-1].builtinOptions.strideH = last[-1].builtinOptions.strideW = 2
        tree.subgraphs[0].tensors[last[-1].outputs[0]].shape = [1, 6, 6, 96]

    own = Embedder(changed(bytes(content), strides), card, name="it")
    assert own.convolutions == ()
    assert own.embed(sample_jpeg()).reads == ()


def test_a_turned_picture_is_seen_without_its_margins():
    noise = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8).repeat(10, axis=0).repeat(10, axis=1)
    own = embedder(MODELS / "leukolite-int8.tflite")
    upright, turned = (own.embed(png(each)).picture for each in (noise, np.rot90(noise).copy()))
    assert (upright.shape, turned.shape) == ((120, 160, 3), (120, 90, 3))
    assert find_copies([upright, turned]).tolist() == [0, 0]


def test_a_picture_without_a_cell_is_refused(refused):
    own = embedder(CELLS / "leukolite-int8.tflite")
    with refused("a stained cell in the picture, got none"):
        own.embed(png(np.full((240, 320, 3), 220, np.uint8)))
