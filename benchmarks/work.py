"""How much a network computes and moves: multiply-adds and bytes of its layers, by their shapes."""

import math
from dataclasses import dataclass

from edge_runtime.errors import LeukoliteError
from edge_runtime.graph import Operator, Tensor, read_graph

# A weight is used once for each place of the output; those of a fully connected layer have one place.
PER_PLACE = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
WEIGHTS = 1  # which input of these they are

_BYTES = {
    "INT8": 1, "UINT8": 1, "BOOL": 1, "INT16": 2, "FLOAT16": 2, "INT32": 4, "FLOAT32": 4, "INT64": 8, "FLOAT64": 8,
}  # fmt: skip


@dataclass(frozen=True)
class Work:
    """Multiply-adds, and the bytes of all that is read or written, each once: weights, inputs and outputs."""

    multiply_adds: int
    moved_bytes: int

    @property
    def intensity(self) -> float:
        """Multiply-adds a byte, the abscissa of a roofline (Williams, Waterman and Patterson 2009)."""
        return self.multiply_adds / self.moved_bytes


def work(operator: Operator) -> Work:
    """Of one operator, for one picture; LeukoliteError for tensors of a kind whose size is not known."""
    weights, places = operator.input(WEIGHTS), math.prod(operator.outputs[0].shape[:-1])
    per_place = math.prod(weights.shape) if operator.name in PER_PLACE and weights is not None else 0
    tensors = {tensor.index: tensor for tensor in operator.tensors()}.values()
    return Work(places * per_place, sum(map(_bytes, tensors)))


def multiply_adds(model: bytes) -> int:
    """Of one picture, in convolutions and fully connected layers; what else there is multiplies next to nothing.

    Raises LeukoliteError for a model that has neither.
    """
    total = sum(work(operator).multiply_adds for operator in read_graph(model).operators)
    if not total:
        raise LeukoliteError(
            expected=f"a network with {', '.join(PER_PLACE)}", found="none of them", remedy="use another model"
        )
    return total


def parameters(model: bytes) -> int:
    """The weights and biases of its convolutions and fully connected layers."""
    layers = (each for each in read_graph(model).operators if each.name in PER_PLACE)
    return sum(math.prod(tensor.shape) for each in layers for tensor in each.inputs[WEIGHTS:] if tensor is not None)


def multiplied(model: bytes) -> str:
    """The kind of number that its layers multiply, as the schema calls it; several are named one after the other."""
    layers = (each for each in read_graph(model).operators if each.name in PER_PLACE)
    kinds = dict.fromkeys(t.kind for each in layers for t in each.inputs[: WEIGHTS + 1] if t is not None)
    return ", ".join(kinds)


def _bytes(tensor: Tensor) -> int:
    """What a tensor takes."""
    if tensor.kind not in _BYTES:
        raise LeukoliteError(
            expected=f"tensors of {', '.join(_BYTES)}", found=f"{tensor}, {tensor.kind}", remedy="use another model"
        )
    return math.prod(tensor.shape) * _BYTES[tensor.kind]
