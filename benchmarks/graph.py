"""Build a small .tflite by hand, without TensorFlow: the reference workload's model, and those of the tests."""

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as tfl


class Graph:
    """A model with one subgraph whose first tensor is its input."""

    def __init__(self) -> None:
        self.model, graph = tfl.ModelT(), tfl.SubGraphT()
        self.model.version, self.model.subgraphs, self.model.buffers = 3, [graph], [tfl.BufferT()]
        self.model.operatorCodes, graph.tensors, graph.operators, graph.inputs = [], [], [], [0]

    def tensor(self, shape: tuple[int, ...], dtype: type, scale: float, zero: int, *, buffer: int = 0) -> int:
        """Add a tensor, quantised unless it is float; its index."""
        tensor = tfl.TensorT()
        tensor.shape, tensor.buffer = list(shape), buffer
        tensor.name = f"tensor{len(self.model.subgraphs[0].tensors)}"  # optional to LiteRT, not to OpenVINO
        tensor.type = getattr(tfl.TensorType, np.dtype(dtype).name.upper())
        if dtype != np.float32:
            tensor.quantization = tfl.QuantizationParametersT()
            tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero]
        self.model.subgraphs[0].tensors.append(tensor)
        return len(self.model.subgraphs[0].tensors) - 1

    def constant(self, values: npt.NDArray[np.generic], scale: float) -> int:
        """Add a tensor with fixed values; its index."""
        buffer = tfl.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return self.tensor(values.shape, values.dtype.type, scale, 0, buffer=len(self.model.buffers) - 1)

    def operator(
        self,
        name: str,
        inputs: list[int],
        shape: tuple[int, ...],
        dtype: type,
        scale: float,
        zero: int,
        options: object = None,
    ) -> int:
        """Add an operator and its output tensor; the tensor's index."""
        code, operator = tfl.OperatorCodeT(), tfl.OperatorT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(tfl.BuiltinOperator, name)
        code.version = 2 if dtype != np.float32 else 1
        self.model.operatorCodes.append(code)
        operator.opcodeIndex = len(self.model.operatorCodes) - 1
        operator.inputs, operator.outputs = inputs, [self.tensor(shape, dtype, scale, zero)]
        if options is not None:
            kind = type(options).__name__[:-1]
            operator.builtinOptions, operator.builtinOptionsType = options, getattr(tfl.BuiltinOptions, kind)
        self.model.subgraphs[0].operators.append(operator)
        return len(self.model.subgraphs[0].tensors) - 1

    def finish(self) -> bytes:
        """Serialise."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())
