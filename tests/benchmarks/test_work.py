import json
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.graph import Graph
from benchmarks.roofline.ceilings import nothing_network
from benchmarks.work import multiplied, multiply_adds, parameters, work
from benchmarks.workload_model import convolve, convolve_depthwise
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE
from edge_runtime.graph import read_graph
from tests import tiny_model
from tests.environments import CHECKOUT


def test_they_are_those_of_the_network_that_was_trained():
    """By another way: train counts them in the layers of its settings, without the mean of the towers' logits."""
    from train import network
    from train.config import NetworkSettings

    run = json.loads((CHECKOUT / "reports" / "run" / "float" / "run.json").read_text())
    settings = {
        name: tuple(value) if isinstance(value, list) else value for name, value in run["settings"]["network"].items()
    }
    classes = len(run["labels"])
    wanted = network.multiply_adds(NetworkSettings(**settings), classes=classes)
    if settings["towers"] > 1:  # the mean is a dense layer of all logits
        wanted += settings["towers"] * classes * classes
    assert multiply_adds(SHIPPED_REFERENCE.read_bytes()) == wanted
    assert multiply_adds(SHIPPED_MODEL.read_bytes()) == wanted


@pytest.mark.parametrize("variant", ["float32", "int8_ptq"])
def test_a_dense_layer_of_three_colours_and_four_classes(variant):
    assert multiply_adds(tiny_model.bundle_bytes(variant=variant)) == 12


def convolution(*, stride: int = 1) -> bytes:
    """4 x 4 places of 3 channels to 5 by 3 x 3, int8."""
    graph = Graph()
    given = graph.tensor((1, 4, 4, 3), np.int8, 1.0, 0)
    weights = np.ones((5, 3, 3, 3), np.int8)
    graph.model.subgraphs[0].outputs = [convolve(graph, given, weights, side=4 // stride, stride=stride)]
    return graph.finish()


@pytest.mark.parametrize(("stride", "places"), [(1, 16), (2, 4)])
def test_a_convolution_counted_by_hand(stride, places):
    (operator,) = read_graph(convolution(stride=stride)).operators
    found = work(operator)
    assert found.multiply_adds == places * 9 * 3 * 5
    # Pixels, weights, biases of four bytes, and the output.
    assert found.moved_bytes == 48 + 135 + 4 * 5 + 5 * places
    assert found.intensity == found.multiply_adds / found.moved_bytes
    assert parameters(convolution(stride=stride)) == 135 + 5


def test_a_depthwise_convolution_counted_by_hand():
    graph = Graph()
    given = graph.tensor((1, 4, 4, 3), np.int8, 1.0, 0)
    weights = np.ones((1, 3, 3, 3), np.int8)
    graph.model.subgraphs[0].outputs = [convolve_depthwise(graph, given, weights, side=4)]
    (operator,) = read_graph(graph.finish()).operators
    assert (work(operator).multiply_adds, work(operator).moved_bytes) == (16 * 9 * 3, 48 + 27 + 12 + 48)


def test_what_multiplies_nothing_moves_bytes_all_the_same():
    first = read_graph(tiny_model.bundle_bytes()).operators[0]
    assert first.name == "QUANTIZE"
    assert (work(first).multiply_adds, work(first).moved_bytes) == (
        0,
        2 * 3 * tiny_model.HEIGHT_PX * tiny_model.WIDTH_PX,
    )


@pytest.mark.parametrize(("variant", "kind"), [("float32", "FLOAT32"), ("int8_ptq", "INT8")])
def test_what_is_multiplied(variant, kind):
    assert multiplied(tiny_model.bundle_bytes(variant=variant)) == kind


def test_tensors_whose_size_is_not_known_are_refused(refused):
    graph = read_graph(convolution())
    strange = replace(graph.operators[0].outputs[0], kind="STRING")
    with refused("expected tensors of INT8.+, got .+STRING; use another model"):
        work(replace(graph.operators[0], outputs=(strange,)))


def test_a_network_that_multiplies_nothing_is_refused(refused):
    with refused("expected a network with CONV_2D.+, got none of them"):
        multiply_adds(nothing_network())
