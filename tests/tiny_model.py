"""A classifier of plain colours, built in milliseconds without TensorFlow.

The runtime's tests need a model whose answers they know; a trained one would be slow, and its answers a surprise.
The graph averages the picture and applies one dense layer, as float32 or in int8 inside, uint8 in either way.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from benchmarks.graph import Graph
from edge_runtime.card import INTENDED_USE, SCHEMA_VERSION, Card, InputSpec, attach
from edge_runtime.files import sha256
from edge_runtime.golden import golden_record
from edge_runtime.image import BACKGROUND, DECODE_RULE, RESIZE_RULE
from edge_runtime.integrity import SUMS_NAME
from edge_runtime.model import Model
from edge_runtime.view import CELL, FIELD

HEIGHT_PX, WIDTH_PX = 12, 16
LABELS = ("BLUE", "DARK", "GREEN", "RED")

# Logits for a mean colour (r, g, b), each 0 to 1. White and mid-grey fit no class well, on purpose.
_WEIGHTS = np.array([[-4, -4, 8], [-1, -1, -1], [-4, 8, -4], [8, -4, -4]], np.float32)
_BIAS = np.array([0, 2, 0, 0], np.float32)

_PIXEL, _LOGIT, _SHARE = 1 / 255, 16 / 255, 1 / 256  # int8 scales; the logits span -8 to 8
_WEIGHT = 8 / 127

CARD = Card(
    schema_version=SCHEMA_VERSION,
    labels=LABELS,
    input=InputSpec(HEIGHT_PX, WIDTH_PX, "RGB", RESIZE_RULE, DECODE_RULE, BACKGROUND, FIELD, HEIGHT_PX, WIDTH_PX),
    normalization={"mean": 0.0, "std": 255.0},
    temperature=1.0,
    abstain_below=0.0,
    variant="int8_ptq",
    training={"recipe": "none: the weights are written by hand"},
    accuracy=None,
    golden={
        "input_sha256": "46a717dd4bd6a5ab99ab4a5cf070a533cf18c59a652f400e0543e15938994fcc",
        "output": [55, 91, 55, 55],  # of the int8 model: the golden picture is dark
    },
    runtime="2.1.0",
    licence="MIT",
    intended_use=INTENDED_USE,
)


# A model of the cell view: its picture is a crop of a field of 160 x 120.
CELL_SPEC = replace(CARD.input, view=CELL, field_height=120, field_width=160)


def bundle_bytes(*, variant: str = "int8_ptq", **changes: object) -> bytes:
    """A whole bundle; `changes` are fields of its card."""
    content = model_bytes(quantized=variant != "float32")
    if variant == "float32":
        changes = {"golden": golden_record(Model(content)), **changes}
    return attach(content, replace(CARD, variant=variant, **changes))


def save(path: Path, content: bytes) -> Path:
    """Write a bundle and, beside it, the SHA256SUMS that vouches for it: what is vouched for is loaded at once."""
    path.write_bytes(content)
    (path.parent / SUMS_NAME).write_text(f"{sha256(content)}  {path.name}\n")
    return path


def model_bytes(
    *,
    quantized: bool = True,
    shape: tuple[int, ...] = (1, HEIGHT_PX, WIDTH_PX, 3),
    dtype: type = np.uint8,
    headless: bool = False,
) -> bytes:
    """The .tflite alone; `shape`, `dtype` (of the input) and `headless` make models that the runtime must refuse."""
    graph = Graph()
    picture = graph.tensor(shape, dtype, _PIXEL, 0)
    if shape != (1, HEIGHT_PX, WIDTH_PX, 3) or dtype != np.uint8 or headless:
        graph.model.subgraphs[0].outputs = [picture]
        return graph.finish()
    (kind, zero), first = ((np.int8, -128), "QUANTIZE") if quantized else ((np.float32, 0), "DEQUANTIZE")
    pixels = graph.operator(first, [picture], shape, kind, _PIXEL, zero)
    pool = tfl.Pool2DOptionsT()
    pool.padding, pool.strideH, pool.strideW, pool.filterHeight, pool.filterWidth = 1, 1, 1, *shape[1:3]
    mean = graph.operator("AVERAGE_POOL_2D", [pixels], (1, 1, 1, 3), kind, _PIXEL, zero, pool)
    if quantized:
        weights = graph.constant(np.round(_WEIGHTS / _WEIGHT).astype(np.int8), _WEIGHT)
        bias = graph.constant(np.round(_BIAS / (_WEIGHT * _PIXEL)).astype(np.int32), _WEIGHT * _PIXEL)
    else:
        weights, bias = graph.constant(_WEIGHTS, 0), graph.constant(_BIAS, 0)
    dense = tfl.FullyConnectedOptionsT()
    logits = graph.operator("FULLY_CONNECTED", [mean, weights, bias], (1, 4), kind, _LOGIT, 0, dense)
    softmax = tfl.SoftmaxOptionsT()
    softmax.beta = 1.0
    shares = graph.operator("SOFTMAX", [logits], (1, 4), kind, _SHARE, zero, softmax)
    if quantized:
        shares = graph.operator("QUANTIZE", [shares], (1, 4), np.uint8, _SHARE, 0)
    graph.model.subgraphs[0].outputs = [shares]
    return graph.finish()
