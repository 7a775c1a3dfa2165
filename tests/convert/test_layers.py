import dataclasses

import numpy as np
import pytest

from convert.counterpart import Graph
from convert.layers import Layers, Sums, decibels, layer_name, weight_error
from edge_runtime.quantization import Quantization

LOST_HALF_DB = 20 * np.log10(2)  # what is lost is half of what was there


def measured(int8, networks, pictures):
    layers = Layers(int8, networks.float_of_qat, kernels=networks.kernels)
    layers.add(pictures[:3])
    layers.add(pictures[3:])
    return layers.errors()


@pytest.fixture(scope="module")
def errors(networks, pictures):
    return measured(networks.int8, networks, pictures)


@pytest.mark.parametrize(
    ("values", "differences", "expected"),
    [([3.0, 4.0], [0.3, 0.4], 20.0), ([2.0], [2.0], 0.0), ([1.0], [0.0], None), ([0.0], [1.0], None)],
)
def test_ratio_is_the_one_worked_out_by_hand(values, differences, expected):
    signal, noise = np.square(values).sum(), np.square(differences).sum()
    assert decibels(signal, noise) == (None if expected is None else pytest.approx(expected))


def test_sums_of_a_picture_are_those_worked_out_by_hand():
    sums, scheme = Sums(), Quantization(np.dtype(np.int8), scale=0.5, zero_point=0)
    stored = np.array([127, 127, -128, -128, 10, 0], np.int8)  # 63.5, 63.5, -64, -64, 5, 0
    # Beyond the top by more than half a step, by less; beyond the bottom, inside; one step below, the same.
    alone = np.array([64.0, 63.6, -70.0, -63.0, 4.5, 0.0], np.float32)
    sums.add(stored, scheme, alone=alone, together=np.array([0, 0, 0, 0, 6.0, 0], np.float32))
    sums.add(np.array([10], np.int8), scheme, alone=np.array([5.0], np.float32), together=np.array([5.0], np.float32))
    assert (sums.values, sums.saturated) == (7, 2)
    assert sums.difference == pytest.approx(-0.5 - 0.1 + 6.0 - 1.0 + 0.5, abs=1e-5)  # 63.6 in float32
    assert (sums.codes > 0).sum() == 4
    assert (sums.codes[255], sums.codes[0], sums.codes[138]) == (2, 2, 2)
    assert sums.signal == 36 + 25
    assert sums.noise == 2 * 63.5**2 + 2 * 64**2 + 1


def test_error_of_weights_is_the_one_worked_out_by_hand():
    kernel = np.array([[3.0, 1.0, 2.0], [4.0, 1.0, 2.0]], np.float32)  # three channels
    stored = np.array([[30, 44], [1, 1], [4, 2]], np.int8)
    error = weight_error(kernel, stored, np.array([0.1, 1.0, 0.5], np.float32))
    # Lost: 0 and 0.4 of 3 and 4; nothing; 0 and 1 of 2 and 2.
    assert error.worst_db == pytest.approx(10 * np.log10(8), abs=1e-4)  # scales are float32
    assert error.worst_channel == 2
    assert error.median_db == pytest.approx((10 * np.log10(8) + 10 * np.log10(25 / 0.16)) / 2, abs=1e-4)


def test_weights_that_lose_nothing_have_no_ratio():
    error = weight_error(np.array([[2.0]], np.float32), np.array([[2]], np.int8), np.array([1.0], np.float32))
    assert dataclasses.astuple(error) == (None, None, None)


def test_every_layer_is_there_and_the_worst_is_first(errors):
    assert {error.layer for error in errors} == {
        *(f"tower{tower}_{part}" for tower in (0, 1) for part in ("conv0", "conv1", "conv2", "pool1", "peak", "head")),
        "towers",
        "mean",
        "probabilities",
    }
    ratios = [error.sqnr_db for error in errors]
    assert ratios == sorted(ratios, key=lambda ratio: np.inf if ratio is None else ratio)


def test_layers_that_only_choose_values_lose_nothing_by_themselves(errors):
    for error in errors:
        if error.operator in ("MAX_POOL_2D", "REDUCE_MAX"):
            assert (error.sqnr_db, error.bias_steps, error.saturated) == (None, 0, 0)
            assert error.accumulated_sqnr_db > 0


