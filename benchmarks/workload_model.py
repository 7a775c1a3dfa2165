"""The network of the reference workload, made without training: what it computes is fixed, what it says means nothing.

A depthwise-separable CNN of int8 as the image models of MLPerf Tiny are (Banbury et al. 2021), on 96 x 96 pixels as its
visual wake words, with a sixteenth of their weights so that it can be committed. `python -m benchmarks workload` writes
it; the file in the checkout is the one that is run, so that no version of a library can change it.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as tfl

from benchmarks.graph import Graph

SIDE_PX, CHANNELS, CLASSES, BLOCKS = 96, 32, 10, 4

_SEED = 20_240_501
_ACTIVATION = 6 / 255  # scale of every tensor between layers, zero point -128: what ReLU6 leaves
_WEIGHT = 1 / 127
_SAME, _RELU6 = tfl.Padding.SAME, tfl.ActivationFunctionType.RELU6


def build() -> bytes:
    """The .tflite: uint8 [1, 96, 96, 3] in, int8 [1, 10] out; the same bytes whenever the same flatbuffers packs it."""
    random = np.random.RandomState(_SEED)  # whose numbers numpy promises never to change
    graph, side = Graph(), SIDE_PX // 2
    picture = graph.tensor((1, SIDE_PX, SIDE_PX, 3), np.uint8, 1 / 255, 0)
    last = graph.operator("QUANTIZE", [picture], (1, SIDE_PX, SIDE_PX, 3), np.int8, 1 / 255, -128)
    last = convolve(graph, last, _weights(random, (CHANNELS, 3, 3, 3)), side=side, stride=2, scale=1 / 255)
    for _ in range(BLOCKS):
        last = convolve_depthwise(graph, last, _weights(random, (1, 3, 3, CHANNELS)), side=side)
        last = convolve(graph, last, _weights(random, (CHANNELS, 1, 1, CHANNELS)), side=side)
    pool = tfl.Pool2DOptionsT()
    pool.padding, pool.strideH, pool.strideW, pool.filterHeight, pool.filterWidth = 1, 1, 1, side, side
    last = graph.operator("AVERAGE_POOL_2D", [last], (1, 1, 1, CHANNELS), np.int8, _ACTIVATION, -128, pool)
    operands = _operands(graph, _weights(random, (CLASSES, CHANNELS)), outputs=CLASSES, scale=_ACTIVATION)
    dense = tfl.FullyConnectedOptionsT()
    last = graph.operator("FULLY_CONNECTED", [last, *operands], (1, CLASSES), np.int8, 16 / 255, 0, dense)
    graph.model.subgraphs[0].outputs = [last]
    return graph.finish()


def _weights(random: np.random.RandomState, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    """Pseudo-random weights from -127 to 127."""
    return random.randint(-127, 128, shape).astype(np.int8)


def _operands(graph: Graph, weights: npt.NDArray[Any], *, outputs: int, scale: float) -> list[int]:
    """A layer's weights and its bias of zeros, for an input of this scale."""
    bias = np.zeros(outputs, np.int32 if weights.dtype == np.int8 else weights.dtype)
    return [graph.constant(weights, _WEIGHT), graph.constant(bias, _WEIGHT * scale)]


def convolve(
    graph: Graph, given: int, weights: npt.NDArray[Any], *, side: int, stride: int = 1, scale: float = _ACTIVATION
) -> int:
    """A convolution with ReLU6, int8 or float32 as its weights [outputs, rows, columns, inputs]; the output's tensor.

    `side` is that of the output, `scale` that of the tensor `given`; SAME padding.
    """
    options = tfl.Conv2DOptionsT()
    options.padding, options.strideH, options.strideW, options.fusedActivationFunction = _SAME, stride, stride, _RELU6
    outputs = len(weights)
    operands = [given, *_operands(graph, weights, outputs=outputs, scale=scale)]
    shape, kind = (1, side, side, outputs), weights.dtype.type
    return graph.operator("CONV_2D", operands, shape, kind, _ACTIVATION, -128, options)


def convolve_depthwise(graph: Graph, given: int, weights: npt.NDArray[np.int8], *, side: int) -> int:
    """A depthwise convolution with ReLU6, of weights [1, rows, columns, channels]."""
    channels = weights.shape[-1]
    options = tfl.DepthwiseConv2DOptionsT()
    options.padding, options.strideH, options.strideW, options.depthMultiplier = _SAME, 1, 1, 1
    options.fusedActivationFunction = _RELU6
    operands = [given, *_operands(graph, weights, outputs=channels, scale=_ACTIVATION)]
    return graph.operator("DEPTHWISE_CONV_2D", operands, (1, side, side, channels), np.int8, _ACTIVATION, -128, options)
