"""Models with something changed, and models of networks that are not ours: what the proofs must refuse."""

from collections.abc import Callable
from typing import Any

import flatbuffers
import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema

Model = Any  # the schema's ModelT


def pictures(height_px: int, width_px: int) -> Any:
    """Noise with black and white in it, so that the calibrated input spans all pixels: float32 [4, ..., 3], 0 to 1."""
    noise = np.random.default_rng(1).random((4, height_px, width_px, 3), np.float32)
    noise[0, 0, :2] = [[0], [1]]
    return noise


PICTURES = pictures(8, 8)


def edited(content: bytes, change: Callable[[Model], object]) -> bytes:
    """The model after `change` has been at its objects."""
    model = schema.ModelT.InitFromPackedBuf(content)
    change(model)
    return packed(model)


def packed(model: Model) -> bytes:
    """The bytes of a model."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def operators(model: Model, name: str) -> list[Any]:
    """Its operators of that name."""
    code = getattr(schema.BuiltinOperator, name)
    return [step for step in model.subgraphs[0].operators if model.operatorCodes[step.opcodeIndex].builtinCode == code]


def reads(model: Model, name: str, position: int = 0) -> Any:
    """What its first operator of that name reads there."""
    return model.subgraphs[0].tensors[operators(model, name)[0].inputs[position]]


def writes(model: Model, name: str) -> Any:
    """What its first operator of that name writes."""
    return model.subgraphs[0].tensors[operators(model, name)[0].outputs[0]]


def end(model: Model, which: str) -> Any:
    """Its `inputs` or `outputs`: the first of them."""
    graph = model.subgraphs[0]
    return graph.tensors[getattr(graph, which)[0]]


def insert(model: Model, name: str, *, after: str, kind: str) -> None:
    """Put a step between an operator and all that read what it writes; the new tensor is of that kind."""
    graph, code, step = model.subgraphs[0], schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, name)
    code.version = 1
    model.operatorCodes.append(code)
    before = operators(model, after)[0]
    (source,) = before.outputs
    between = schema.TensorT()
    between.name, between.shape, between.buffer = name.lower().encode(), graph.tensors[source].shape, 0
    between.type = getattr(schema.TensorType, kind)
    if kind != "FLOAT32":
        between.quantization = schema.QuantizationParametersT()
        between.quantization.scale = list(graph.tensors[source].quantization.scale)
        between.quantization.zeroPoint = list(graph.tensors[source].quantization.zeroPoint)
    graph.tensors.append(between)
    for reader in graph.operators:
        reader.inputs = [len(graph.tensors) - 1 if index == source else index for index in reader.inputs]
    step.opcodeIndex, step.inputs, step.outputs = len(model.operatorCodes) - 1, [source], [len(graph.tensors) - 1]
    graph.operators.insert(graph.operators.index(before) + 1, step)


def one_operator(name: str, version: int) -> bytes:
    """A model of that operator alone, with nothing to read or write: a runtime tells only whether it knows it."""
    model, graph, code, step = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = getattr(schema.BuiltinOperator, name)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    code.version = version
    step.inputs, step.outputs = [], []
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [], [], [], [step]
    model.version, model.subgraphs, model.operatorCodes, model.buffers = 3, [graph], [code], [schema.BufferT()]
    return packed(model)


def small_network(middle: Any = tf.identity) -> Any:
    """An ordinary, a depthwise and a dense layer on [1, 8, 8, 3]; `middle` is what happens after the first."""
    values = np.random.default_rng(0)
    kernel, depthwise, dense = (
        tf.constant(values.normal(size=shape), tf.float32) for shape in ((3, 3, 3, 4), (3, 3, 4, 1), (4, 2))
    )

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, 3], tf.float32, name="pixels")], autograph=False)
    def network(pixels):
        features = middle(tf.nn.relu(tf.nn.conv2d(pixels, kernel, 1, "SAME") + np.float32([0.1, 0.2, 0.3, 0.4])))
        features = tf.nn.relu(tf.nn.depthwise_conv2d(features, depthwise, [1, 1, 1, 1], "SAME") + 0.1)
        return tf.nn.softmax(tf.matmul(tf.reduce_max(features, axis=[1, 2]), dense) + np.float32([0.1, -0.1]))

    return network.get_concrete_function()


def quantised(network: Any, pictures: Any, *, owner: Any = None, **options: Any) -> bytes:
    """A network, quantised after training by the converter alone.

    Args:
        network: concrete function of pixels to probabilities; `owner` keeps its variables.
        pictures: float32 [n, height, width, 3] for calibration.
        options: attributes of the converter.
    """
    converter = tf.lite.TFLiteConverter.from_concrete_functions([network], owner)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([picture[np.newaxis]] for picture in pictures)
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    for name, value in options.items():
        setattr(converter, name, value)
    return converter.convert()
