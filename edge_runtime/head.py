"""The end of a network: its last feature maps, and the linear head that reads each channel's maximum of them.

Read from the graph itself, so that no card need name it, and any network of that kind will do.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError
from edge_runtime.graph import Graph, Operator, Tensor
from edge_runtime.grid import SAME, Grid, trace

_RELU = 1  # of the schema's enumeration ActivationFunctionType
_SAME_VALUES = frozenset({"QUANTIZE", "DEQUANTIZE", "RESHAPE"})  # but for rounding
_ROWS_AND_COLUMNS = {1, 2}

Matrix = npt.NDArray[np.float32]
Source = TypeVar("Source")


@dataclass(frozen=True)
class Head:
    """logits = bias + sum over maps of weights @ (each channel's maximum over the map).

    `maps` are tensors [1, rows, columns, channels], all of the same rows and columns; `weights` float32 [classes,
    channels], one for each; `bias` float32 [classes]; `grid` says where in the picture the maps' positions lie.
    """

    maps: tuple[Tensor, ...]
    weights: tuple[Matrix, ...]
    bias: Matrix
    grid: Grid


def find_head(graph: Graph, *, name: str) -> Head:
    """The head of a network of convolutions, global max-pooling, dense layers without activation, and softmax.

    Several towers, whose logits such layers join, are fine. The weights are then those of all layers multiplied.

    Args:
        graph: the network.
        name: what to call it.

    Raises LeukoliteError when the network is of another kind.
    """
    try:
        made_by = _makers(graph)
        terms, bias = _linear(_logits(graph, made_by), made_by, _pooled)
        maps = tuple(tensor for tensor, _ in terms)
        grids = {trace(tensor, made_by) for tensor in maps}
        if len(grids) != 1:
            raise ValueError(f"feature maps on {len(grids)} grids")
        return Head(maps, tuple(weights for _, weights in terms), bias, grids.pop())
    except (ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError) as error:
        raise LeukoliteError(
            expected=f"convolutions, global max-pooling, dense layers and softmax in {name}, to explain or adapt it",
            found=" ".join(str(error).split())[:300] if isinstance(error, ValueError) else "another graph",
            remedy="use a model that `python -m convert` wrote",
        ) from error


@dataclass(frozen=True)
class Convolution:
    """What makes a map: each channel is the sum of `kernel` over what it `reads`, and `bias`, kept from 0 to `most`.

    `reads` is a tensor [1, rows, columns, channels] of the map's own rows and columns, beyond which lie zeros; `kernel`
    float32 [channels of the map, height, width, channels read], `bias` float32 [channels of the map].
    """

    operator: Operator
    reads: Tensor
    kernel: Matrix
    bias: Matrix
    most: float


def last_convolutions(graph: Graph, head: Head, *, name: str) -> tuple[Convolution, ...]:
    """The convolution that makes each of a head's maps.

    Args:
        graph: the network.
        head: what `find_head` found in it.
        name: what to call it.

    Raises LeukoliteError when a map is made otherwise: by another layer, by strides, in groups of channels, or without
    ReLU; or when something else reads the map, or the layer's numbers.
    """
    try:
        made_by = _makers(graph)
        found = tuple(_convolution(made_by[_skip(tensor, made_by).index], made_by) for tensor in head.maps)
        read = Counter(tensor.index for each in graph.operators for tensor in each.inputs if tensor is not None)
        for each in found:  # else a change of one would change what else reads it
            if any(
                read[tensor.index] != 1 for tensor in (*each.operator.inputs[1:3], *each.operator.outputs) if tensor
            ):
                raise ValueError(f"{each.operator}, parts of which are read twice")
        return found
    except (ValueError, LookupError, AttributeError) as error:
        raise LeukoliteError(
            expected=f"convolutions without strides, and ReLU, before the maxima in {name}",
            found=" ".join(str(error).split())[:300] if isinstance(error, ValueError) else "another graph",
            remedy="use a model that `python -m convert` wrote",
        ) from error


def dense_layers(graph: Graph) -> tuple[list[tuple[Operator, Matrix]], Matrix]:
    """The dense layers that read the maxima, in the order of `Head.maps`, and what comes of their outputs.

    Of a graph that `find_head` takes. Logits are a constant, float32 [classes], and the sum over these layers of a
    matrix, float32 [classes, outputs], times the layer's outputs.

    Raises LookupError or ValueError where a layer does not stand alone between the maxima and what joins the towers.
    """
    made_by = _makers(graph)

    def first(operator: Operator) -> tuple[Operator, Matrix] | None:
        if operator.name != "FULLY_CONNECTED":
            return None
        before = made_by[_skip(_read(operator, 0), made_by).index]
        return (operator, np.eye(operator.outputs[0].shape[-1], dtype=np.float32)) if _pooled(before) else None

    return _linear(_logits(graph, made_by), made_by, first)


def logits_layer(graph: Graph) -> Operator:
    """The dense layer that gives the logits, of a graph that `find_head` takes."""
    made_by = _makers(graph)
    return made_by[_skip(_logits(graph, made_by), made_by).index]


def _convolution(operator: Operator, made_by: Mapping[int, Operator]) -> Convolution:
    """An operator as a convolution; ValueError where it is none of that kind."""
    if operator.name != "CONV_2D":
        raise ValueError(str(operator))
    options, reads, made = operator.options, _read(operator, 0), operator.outputs[0]
    steps = options.strideH, options.strideW, options.dilationHFactor, options.dilationWFactor
    if steps != (1, 1, 1, 1) or options.padding != SAME or options.fusedActivationFunction != _RELU:
        raise ValueError(str(operator))
    most = float("inf")
    if made.scales and made.kind == "INT8":
        most = made.scales[0] * (127 - made.zero_points[0])
    kernel, bias = (_skip(_read(operator, position), made_by).values() for position in (1, 2))
    if kernel.shape[3] != reads.shape[3]:
        raise ValueError(f"{operator} in groups of channels")
    return Convolution(operator, reads, kernel, bias, most)


def _logits(graph: Graph, made_by: Mapping[int, Operator]) -> Tensor:
    """What the softmax at the end reads; ValueError where there is none at the end."""
    softmax = made_by[_skip(graph.outputs[0], made_by).index]
    if softmax.name != "SOFTMAX" or softmax.options.beta != 1:
        raise ValueError(str(softmax))
    return _read(softmax, 0)


def _makers(graph: Graph) -> dict[int, Operator]:
    """Which operator makes a tensor; ValueError where following that back might not end."""
    made_by: dict[int, Operator] = {}
    for operator in reversed(graph.operators):
        made_by.update((tensor.index, operator) for tensor in operator.outputs)
        if any(tensor is not None and tensor.index in made_by for tensor in operator.inputs):
            raise ValueError(f"{operator}, which reads what is not made before it")
    return made_by


def _linear(
    tensor: Tensor, made_by: Mapping[int, Operator], begin: Callable[[Operator], tuple[Source, Matrix] | None]
) -> tuple[list[tuple[Source, Matrix]], Matrix]:
    """A tensor [1, n] as a linear function: a matrix [n, ...] for each source where `begin` ends, a constant [n]."""
    operator = made_by[tensor.index]
    if (found := begin(operator)) is not None:
        return [found], np.zeros(tensor.shape[-1], np.float32)
    if operator.name in _SAME_VALUES:
        return _linear(_read(operator, 0), made_by, begin)
    if operator.name == "CONCATENATION" and not operator.options.fusedActivationFunction:
        return _joined([_linear(part, made_by, begin) for part in operator.inputs if part is not None])
    if operator.name == "FULLY_CONNECTED" and not operator.options.fusedActivationFunction:
        terms, constant = _linear(_read(operator, 0), made_by, begin)
        weights, bias = _skip(_read(operator, 1), made_by).values(), operator.input(2)
        added = np.float32(0) if bias is None else _skip(bias, made_by).values()
        return [(source, weights @ matrix) for source, matrix in terms], weights @ constant + added
    raise ValueError(str(operator))


def _pooled(operator: Operator) -> tuple[Tensor, Matrix] | None:
    """The map whose channels' maxima an operator takes, each in its own place; None for another operator."""
    if operator.name != "REDUCE_MAX":
        return None
    source = _read(operator, 0)
    axes = _read(operator, 1).values()
    if len(source.shape) != 4 or {int(axis) % 4 for axis in axes} != _ROWS_AND_COLUMNS:
        raise ValueError(f"{operator} over axes {axes.tolist()}")
    return source, np.eye(source.shape[-1], dtype=np.float32)


def _joined(parts: list[tuple[list[tuple[Source, Matrix]], Matrix]]) -> tuple[list[tuple[Source, Matrix]], Matrix]:
    """Linear functions side by side."""
    constant = np.concatenate([part for _, part in parts])
    terms, first = [], 0
    for own, part in parts:
        for source, matrix in own:
            rows = np.zeros((len(constant), matrix.shape[1]), np.float32)
            rows[first : first + len(part)] = matrix
            terms.append((source, rows))
        first += len(part)
    return terms, constant


def _skip(tensor: Tensor, made_by: Mapping[int, Operator]) -> Tensor:
    """Where the values of a tensor come from, before steps that only round or shape them."""
    operator = made_by.get(tensor.index)
    return tensor if operator is None or operator.name not in _SAME_VALUES else _skip(_read(operator, 0), made_by)


def _read(operator: Operator, position: int) -> Tensor:
    """What an operator reads there; ValueError where it reads nothing."""
    tensor = operator.input(position)
    if tensor is None:
        raise ValueError(f"{operator} without input {position}")
    return tensor
