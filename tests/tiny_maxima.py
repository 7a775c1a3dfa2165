"""A classifier of plain colours that reads each channel's maximum, as our networks do: for tests of other heads.

Six channels say how red, green and blue a pixel is and is not. The head knows BLUE and DARK, and takes GREEN for RED.
"""

from dataclasses import replace

import numpy as np
from ai_edge_litert import schema_py_generated as tfl

from benchmarks.graph import Graph
from edge_runtime.card import attach
from edge_runtime.golden import golden_record
from edge_runtime.model import Model
from tests.tiny_model import CARD, HEIGHT_PX, WIDTH_PX

_PIXEL, _SHARE, _LOGIT = 1 / 255, 1 / 256, 32 / 255
_WEIGHT = 8 / 127
_CHANNELS = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)
_ADDED = np.array([0, 0, 0, 1, 1, 1], np.float32)
_HEAD = np.array([[-4, -4, 8, 0, 0, 0], [-4, -4, -4, 2, 2, 2], [8, -4, -4, 0, 0, 0], [8, 8, -4, 0, 0, 0]], np.float32)
_BIAS = np.array([0, 0, -2, 0], np.float32)


def bundle_bytes(*, variant: str = "float32") -> bytes:
    """A whole bundle, `float32` or `int8_ptq`."""
    content = model_bytes(quantized=variant != "float32")
    return attach(content, replace(CARD, variant=variant, golden=golden_record(Model(content))))


def model_bytes(*, quantized: bool) -> bytes:
    """The .tflite alone."""
    graph = Graph()
    picture = graph.tensor((1, HEIGHT_PX, WIDTH_PX, 3), np.uint8, _PIXEL, 0)
    (kind, zero), first = ((np.int8, -128), "QUANTIZE") if quantized else ((np.float32, 0), "DEQUANTIZE")
    pixels = graph.operator(first, [picture], (1, HEIGHT_PX, WIDTH_PX, 3), kind, _PIXEL, zero)
    convolution, reducer, dense, softmax = (
        tfl.Conv2DOptionsT(),
        tfl.ReducerOptionsT(),
        tfl.FullyConnectedOptionsT(),
        tfl.SoftmaxOptionsT(),
    )
    convolution.strideW = convolution.strideH = 1
    convolution.fusedActivationFunction = tfl.ActivationFunctionType.RELU
    softmax.beta = 1.0
    parts = [_CHANNELS.reshape(6, 1, 1, 3), _ADDED, _HEAD, _BIAS]
    scales = [1 / 127, _PIXEL / 127, _WEIGHT, _WEIGHT * _PIXEL]
    if quantized:
        kinds = (np.int8, np.int32) * 2
        parts = [np.round(part / scale).astype(own) for part, scale, own in zip(parts, scales, kinds, strict=True)]
    weights, added, head, bias = (graph.constant(part, scale) for part, scale in zip(parts, scales, strict=True))
    shape = (1, HEIGHT_PX, WIDTH_PX, 6)
    maps = graph.operator("CONV_2D", [pixels, weights, added], shape, kind, _PIXEL, zero, convolution)
    axes = graph.constant(np.array([1, 2], np.int32), 0)
    maxima = graph.operator("REDUCE_MAX", [maps, axes], (1, 6), kind, _PIXEL, zero, reducer)
    logits = graph.operator("FULLY_CONNECTED", [maxima, head, bias], (1, 4), kind, _LOGIT, 0, dense)
    shares = graph.operator("SOFTMAX", [logits], (1, 4), kind, _SHARE, zero, softmax)
    if quantized:
        shares = graph.operator("QUANTIZE", [shares], (1, 4), np.uint8, _SHARE, 0)
    graph.model.subgraphs[0].outputs = [shares]
    return graph.finish()
