import numpy as np
import pytest
import tensorflow as tf

from tests.train.tiny import NETWORK
from train import qat
from train.network import TOWERS_LAYER, build_deployed
from train.quantization_effect import (
    ACTIVATIONS,
    ALL,
    BOTH,
    UNCORRECTED,
    WEIGHTS,
    HeldOut,
    answers,
    measure,
)
from train.stream import to_unit

LAYERS = ("conv0", "conv1", "conv2", "head")
N = 24


def pair(seed=0):
    """A folded network with biases, and the calibrated quantised one."""
    deployed, random = build_deployed(NETWORK, classes=4), np.random.default_rng(seed)
    for layer in deployed.layers:
        if layer.weights and layer.name != "mean":
            kernel, bias = layer.get_weights()
            layer.set_weights([random.normal(0, 0.3, kernel.shape), random.normal(0, 0.1, bias.shape)])
    quantized = qat.quantize(deployed)
    qat.calibrate(quantized, deployed, [tf.constant(held_out().pixels)])
    return deployed, quantized


def held_out(shift=(0.0, 0.0, 0.0, 0.0)):
    """Pictures of eight groups and four classes, in two folds."""
    random = np.random.default_rng(1)
    numbers = np.arange(N)
    return HeldOut(
        pixels=random.integers(0, 256, (N, 24, 32, 3), dtype=np.uint8),
        classes=numbers % 4,
        folds=numbers // 4 % 2,
        groups=numbers % 8,
        shift=np.array(shift),
    )


@pytest.fixture(scope="module")
def networks():
    return pair()


@pytest.fixture(scope="module")
def effects(networks):
    return measure(*networks, held_out())


def own_tower(joined):
    """The held-out logits among those of both towers, less their mean."""
    logits = np.asarray(joined).reshape(N, 2, 4)[np.arange(N), held_out().folds]
    return logits - logits.mean(axis=1, keepdims=True)


def test_with_nothing_quantised_it_answers_as_the_float_network(networks):
    found = answers(*networks, held_out(), frozenset())
    expected = own_tower(networks[0](to_unit(held_out().pixels))[0])
    assert found == pytest.approx(expected, abs=1e-5)


def test_with_everything_quantised_it_answers_as_the_quantised_network(networks):
    everything = {(name, part) for name in LAYERS for part in (WEIGHTS, ACTIVATIONS)} | {(TOWERS_LAYER, ACTIVATIONS)}
    found = answers(*networks, held_out(), everything)
    expected = own_tower(networks[1](to_unit(held_out().pixels), training=False)[0])
    floats = own_tower(networks[0](to_unit(held_out().pixels))[0])
    # The same arithmetic; what falls between two steps may be rounded either way, by one step of the logits.
    step = np.ptp([float(end) for end in qat.output_range(networks[1], TOWERS_LAYER)]) / 255
    assert np.abs(found - expected).max() < 1.5 * step
    assert np.abs(found - expected).mean() < 0.1 * np.abs(floats - expected).mean()


def test_every_part_of_every_layer_is_measured_once_for_each_tower(effects):
    parts = [(name, part) for name in LAYERS for part in (WEIGHTS, UNCORRECTED, ACTIVATIONS)]
    parts += [(TOWERS_LAYER, ACTIVATIONS), *((ALL, part) for part in (WEIGHTS, UNCORRECTED, ACTIVATIONS, BOTH))]
    expected = [(*part, tower) for part in parts for tower in (None, 0, 1)]
    found = [(effect.layer, effect.part, effect.tower) for effect in effects]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert {effect.n for effect in effects if effect.tower is None} == {N}


def test_ranked_by_noise_and_all_layers_last(effects):
    single = [effect for effect in effects if effect.layer != ALL]
    assert effects[: len(single)] == single
    ratios = [effect.signal_to_noise_db for effect in single]
    assert ratios == sorted(ratios)


def destroy_activations(network, name):
    """Give an output a range a hundred times too wide, of which 255 steps are left."""
    for end in qat.output_range(network, name):
        end.assign(100 * end)


def destroy_weights(network, name):
    """Give the kernel a range a hundred times too wide."""
    for variable in network.get_layer(qat.WRAPPED + name).weights:
        if variable.name.split(":")[0].endswith(("kernel_min", "kernel_max")):
            variable.assign(100 * variable)


@pytest.mark.parametrize(
    ("destroy", "parts"), [(destroy_activations, {ACTIVATIONS}), (destroy_weights, {WEIGHTS, UNCORRECTED})]
)
@pytest.mark.parametrize("layer", ["conv0", "conv2", "head"])
def test_destroyed_layer_is_ranked_first(destroy, parts, layer):
    deployed, quantized = pair()
    before = {(e.layer, e.part): e for e in measure(deployed, quantized, held_out()) if e.tower is None}
    for tower in (0, 1):
        destroy(quantized, f"tower{tower}_{layer}")
    after = [effect for effect in measure(deployed, quantized, held_out()) if effect.tower is None]
    assert {(effect.layer, effect.part) for effect in after[: len(parts)]} == {(layer, part) for part in parts}
    assert after[0].signal_to_noise_db < before[layer, after[0].part].signal_to_noise_db - 20
    untouched = [effect for effect in after if effect.layer not in (layer, ALL)]
    assert all(before[effect.layer, effect.part] == effect for effect in untouched)


def test_destroyed_tower_is_told_from_the_other():
    deployed, quantized = pair()
    destroy_activations(quantized, "tower1_conv1")
    worst = measure(deployed, quantized, held_out())[0]
    assert (worst.layer, worst.part, worst.tower) == ("conv1", ACTIVATIONS, 1)
    assert worst.n == (held_out().folds == 1).sum()


def test_labels_are_taken_at_the_operating_point(networks):
    always = measure(*networks, held_out(shift=(1e6, 0, 0, 0)))  # the first class, whatever is quantised
    assert {effect.agreement for effect in always} == {1.0}
    assert {effect.balanced_accuracy.value for effect in always} == {0.0}
    assert max(effect.mean_abs_logit_change for effect in always) > 0


def test_nothing_changes_where_rounding_is_exact():
    deployed = build_deployed(NETWORK, classes=4)
    for layer in deployed.layers:
        if layer.name.endswith("conv0"):
            kernel, bias = layer.get_weights()
            layer.set_weights([np.full_like(kernel, 0.5), bias])
    quantized = qat.quantize(deployed)
    qat.calibrate(quantized, deployed, [tf.constant(held_out().pixels)])
    exact = [e for e in measure(deployed, quantized, held_out()) if (e.layer, e.part) == ("conv0", UNCORRECTED)]
    assert [effect.mean_abs_logit_change for effect in exact] == pytest.approx([0, 0, 0], abs=1e-6)
