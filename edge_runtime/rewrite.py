"""The same network with another end, or with other units of its logits: numbers change, the graph stays.

An int8 graph stays integer throughout, by the rules of `convert/proof.py`: weights symmetric as they were, one scale or
one for each class; biases in units of input times weight; one scale for all that a concatenation joins.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.graph import Graph, Operator, Tensor, pack, read_graph
from edge_runtime.head import Convolution, Head, dense_layers, logits_layer
from edge_runtime.model import Model
from edge_runtime.quantization import Quantization

Reals = npt.NDArray[np.float64]

# What int8 logits may be beyond those of the pictures at hand, at each end, in their span: other pictures differ.
_MARGIN = 0.25
_LARGEST = 127  # of symmetric int8 weights
_SMALLEST = 1e-6  # a layer of zeros needs a scale too
_SHAPES_ONLY = frozenset({"CONCATENATION", "RESHAPE"})  # what they read and write has one scale
# Floats beside a quotient, the nearest first, among which a scale with the right rounding is looked for: 4000 to either
# side, 5e-4 of it at most, so that a temperature keeps three digits in the worst case. Most need some ten.
_NEAR, _NEXT = (np.array(sorted(range(-reach, reach + 1), key=abs), np.int32) for reach in (4000, 2))


def with_head(
    content: bytes,
    head: Head,
    *,
    features: Sequence[npt.NDArray[np.float32]],
    convolutions: Sequence[Convolution] = (),
    name: str,
) -> bytes:
    """The same model with other weights and another bias at its end.

    With several towers, each gets its part of the weights and an equal part of the bias; what joins them stays.

    Args:
        content: the bytes of a .tflite that `find_head` takes; what lies behind the model is left out.
        head: what `find_head` found there, with other `weights` and `bias`, in float32.
        features: for each of `head.maps` each channel's maximum over it, float32 [n, channels], of some pictures. An
            int8 model's logits get a range that holds theirs and a quarter of the span more at each end.
        convolutions: what `last_convolutions` found there, with other `kernel` and `bias`, in float32; their outputs
            keep their range. Of none, what makes the maps stays.
        name: what to call the model.

    Raises LeukoliteError when the layers cannot take them, or XNNPACK would no longer run all that it ran.
    """
    try:
        tree = _Tree(content)
        for convolution in convolutions:
            tree.set_weights(convolution.operator, convolution.kernel, convolution.bias)
        layers, constant = dense_layers(tree.graph)
        if len(layers) != len(head.maps):
            raise ValueError(f"{len(layers)} dense layers behind {len(head.maps)} feature maps")
        given = []
        for (layer, joins), weights, maxima in zip(layers, head.weights, features, strict=True):
            own = np.linalg.solve(joins.astype(np.float64), weights)
            bias = np.linalg.solve(joins.astype(np.float64), (head.bias - constant) / len(layers))
            tree.set_weights(layer, own, bias)
            given.append(maxima @ own.T + bias)
        last = logits_layer(tree.graph)
        joint = tree.alike(layer.outputs[0] for layer, _ in layers)
        if last.outputs[0].index not in joint:  # what joins the towers is a layer of its own
            joined = head.bias + sum(each @ own.T for each, own in zip(features, head.weights, strict=True))
            tree.set_range(tree.alike(last.outputs), np.asarray(joined))
        tree.set_range(joint, np.stack(given))
    except (ValueError, LookupError, np.linalg.LinAlgError) as error:
        raise _other(name, error) from error
    return _checked(tree.pack(), content, name=name)


def with_temperature(content: bytes, temperature: float, *, name: str) -> bytes:
    """The same model with its logits divided by a temperature, a positive number.

    Of an int8 model only scales change: XNNPACK computes the same integers up to the logits, bit for bit, since the
    scale by which it divides a layer's sums, float32(input * weight) / output, stays the same number.

    Args:
        content: the bytes of a .tflite that `find_head` takes; what lies behind the model is left out.
        temperature: above 1 for a model that is too sure of itself (Guo et al. 2017, arXiv:1706.04599).
        name: what to call the model.

    Raises LeukoliteError when the layer that gives the logits shares its weights with another.
    """
    try:
        tree = _Tree(content)
        last = logits_layer(tree.graph)
        if last.outputs[0].scales:
            tree.divide(last, temperature)
        else:
            weights, bias = tree.constant(last, 1), tree.constant(last, 2)
            for constant in (weights, bias):
                if constant is not None:
                    tree.store(constant, constant.values() / temperature)
    except (ValueError, LookupError) as error:
        raise _other(name, error) from error
    return _checked(tree.pack(), content, name=name)


class _Tree:
    """A model as objects of the schema that can be changed, beside the graph as it was."""

    def __init__(self, content: bytes) -> None:
        self.graph: Graph = read_graph(content)
        self._model = schema.ModelT.InitFromPackedBuf(content)
        self._tensors = self._model.subgraphs[0].tensors
        self._made_by: Mapping[int, Operator] = {
            tensor.index: operator for operator in self.graph.operators for tensor in operator.outputs
        }

    def pack(self) -> bytes:
        """The bytes of the changed model."""
        return pack(self._model)

    def constant(self, operator: Operator, position: int) -> Tensor | None:
        """The constant that an operator reads there, as it is or by way of float16; None where it reads nothing.

        Raises ValueError when others read it too, or it is none.
        """
        tensor = operator.input(position)
        while tensor is not None:
            if sum(tensor in each.inputs for each in self.graph.operators) != 1:
                raise ValueError(f"{tensor}, which several operators read")
            if tensor.constant:
                return tensor
            tensor = self._made_by[tensor.index].input(0) if tensor.index in self._made_by else None
            if tensor is None:
                raise ValueError(f"{operator} whose input {position} is not constant")
        return None

    def set_weights(self, layer: Operator, weights: npt.ArrayLike, bias: npt.ArrayLike) -> None:
        """Give a layer weights [outputs, ...] and a bias [outputs], in the kinds of number that it has."""
        old, added, read = self.constant(layer, 1), self.constant(layer, 2), layer.input(0)
        if old is None or added is None or read is None:
            raise ValueError(f"{layer} without weights or bias")
        scales = self.store(old, weights)
        if added.kind == "INT32":
            self.store(added, bias, scales=[scale * read.scales[0] for scale in scales])
        else:
            self.store(added, bias)

    def store(self, tensor: Tensor, values: npt.ArrayLike, *, scales: Sequence[float] = ()) -> tuple[float, ...]:
        """Give a constant other real values; the scales that it has then, as many as before.

        Those of int8 are made to fit, each row's or that of all, unless they are given.
        """
        real = np.asarray(values, np.float64)
        if not np.isfinite(real).all():
            raise ValueError(f"{tensor} of values that are not finite")
        if tensor.scales and not scales:
            peaks = np.abs(real).reshape(len(tensor.scales), -1).max(axis=1)
            scales = (np.maximum(peaks, _SMALLEST) / _LARGEST).tolist()
        scales = tuple(float(np.float32(scale)) for scale in scales)
        kind = np.dtype(tensor.kind.lower())
        rows = real.reshape(max(len(scales), 1), -1)
        stored = [Quantization(kind, scale, 0).quantize(row) for scale, row in zip(scales or (0.0,), rows, strict=True)]
        self._write(tensor, np.stack(stored))
        if scales:
            self._tensors[tensor.index].quantization.scale = list(scales)
        return scales

    def _write(self, tensor: Tensor, stored: npt.NDArray[Any]) -> None:
        """Other bytes; a buffer that several tensors share is left to the others."""
        own = self._tensors[tensor.index]
        if sum(each.buffer == own.buffer for each in self._tensors) > 1:
            own.buffer = len(self._model.buffers)
            self._model.buffers.append(schema.BufferT())
        self._model.buffers[own.buffer].data = np.frombuffer(stored.tobytes(), np.uint8)

    def alike(self, tensors: Iterable[Tensor]) -> frozenset[int]:
        """The numbers of tensors, and of all behind them that have the same values in another shape."""
        found = {tensor.index for tensor in tensors}
        for operator in self.graph.operators:
            if operator.name in _SHAPES_ONLY and any(each and each.index in found for each in operator.inputs):
                found.update(tensor.index for tensor in operator.outputs)
        return frozenset(found)

    def set_range(self, indices: frozenset[int], values: Reals) -> None:
        """Give tensors of int8, if they are, one scale and zero point for such values and some beyond them."""
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        margin = _MARGIN * max(high - low, _SMALLEST)
        scale = float(np.float32((high - low + 2 * margin) / 255))
        zero_point = int(np.clip(round(-128 - (low - margin) / scale), -128, 127))
        for index in indices:
            if self.graph.tensors[index].scales:
                self._rescale(index, [scale], [zero_point])

    def divide(self, layer: Operator, temperature: float) -> None:
        """Divide an int8 layer's scales, those of its weights, bias and outputs, so that its integers stay."""
        weights, bias, read = self.constant(layer, 1), self.constant(layer, 2), layer.input(0)
        if weights is None or read is None:
            raise ValueError(f"{layer} without weights")
        scale, *others = (np.float32(each) for each in (layer.outputs[0].scales[0], *weights.scales))
        output, divided = _divide(np.float32(read.scales[0]), np.array(others), scale, temperature=temperature)
        self._rescale(weights.index, divided.tolist())
        if bias is not None:
            self._rescale(bias.index, (divided * np.float32(read.scales[0])).tolist())
        for index in self.alike(layer.outputs):
            self._rescale(index, [float(output)])

    def _rescale(self, index: int, scales: list[float], zero_points: list[int] | None = None) -> None:
        """Other scales of a tensor; the range that a converter may have noted is of the old ones."""
        quantization = self._tensors[index].quantization
        quantization.scale, quantization.min, quantization.max = scales, None, None
        if zero_points is not None:
            quantization.zeroPoint = zero_points


