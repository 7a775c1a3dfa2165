"""The float counterpart of an int8 graph: whole, or with every operator on its own.

A QAT network that is converted to float32 keeps its kernels rounded and its fake quantisation as pairs of QUANTIZE
and DEQUANTIZE, and its tensors have the names that the int8 graph's have. Without those pairs it is what the integers
stand for.
"""

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_STEPS_OF_VALUES = frozenset({"QUANTIZE", "DEQUANTIZE"})
LAST = "probabilities"
"""What the operator that makes a graph's output is called; the converter names it as it likes."""


class Graph:
    """The operators of a .tflite that compute something, each by the name of its output tensor."""

    def __init__(self, content: bytes) -> None:
        self.model = schema.ModelT.InitFromPackedBuf(content, 0)
        (self.graph,) = self.model.subgraphs
        self._makers = {operator.outputs[0]: operator for operator in self.graph.operators}
        last = self.real(self.graph.outputs[0])
        self.operators = {
            LAST if operator.outputs[0] == last else self.name(operator.outputs[0]): operator
            for operator in self.graph.operators
            if self.kind(operator) not in _STEPS_OF_VALUES
        }

    def kind(self, operator: Any) -> str:
        """An operator's name in the schema, such as CONV_2D."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        number = max(code.builtinCode, code.deprecatedBuiltinCode)
        return next(name for name, value in vars(schema.BuiltinOperator).items() if value == number)

    def name(self, tensor: int) -> str:
        """A tensor's name."""
        return self.graph.tensors[tensor].name.decode()

    def real(self, tensor: int) -> int:
        """The tensor whose values these are, before QUANTIZE and DEQUANTIZE."""
        while tensor in self._makers and self.kind(self._makers[tensor]) in _STEPS_OF_VALUES:
            tensor = self._makers[tensor].inputs[0]
        return tensor

    def moving(self, operator: Any) -> list[int]:
        """The positions of an operator's inputs that depend on the picture; the others are constants."""
        return [place for place, tensor in enumerate(operator.inputs) if tensor >= 0 and not self._is_constant(tensor)]

    def _is_constant(self, tensor: int) -> bool:
        """Whether a tensor's values are in the file."""
        data = self.model.buffers[self.graph.tensors[self.real(tensor)].buffer].data
        return data is not None and len(data) > 0

    def pack(self) -> bytes:
        """The .tflite of what the model is now."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


@dataclass(frozen=True)
class Counterpart:
    """A .tflite in float32 whose outputs are those of all its operators, which are called `names`, in that order."""

    content: bytes
    names: tuple[str, ...]


def whole(content: bytes) -> Counterpart:
    """A converted QAT network without fake quantisation."""
    return _rewired(Graph(content), lambda graph, name, place: graph.real(graph.operators[name].inputs[place]))


def apart(content: bytes, names: Set[str]) -> Counterpart:
    """The operators of these names, each fed from outside: its input at `place` is the input `feed(name, place)`."""
    graph = Graph(content)
    graph.operators = {name: operator for name, operator in graph.operators.items() if name in names}
    graph.graph.inputs = []
    return _rewired(graph, _new_input)


def feed(name: str, place: int) -> str:
    """What `apart` calls an input of the operator that makes the tensor `name`."""
    return f"{name}@{place}"


def _new_input(graph: Graph, name: str, place: int) -> int:
    """A tensor to be fed, in the place of an operator's input."""
    source = graph.graph.tensors[graph.real(graph.operators[name].inputs[place])]
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = feed(name, place).encode(), source.shape, schema.TensorType.FLOAT32
    graph.graph.tensors.append(tensor)
    graph.graph.inputs.append(len(graph.graph.tensors) - 1)
    return graph.graph.inputs[-1]


def _rewired(graph: Graph, source: Callable[[Graph, str, int], int]) -> Counterpart:
    """The graph's operators with `source(graph, name, place)` for each input that moves, and every output given out."""
    for name, operator in graph.operators.items():
        inputs = [graph.real(tensor) if tensor >= 0 else tensor for tensor in operator.inputs]
        for place in graph.moving(operator):
            inputs[place] = source(graph, name, place)
        operator.inputs = np.array(inputs, np.int32)
    graph.graph.operators = list(graph.operators.values())
    graph.graph.outputs = [operator.outputs[0] for operator in graph.graph.operators]
    graph.model.signatureDefs = None  # it names the ends that there were
    return Counterpart(graph.pack(), tuple(graph.operators))
