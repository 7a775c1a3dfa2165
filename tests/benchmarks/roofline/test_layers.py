import numpy as np
import pytest

from benchmarks.roofline.ceilings import nothing_network
from benchmarks.roofline.layers import describe, layers
from benchmarks.roofline.shapes import Chain
from benchmarks.roofline.timing import invoker
from benchmarks.work import multiply_adds
from edge_runtime.card import read_model
from edge_runtime.classifier import SHIPPED_MODEL
from edge_runtime.graph import read_graph

TOWERS = 2  # of the shipped model


def test_layers_are_called_by_their_shapes():
    content = Chain(8, 3).space_to_depth(2).convolution(5, stride=2).depthwise().pool().head(4).finish()
    assert [layer.name for layer in layers(content)] == [
        "SPACE_TO_DEPTH 3>12 at 4x4", "CONV_2D 3x3 12>5 /2 at 2x2", "DEPTHWISE_CONV_2D 3x3 5>5 at 2x2",
        "MAX_POOL_2D 5>5 /2 at 1x1", "REDUCE_MAX 5>5", "FULLY_CONNECTED 5>4",
    ]  # fmt: skip
    assert [layer.work.multiply_adds for layer in layers(content)] == [0, 4 * 9 * 12 * 5, 4 * 9 * 5, 0, 0, 20]


def test_the_layers_of_towers_are_one_and_add_up_to_the_network():
    content = read_model(SHIPPED_MODEL)
    found = layers(content)
    assert sum(layer.times for layer in found) == len(read_graph(content).operators)
    assert max(layer.times for layer in found) == TOWERS
    assert sum(layer.times * layer.work.multiply_adds for layer in found) == multiply_adds(content)
    for layer in found:
        invoker(layer.content, name=layer.name)()
        assert describe(read_graph(layer.content).operators[0]) == layer.name
    assert sum(len(layer.content) for layer in found) < len(content)


@pytest.mark.parametrize(
    ("content", "said"), [(b"nothing", "bytes of a .tflite"), (nothing_network(), "got none of them")]
)
def test_what_cannot_be_cut_is_refused(refused, content, said):
    with refused(said):
        layers(content)


def test_a_layer_of_single_numbers_is_refused(refused):
    from benchmarks.graph import Graph

    graph = Graph()
    kind = ((), np.int8, 1.0, 0)
    graph.model.subgraphs[0].outputs = [graph.operator("QUANTIZE", [graph.tensor(*kind)], *kind)]
    with refused("expected layers of tensors, got QUANTIZE"):
        layers(graph.finish())