def test_sound_layers_round_to_the_nearest_step_on_average(errors):
    for error in errors:
        if error.layer != "probabilities":  # whose range ends one step below 1
            assert abs(error.bias_steps) < 0.1, error  # a rounding of half a step that always goes one way is 0.5
        if error.weights:
            # Seven bits of a channel's largest weight; the mean's weights, all alike, are stored exactly.
            assert error.weights.worst_db is None or error.weights.worst_db > 20, error


def test_shifted_bias_is_ranked_worst_with_its_size(networks, pictures):
    graph = Graph(networks.int8)
    name = next(name for name in graph.operators if layer_name(name) == "tower1_head")
    operator = graph.operators[name]
    bias, output = graph.graph.tensors[operator.inputs[2]], graph.graph.tensors[operator.outputs[0]]
    values = np.frombuffer(bytes(graph.model.buffers[bias.buffer].data), np.int32)
    steps = -25
    shifted = values + round(steps * output.quantization.scale[0] / bias.quantization.scale[0])
    graph.model.buffers[bias.buffer].data = np.frombuffer(shifted.astype(np.int32).tobytes(), np.uint8)
    worst, *rest = measured(graph.pack(), networks, pictures)
    assert worst.layer == "tower1_head"
    # Rounding the shift loses half a step at most; values at the lowest code cannot go further down.
    assert worst.bias_steps == pytest.approx(steps, abs=1)
    assert all(abs(error.bias_steps) < 0.5 for error in rest)


def test_badly_scaled_weights_are_ranked_worst_with_their_ratio(networks, pictures):
    graph = Graph(networks.int8)
    operator = next(each for name, each in graph.operators.items() if layer_name(name) == "tower0_conv1")
    kernel = graph.graph.tensors[operator.inputs[1]]
    kernel.quantization.scale = np.array(kernel.quantization.scale, np.float32) * np.float32(1.5)
    worst, *rest = measured(graph.pack(), networks, pictures)
    assert (worst.layer, worst.operator) == ("tower0_conv1", "CONV_2D")
    # Half of each weight is lost, but for the rounding, which is below 1 % of it.
    assert worst.weights.worst_db == pytest.approx(LOST_HALF_DB, abs=0.1)
    assert worst.weights.median_db == pytest.approx(LOST_HALF_DB, abs=0.1)
    assert all(error.weights is None or error.weights.worst_db is None or error.weights.worst_db > 20 for error in rest)
    # The layers after it are worse off together than alone.
    after = next(error for error in rest if error.layer == "tower0_conv2")
    assert after.accumulated_sqnr_db < after.sqnr_db - 10


def test_range_that_is_too_small_saturates(networks, pictures, errors):
    graph = Graph(networks.int8)
    operator = next(each for name, each in graph.operators.items() if layer_name(name) == "tower0_conv2")
    for tensor in graph.graph.tensors:  # those after it repeat its scale: pooling changes none
        if tensor is graph.graph.tensors[operator.outputs[0]] or (tensor.name or b"").endswith(b"tower0_peak/Max"):
            tensor.quantization.scale = np.array(tensor.quantization.scale, np.float32) / 8
    found = next(error for error in measured(graph.pack(), networks, pictures) if error.layer == "tower0_conv2")
    before = next(error for error in errors if error.layer == "tower0_conv2")
    assert found.saturated > 0.05 > before.saturated
    assert found.step == before.step / 8


def test_graphs_of_two_networks_are_refused(refused, networks):
    graph = Graph(networks.int8)
    graph.graph.tensors[next(iter(graph.operators.values())).outputs[0]].name = b"other"
    with refused("a float counterpart of every int8 operator, got none for other;"):
        Layers(graph.pack(), networks.float_of_qat, kernels=networks.kernels)


@pytest.mark.parametrize(
    ("tensor", "name"),
    [
        ("model/quant_tower0_conv0/Relu;model/quant_tower0_conv0/BiasAdd", "tower0_conv0"),
        ("quant_mean/MatMul", "mean"),
        ("probabilities", "probabilities"),
        ("some/dense;other/quantile", "some/dense"),
    ],
)
def test_layers_are_called_what_they_were_called_in_training(tensor, name):
    assert layer_name(tensor) == name
