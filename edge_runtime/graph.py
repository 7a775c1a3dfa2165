"""A .tflite as its operators and tensors, read without running it.

For the proofs of conversion, and for explaining. Classifying needs none of it and does without: to import the schema
takes longer than to import LiteRT.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.quantization import Quantization

_NUMBERS = frozenset({"FLOAT16", "FLOAT32", "INT8", "UINT8", "INT16", "INT32", "INT64"})
NAME_CHARACTERS = 48  # the converter joins the names of all that it fused


@dataclass(frozen=True)
class Tensor:
    """One tensor; `kind` is a name of the schema's TensorType. No scales: it is not quantised.

    `data` are the bytes of one that is constant, uint8 [bytes], else None.
    """

    index: int
    name: str
    kind: str
    shape: tuple[int, ...]
    scales: tuple[float, ...]
    zero_points: tuple[int, ...]
    axis: int
    data: npt.NDArray[np.uint8] | None = field(repr=False, compare=False)

    @property
    def constant(self) -> bool:
        """Whether its values are in the file."""
        return self.data is not None

    def values(self) -> npt.NDArray[np.float32]:
        """The real values of one that is constant, float32, in its shape.

        Raises ValueError when it is computed, or holds none of the numbers that NumPy has by that name.
        """
        if self.data is None:
            raise ValueError(f"{self} is not constant")
        if self.kind not in _NUMBERS:
            raise ValueError(f"{self} is {self.kind}")
        stored = self.data.view(self.kind.lower()).reshape(self.shape)
        if len(self.scales) < 2:
            scale, zero_point = (self.scales or (0.0,))[0], (self.zero_points or (0,))[0]
            return Quantization(stored.dtype, scale, zero_point).dequantize(stored)
        channels = np.moveaxis(stored, self.axis, 0)
        quantizations = (Quantization(stored.dtype, *each) for each in zip(self.scales, self.zero_points, strict=True))
        real = [each.dequantize(channel) for each, channel in zip(quantizations, channels, strict=True)]
        return np.moveaxis(np.stack(real), 0, self.axis)

    def __str__(self) -> str:
        short = self.name if len(self.name) <= NAME_CHARACTERS else f"{self.name[:NAME_CHARACTERS]}..."
        return f"'{show(short)}'" if short else f"tensor {self.index}"


@dataclass(frozen=True)
class Operator:
    """One step; `name` is one of the schema's BuiltinOperator. An optional input that is not given is None.

    `options` is the schema's own object for it, None where it has none.
    """

    name: str
    version: int
    inputs: tuple[Tensor | None, ...]
    outputs: tuple[Tensor, ...]
    options: Any = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name} to {', '.join(map(str, self.outputs))}"

    def input(self, position: int) -> Tensor | None:
        """What it reads there, None where nothing is given."""
        return self.inputs[position] if position < len(self.inputs) else None

    def tensors(self) -> Iterator[Tensor]:
        """All that it reads and writes."""
        yield from (tensor for tensor in (*self.inputs, *self.outputs) if tensor is not None)


@dataclass(frozen=True)
class Graph:
    """A model; operators in the order in which they run."""

    tensors: tuple[Tensor, ...]
    operators: tuple[Operator, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def ends(self) -> tuple[Tensor, ...]:
        """What the caller sets, and what the caller gets."""
        return (*self.inputs, *self.outputs)


def read_graph(content: bytes) -> Graph:
    """The graph in the bytes of a .tflite.

    Raises LeukoliteError when they are none, or hold more than one graph, as loops and branches do.
    """
    try:
        if content[4:8] != b"TFL3":
            raise ValueError("other bytes where TFL3 should stand")
        model = schema.ModelT.InitFromPackedBuf(content)
        (graph,) = model.subgraphs
        return _graph(model, graph)
    except Exception as error:  # damaged offsets surface as errors of many kinds
        raise LeukoliteError(
            expected="the bytes of a .tflite with one graph",
            found=reason(error)[:300],
            remedy="convert the network again",
        ) from error


def with_outputs(content: bytes, tensors: Sequence[Tensor]) -> bytes:
    """The same model with these of its tensors as further outputs, behind its own; what lies behind it is left out.

    Of bytes that `read_graph` takes.
    """
    model = schema.ModelT.InitFromPackedBuf(content)
    (graph,) = model.subgraphs
    graph.outputs = [*graph.outputs, *(tensor.index for tensor in tensors)]
    return pack(model)


def alone(content: bytes, number: int) -> bytes:
    """The operator of that number by itself: a model whose inputs are what it reads and is not constant.

    Of bytes that `read_graph` takes. Its outputs are the operator's; weights are kept, what else there was is not.
    """
    model = schema.ModelT.InitFromPackedBuf(content)
    (graph,) = model.subgraphs
    operator = graph.operators[number]
    given = [index for index in dict.fromkeys(_list(operator.inputs)) if index >= 0]
    kept = [*given, *_list(operator.outputs)]
    place = {index: position for position, index in enumerate(kept)} | {-1: -1}
    moving = [index for index in given if not len(_list(model.buffers[graph.tensors[index].buffer].data))]
    graph.tensors = [graph.tensors[index] for index in kept]
    operator.inputs = [place[index] for index in _list(operator.inputs)]
    operator.outputs = graph.outputs = [place[index] for index in _list(operator.outputs)]
    graph.operators, graph.inputs = [operator], [place[index] for index in moving]
    used = {0, *(tensor.buffer for tensor in graph.tensors)}
    model.buffers = [each if index in used else schema.BufferT() for index, each in enumerate(model.buffers)]
    model.signatureDefs = model.metadata = None  # which name tensors and buffers that are gone
    return pack(model)


def pack(tree: Any, *, identifier: bytes = b"TFL3") -> bytes:
    """The bytes of an object of generated code, such as the schema's ModelT."""
    import flatbuffers

    builder = flatbuffers.Builder()
    builder.Finish(tree.Pack(builder), identifier)
    return bytes(builder.Output())