def _divide(
    read: np.float32, weights: npt.NDArray[np.float32], output: np.float32, *, temperature: float
) -> tuple[np.float32, npt.NDArray[np.float32]]:
    """The scales of a layer's output and of its weights, divided so that XNNPACK's factor stays the same float32.

    Rounding moves the factor by a step or so: of the floats beside the quotient, the nearest is taken with which it
    does not.
    """
    wanted = read * weights / output
    for divided in _beside(np.array([output / np.float32(temperature)]), _NEAR)[:, 0]:
        near = _beside(wanted.astype(np.float64) * divided / read, _NEXT)  # [neighbours, weights]
        same = read * near / divided == wanted
        if same.any(axis=0).all():
            return divided, near[same.argmax(axis=0), range(len(weights))]
    raise ValueError(f"scales that cannot be divided by {temperature:g}")


def _beside(values: npt.NDArray[Any], steps: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
    """The floats so many steps from some positive numbers: float32 [steps, n]."""
    return (values.astype(np.float32).view(np.int32) + steps[:, np.newaxis]).view(np.float32)


def _checked(changed: bytes, content: bytes, *, name: str) -> bytes:
    """The changed model, if XNNPACK runs of it what it ran before."""
    before = Model(content).delegated
    try:
        now = Model(changed).delegated
        found = f"{_described(now)} instead of {_described(before)}"
    except LeukoliteError as error:  # it can also take a layer and then fail to make it
        now, found = (), error.found
        before = before or ((),)
    if before != now:
        raise LeukoliteError(
            expected=f"weights with which XNNPACK runs all of {name} that it ran before",
            found=found,
            remedy="scale them, or keep the model as it is",
        )
    return changed


def _described(parts: Sequence[Sequence[int]]) -> str:
    """What XNNPACK hands on, in words."""
    return f"tensors {', '.join(map(str, itertools.chain(*parts)))} from it" if parts else "nothing from it"


def _other(name: str, error: Exception) -> LeukoliteError:
    """What to say of a graph that is not of the kind."""
    return LeukoliteError(
        expected=f"dense layers of their own between feature maps and softmax in {name}, to give it other weights",
        found=reason(error)[:300],
        remedy="use a model that `python -m convert` wrote",
    )
