"""Where in the picture the positions of a feature map look."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.graph import Operator, Tensor

_POSITIONWISE = frozenset({"QUANTIZE", "DEQUANTIZE", "CAST", "RELU", "RELU6", "MUL"})
_CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})
_POOLS = frozenset({"MAX_POOL_2D", "AVERAGE_POOL_2D"})
SAME, _VALID = 0, 1  # of the schema's enumeration Padding


@dataclass(frozen=True)
class Axis:
    """One axis of a map, in pixels of the network's input, whose first pixel reaches from 0 to 1.

    Position i looks at `reach_px` pixels around first_px + i * step_px.
    """

    length: int
    first_px: float
    step_px: int
    reach_px: int

    def middles_px(self) -> npt.NDArray[np.float64]:
        """The middles of what its positions look at, float64 [length]."""
        return self.first_px + self.step_px * np.arange(self.length, dtype=np.float64)


@dataclass(frozen=True)
class Grid:
    """Both axes of a map."""

    rows: Axis
    columns: Axis


def trace(tensor: Tensor, made_by: Mapping[int, Operator]) -> Grid:
    """The grid of a tensor [1, rows, columns, channels], by way of all that made it.

    Of a convolution or pool with kernel k, stride s and padding p, position i is made from i s - p to i s - p + k - 1
    of what it reads (Dumoulin and Visin 2016, arXiv:1603.07285, section 2).

    Raises ValueError when it was made by anything but a chain of convolutions, pools and foldings.
    """
    vertical, horizontal = (1, 0.0, 1), (1, 0.0, 1)
    now = tensor
    while (operator := made_by.get(now.index)) is not None:
        source = operator.inputs[0]
        if source is None or len(source.shape) != 4 or (operator.name == "MUL" and not _scales(operator, made_by)):
            raise ValueError(str(operator))
        if operator.name == "SPACE_TO_DEPTH":
            side = operator.options.blockSize
            vertical, horizontal = (
                _before(way, length, side, side, _VALID)
                for way, length in zip((vertical, horizontal), source.shape[1:3], strict=True)
            )
        elif operator.name in _CONVOLUTIONS | _POOLS:
            (down, across), options = _kernel(operator), operator.options
            vertical = _before(vertical, source.shape[1], down, options.strideH, options.padding)
            horizontal = _before(horizontal, source.shape[2], across, options.strideW, options.padding)
        elif operator.name not in _POSITIONWISE:
            raise ValueError(str(operator))
        now = source
    return Grid(*(_axis(length, *way) for length, way in zip(tensor.shape[1:3], (vertical, horizontal), strict=True)))


def _scales(operator: Operator, made_by: Mapping[int, Operator]) -> bool:
    """Whether a multiplication is by numbers in the file, which may be of another kind there."""
    by = operator.input(1)
    if by is not None and (maker := made_by.get(by.index)) is not None and maker.name == "DEQUANTIZE":
        by = maker.input(0)
    return by is not None and by.constant


def _kernel(operator: Operator) -> tuple[int, int]:
    """Rows and columns that a position is made from."""
    options = operator.options
    if operator.name in _POOLS:
        return options.filterHeight, options.filterWidth
    weights = operator.inputs[1]
    if weights is None:
        raise ValueError(str(operator))
    height, width = weights.shape[1:3]
    return (height - 1) * options.dilationHFactor + 1, (width - 1) * options.dilationWFactor + 1


def _before(way: tuple[int, float, int], length: int, kernel: int, stride: int, padding: int) -> tuple[int, float, int]:
    """Step, middle of position 0 and reach, in positions of what an operator reads and not of what it writes."""
    step, first, reach = way
    lacking = max(0, (-(-length // stride) - 1) * stride + kernel - length) if padding == SAME else 0
    return step * stride, first * stride + (kernel - 1) / 2 - lacking // 2, (reach - 1) * stride + kernel


def _axis(length: int, step: int, first: float, reach: int) -> Axis:
    """The axis of a way that has arrived at pixels, whose middles are at a half."""
    return Axis(length=length, first_px=first + 0.5, step_px=step, reach_px=reach)