def _graph(model: Any, graph: Any) -> Graph:
    """The same in our own terms."""
    kinds, operators = _names(schema.TensorType), _names(schema.BuiltinOperator)
    tensors = tuple(_tensor(index, tensor, model, kinds) for index, tensor in enumerate(graph.tensors))
    return Graph(
        tensors=tensors,
        operators=tuple(_operator(operator, model, operators, tensors) for operator in graph.operators),
        inputs=tuple(tensors[index] for index in graph.inputs),
        outputs=tuple(tensors[index] for index in graph.outputs),
    )


def _tensor(index: int, tensor: Any, model: Any, kinds: dict[int, str]) -> Tensor:
    """A tensor; constant where its buffer holds bytes."""
    data, quantization = model.buffers[tensor.buffer].data, tensor.quantization
    return Tensor(
        index=index,
        name=(tensor.name or b"").decode("utf-8", "replace"),
        kind=kinds[tensor.type],
        shape=tuple(int(side) for side in _list(tensor.shape)),
        scales=tuple(float(scale) for scale in _list(quantization and quantization.scale)),
        zero_points=tuple(int(zero) for zero in _list(quantization and quantization.zeroPoint)),
        axis=quantization.quantizedDimension if quantization else 0,
        data=None if data is None or not len(data) else np.asarray(data, np.uint8),
    )


def _operator(operator: Any, model: Any, names: dict[int, str], tensors: tuple[Tensor, ...]) -> Operator:
    """An operator; codes above 127 stand in a field of their own, and old files have but the old field."""
    code = model.operatorCodes[operator.opcodeIndex]
    return Operator(
        name=names[max(code.builtinCode, code.deprecatedBuiltinCode)],
        version=code.version,
        inputs=tuple(tensors[index] if index >= 0 else None for index in _list(operator.inputs)),
        outputs=tuple(tensors[index] for index in _list(operator.outputs)),
        options=operator.builtinOptions,
    )


def _list(values: Any) -> Any:
    """A vector of the schema; one that is absent is empty."""
    return () if values is None else values


def _names(enumeration: type) -> dict[int, str]:
    """Number to name of an enumeration of the schema."""
    return {number: name for name, number in vars(enumeration).items() if isinstance(number, int)}
