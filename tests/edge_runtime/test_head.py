"""Which networks are understood; that what is read of them is right, test_explanation.py shows on real ones."""

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE
from edge_runtime.graph import read_graph
from edge_runtime.head import find_head, last_convolutions
from tests import tiny_model
from tests.flat import changed

CELLS = Path(__file__).parents[2] / "reports" / "cell" / "bundles"
NETWORK = read_model(CELLS / "leukolite-int8.tflite")


def operator(tree, name):
    """The first operator of that name in a ModelT."""
    code = getattr(schema.BuiltinOperator, name)
    return next(
        each for each in tree.subgraphs[0].operators if tree.operatorCodes[each.opcodeIndex].builtinCode == code
    )


@pytest.mark.parametrize(
    "path", [SHIPPED_MODEL, SHIPPED_REFERENCE, CELLS / "leukolite-int8.tflite", CELLS / "leukolite-float32.tflite"]
)
def test_the_last_feature_maps_and_their_weights_are_found(path):
    graph = read_graph(read_model(path))
    head = find_head(graph, name="it")
    pools = [each for each in graph.operators if each.name == "REDUCE_MAX"]
    assert list(head.maps) == [each.inputs[0] for each in pools]
    classes = graph.outputs[0].shape[1]
    assert [each.shape for each in head.weights] == [(classes, tensor.shape[3]) for tensor in head.maps]
    assert head.bias.shape == (classes,)
    assert (head.grid.rows.length, head.grid.columns.length) == head.maps[0].shape[1:3]


def other_pooling(tree):
    for code in tree.operatorCodes:
        if code.builtinCode == schema.BuiltinOperator.REDUCE_MAX:
            code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.MEAN


def activation(tree):
    operator(tree, "FULLY_CONNECTED").builtinOptions.fusedActivationFunction = 1


def beta(tree):
    operator(tree, "SOFTMAX").builtinOptions.beta = 2.0


def one_axis(tree):
    axes = operator(tree, "REDUCE_MAX").inputs[1]
    tree.buffers[tree.subgraphs[0].tensors[axes].buffer].data = [1, 0, 0, 0, 1, 0, 0, 0]


def no_softmax(tree):
    tree.subgraphs[0].outputs = [operator(tree, "SOFTMAX").inputs[0]]


def input_as_output(tree):
    tree.subgraphs[0].outputs = tree.subgraphs[0].inputs


def computed_weights(tree):
    dense = operator(tree, "FULLY_CONNECTED")
    dense.inputs = [dense.inputs[0], operator(tree, "CONV_2D").outputs[0], dense.inputs[2]]


def no_weights(tree):
    dense = operator(tree, "FULLY_CONNECTED")
    dense.inputs = [dense.inputs[0], -1, dense.inputs[2]]


def circle(tree):
    """A damaged graph: the first convolution reads what the last made."""
    first = operator(tree, "CONV_2D")
    first.inputs = [operator(tree, "REDUCE_MAX").inputs[0], *first.inputs[1:]]


def own_output(tree):
    """A damaged graph: the last step reads what it writes."""
    step = tree.subgraphs[0].operators[-1]
    step.inputs = step.outputs


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (other_pooling, "MEAN to "),
        (activation, "FULLY_CONNECTED to "),
        (beta, "SOFTMAX to "),
        (one_axis, r"REDUCE_MAX to .+ over axes \[1.0, 1.0\]"),
        (no_softmax, "FULLY_CONNECTED to "),
        (input_as_output, "another graph"),
        (computed_weights, "'.+' is not constant"),
        (no_weights, "FULLY_CONNECTED to .+ without input 1"),
        (circle, "CONV_2D to .+, which reads what is not made before it"),
        (own_output, "QUANTIZE to .+, which reads what is not made before it"),
    ],
)
def test_another_network_is_refused_by_what_is_other_in_it(change, found, refused):
    with refused(f"global max-pooling, .+ in it, to explain or adapt it, got {found}"):
        find_head(read_graph(changed(NETWORK, change)), name="it")


def test_a_network_without_maps_is_refused(refused):
    with refused("got AVERAGE_POOL_2D to "):
        find_head(read_graph(tiny_model.model_bytes()), name="it")


def convolutions(tree):
    """All of a ModelT, in order."""
    return [each for each in tree.subgraphs[0].operators if isinstance(each.builtinOptions, schema.Conv2DOptionsT)]


def step(tree):
    """The last convolution with strides."""
    last = convolutions(tree)[-1]
    last.builtinOptions.strideH = last.builtinOptions.strideW = 2


def no_activation(tree):
    """The last convolution without ReLU."""
    last = convolutions(tree)[-1]
    last.builtinOptions.fusedActivationFunction = 0


def groups(tree):
    """The last convolution with a kernel of half as many channels as it reads."""
    last = convolutions(tree)[-1]
    kernel = tree.subgraphs[0].tensors[last.inputs[1]]
    kernel.shape = [*kernel.shape[:3], kernel.shape[3] // 2]
    buffer = tree.buffers[kernel.buffer]
    buffer.data = buffer.data[: int(np.prod(kernel.shape))]


def shared_bias(tree):
    """The last convolution's bias is the one before's too."""
    *_, before, last = convolutions(tree)
    before.inputs = [*before.inputs[:2], last.inputs[2]]


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (step, ""),
        (no_activation, ""),
        (groups, ".* in groups of channels"),
        (shared_bias, ".* parts of which are read twice"),
    ],
)
def test_maps_that_no_plain_convolution_makes_are_refused(change, found, refused):
    graph = read_graph(changed(NETWORK, change))
    with refused("convolutions without strides, and ReLU, before the maxima in it, got CONV_2D to" + found):
        last_convolutions(graph, find_head(graph, name="it"), name="it")


@pytest.mark.parametrize("path", [SHIPPED_MODEL, SHIPPED_REFERENCE, CELLS / "leukolite-int8.tflite"])
def test_the_last_convolutions_are_found(path):
    """That they compute what the network does, adapt/test_embedding.py shows."""
    graph = read_graph(read_model(path))
    head = find_head(graph, name="it")
    found = last_convolutions(graph, head, name="it")
    assert [each.operator.outputs[0] for each in found] == list(head.maps)
    for each, tensor in zip(found, head.maps, strict=True):
        assert each.kernel.shape == (tensor.shape[3], 3, 3, each.reads.shape[3])
        assert each.bias.shape == (tensor.shape[3],)
        scales = tensor.scales
        assert each.most == (scales[0] * 255 if scales else float("inf"))  # int8 from -128, which is 0
