"""Layers and networks that might be built, of random weights, to see which shapes fill a processor's vectors.

They are counted, not trained: how many instructions a network takes does not depend on its weights, and whether it
learns as much, only `python -m train crossval` says. Activations are clipped by ReLU6, which costs what ReLU does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as tfl

from benchmarks.graph import Graph
from benchmarks.workload_model import convolve, convolve_depthwise

PICTURE_PX, CLASSES, SIDE = 96, 4, 12
_SCALE = 6 / 255  # of what ReLU6 leaves

INPUTS = (3, 4, 8, 12, 16, 24, 32, 48, 64)
OUTPUTS = (4, 8, 12, 16, 24, 32, 48, 64, 72, 96)
STRIDED = ((24, 48), (32, 64), (48, 72), (48, 80))
STEMS = ((1, 16), (1, 24), (1, 32), (2, 16), (2, 24), (2, 32), (2, 48), (4, 32), (4, 48))
DEPTHWISE = (24, 32, 64, 96)


@dataclass(frozen=True)
class Architecture:
    """A cell view's network by the options of `python -m train` that make it, as train/network.py has them."""

    widths: tuple[int, ...]
    strided: int
    space_to_depth: int = 1
    crop: int = PICTURE_PX

    @property
    def options(self) -> str:
        """What `python -m train float --preset cell` is given."""
        words = f"--widths {','.join(map(str, self.widths))} --strided {self.strided}"
        words += f" --space-to-depth {self.space_to_depth}" if self.space_to_depth > 1 else ""
        return words + (f" --crop {self.crop} --zoom {self.crop / 128:g}" if self.crop != PICTURE_PX else "")


ARCHITECTURES = (
    Architecture((24, 48, 72, 96), 2),  # preset cell as it is
    Architecture((16, 32, 64, 128), 2),
    Architecture((24, 48, 72, 96), 3),
    Architecture((16, 48, 80, 128), 3),
    Architecture((16, 48, 96, 112), 3),
    Architecture((48, 64, 96), 1, space_to_depth=2),
    Architecture((48, 96, 128), 2, space_to_depth=2),
    Architecture((48, 72, 96), 2, space_to_depth=2),
    Architecture((24, 48, 72, 96), 2, crop=80),
    Architecture((16, 32, 64, 128), 4),
    Architecture((24, 48, 64, 96), 2, space_to_depth=2),
    Architecture((32, 48, 80, 112), 3, space_to_depth=2),
    Architecture((48, 64, 128), 1, space_to_depth=4),
)


class Chain:
    """An int8 network, layer after layer; `side` and `channels` are those of its last tensor."""

    def __init__(self, side: int, channels: int) -> None:
        self.side, self.channels, self._graph = side, channels, Graph()
        self._random = np.random.RandomState(1)
        self._last = self._graph.tensor((1, side, side, channels), np.int8, _SCALE, -128)

    def convolution(self, width: int, *, kernel: int = 3, stride: int = 1) -> "Chain":
        """Append one, of so many output channels."""
        self.side = -(-self.side // stride)
        weights = self._weights((width, kernel, kernel, self.channels))
        self._last = convolve(self._graph, self._last, weights, side=self.side, stride=stride)
        self.channels = width
        return self

    def depthwise(self) -> "Chain":
        """Append a 3 x 3 one of each channel by itself."""
        weights = self._weights((1, 3, 3, self.channels))
        self._last = convolve_depthwise(self._graph, self._last, weights, side=self.side)
        return self

    def pool(self) -> "Chain":
        """Append 2 x 2 max-pooling."""
        options = tfl.Pool2DOptionsT()
        options.padding = tfl.Padding.VALID
        options.strideH = options.strideW = options.filterHeight = options.filterWidth = 2
        return self._resized("MAX_POOL_2D", self.side // 2, self.channels, options)

    def space_to_depth(self, side: int) -> "Chain":
        """Let squares of positions become one with all their channels."""
        options = tfl.SpaceToDepthOptionsT()
        options.blockSize = side
        return self._resized("SPACE_TO_DEPTH", self.side // side, self.channels * side**2, options)

    def head(self, classes: int) -> "Chain":
        """Append the largest value of each channel, and a dense layer."""
        graph, options = self._graph, tfl.ReducerOptionsT()
        axes = graph.constant(np.array([1, 2], np.int32), 1.0)
        shape = (1, self.channels)
        self._last = graph.operator("REDUCE_MAX", [self._last, axes], shape, np.int8, _SCALE, -128, options)
        weights = graph.constant(self._weights((classes, self.channels)), 1 / 127)
        bias = graph.constant(np.zeros(classes, np.int32), _SCALE / 127)
        dense = tfl.FullyConnectedOptionsT()
        operands = [self._last, weights, bias]
        self._last = graph.operator("FULLY_CONNECTED", operands, (1, classes), np.int8, 16 / 255, 0, dense)
        return self

    def finish(self) -> bytes:
        """The .tflite."""
        self._graph.model.subgraphs[0].outputs = [self._last]
        return self._graph.finish()

    def _resized(self, name: str, side: int, channels: int, options: object) -> "Chain":
        """Append an operator without weights."""
        shape = (1, side, side, channels)
        self._last = self._graph.operator(name, [self._last], shape, np.int8, _SCALE, -128, options)
        self.side, self.channels = side, channels
        return self

    def _weights(self, shape: Sequence[int]) -> npt.NDArray[np.int8]:
        """Noise."""
        return self._random.randint(-127, 128, shape).astype(np.int8)


def network(architecture: Architecture) -> bytes:
    """The .tflite of an architecture, as train/network.py builds it for the device."""
    chain = Chain(architecture.crop, 3)
    if architecture.space_to_depth > 1:
        chain.space_to_depth(architecture.space_to_depth)
    for depth, width in enumerate(architecture.widths):
        chain.convolution(width, stride=2 if depth < architecture.strided else 1)
        if architecture.strided <= depth < len(architecture.widths) - 1:
            chain.pool()
    return chain.head(CLASSES).finish()


def sweep() -> Iterator[tuple[str, str, bytes]]:
    """What is counted: the group and the name of a candidate, and its .tflite."""
    for channels in INPUTS:
        yield "input channels", f"3x3 {channels}>32", Chain(SIDE, channels).convolution(32).finish()
    for width in OUTPUTS:
        yield "output channels", f"3x3 32>{width}", Chain(SIDE, 32).convolution(width).finish()
    for channels, width in STRIDED:
        name = f"3x3 {channels}>{width}"
        yield "stride", name, Chain(SIDE, channels).convolution(width).finish()
        yield "stride", f"{name} /2", Chain(2 * SIDE, channels).convolution(width, stride=2).finish()
    for side, width in STEMS:
        chain = Chain(PICTURE_PX, 3)
        name = f"3x3 3>{width} /2"
        if side > 1:
            chain.space_to_depth(side)
            name = f"space-to-depth {side}, 3x3 {3 * side**2}>{width}{' /2' if side == 2 else ''}"
        yield "first layer", name, chain.convolution(width, stride=1 if side == 4 else 2).finish()
    for channels in DEPTHWISE:
        yield "depthwise", f"3x3 of {channels} each", Chain(SIDE, channels).depthwise().finish()
        yield "depthwise", f"1x1 {channels}>{channels}", Chain(SIDE, channels).convolution(channels, kernel=1).finish()
    for architecture in ARCHITECTURES:
        yield "network", architecture.options, network(architecture)
