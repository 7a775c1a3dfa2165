import numpy as np
import pytest
import tensorflow as tf

from tests.train.tiny import NETWORK
from train import qat
from train.loop import batches, make_step
from train.network import build_deployed
from train.stream import to_unit

OPERATORS = [f"tower{tower}_{name}" for tower in (0, 1) for name in ("conv0", "conv1", "conv2", "head")]


def variables(model):
    """All variables by name."""
    return {variable.name.split(":")[0]: variable for variable in model.weights}


def is_input(name):
    """Whether a variable is of the layer that quantises the pixels; the library numbers it in later models."""
    return name.startswith("quantize_layer")


def pictures(low=40, high=180, seed=0):
    """A batch that neither black nor white is in."""
    return tf.constant(np.random.default_rng(seed).integers(low, high, (8, 24, 32, 3), dtype=np.uint8))


def random_network():
    """A folded float network whose biases are not zero, as after training."""
    model, rng = build_deployed(NETWORK, classes=4), np.random.default_rng(0)
    for name in OPERATORS:
        kernel, bias = model.get_layer(name).get_weights()
        spread = np.sqrt(2 / np.prod(kernel.shape[:-1]))  # activations keep their size from layer to layer
        model.get_layer(name).set_weights([rng.normal(0, spread, kernel.shape), rng.normal(0, 0.1, bias.shape)])
    return model


def calibrated(deployed):
    """The network quantised, its ranges from two batches."""
    model = qat.quantize(deployed)
    qat.calibrate(model, deployed, [pictures(seed=0), pictures(seed=1)])
    return model


@pytest.fixture
def deployed():
    return random_network()


@pytest.fixture
def quantized(deployed):
    return calibrated(deployed)


@pytest.fixture(scope="module")
def pair():
    """Both networks, only to be looked at."""
    deployed = random_network()
    return deployed, calibrated(deployed)


def outputs(model, name, pixels):
    """What a layer of the float network gives."""
    import tf_keras as keras

    return keras.Model(model.inputs, model.get_layer(name).output)(to_unit(pixels)).numpy()


@pytest.mark.parametrize("name", [*OPERATORS, "mean"])
def test_ranges_of_operators_are_those_of_real_activations(pair, name):
    deployed, quantized = pair
    seen = np.concatenate([outputs(deployed, name, pictures(seed=seed)) for seed in (0, 1)])
    ranges = variables(quantized)
    # The same float32 operations, compiled together or alone.
    assert ranges[f"quant_{name}/post_activation_min"].numpy() == pytest.approx(min(0, seen.min()), rel=1e-5)
    assert ranges[f"quant_{name}/post_activation_max"].numpy() == pytest.approx(max(0, seen.max()), rel=1e-5)


def test_no_activation_keeps_the_library_s_own_range(pair):
    ends = {n: v.numpy() for n, v in variables(pair[1]).items() if n.endswith(("_min", "_max")) and "kernel" not in n}
    assert len(ends) == 2 * (1 + len(OPERATORS) + 1 + 1)  # the input, the operators, the towers side by side, the mean
    assert not [name for name, value in ends.items() if abs(value) == 6]


def test_ranges_hold_zero_also_where_activations_do_not(deployed):
    kernel, bias = deployed.get_layer("tower0_head").get_weights()
    deployed.get_layer("tower0_head").set_weights([0 * kernel, bias * 0 + 5])
    quantized = qat.quantize(deployed)
    qat.calibrate(quantized, deployed, [pictures()])
    ranges = variables(quantized)
    assert (ranges["quant_tower0_head/post_activation_min"], ranges["quant_tower0_head/post_activation_max"]) == (0, 5)


def test_calibration_changes_no_weight(deployed):
    before = [weights.copy() for weights in deployed.get_weights()]
    qat.calibrate(qat.quantize(deployed), deployed, [pictures()])
    assert all((a == b).all() for a, b in zip(before, deployed.get_weights(), strict=True))


def test_calibrated_network_is_near_the_float_one(pair):
    deployed, quantized = pair
    towers, mean = (output.numpy() for output in deployed(to_unit(pictures())))
    found_towers, found_mean = (output.numpy() for output in quantized(to_unit(pictures()), training=False))
    # Five layers, each rounded to 255 steps of its range: a few steps of the largest logit at most.
    step = float(np.ptp(towers)) / 255
    assert found_towers == pytest.approx(towers, abs=10 * step)
    assert found_mean == pytest.approx(mean, abs=10 * step)
    assert not (found_towers == towers).all()


def test_library_s_own_ranges_would_handicap_post_training_quantisation(pair, deployed):
    ready = qat.quantize(deployed)
    before = {name: variable.numpy() for name, variable in variables(ready).items()}
    qat.calibrate(ready, deployed, [pictures(seed=0), pictures(seed=1)])
    for name, variable in variables(ready).items():
        if "kernel_" in name:
            assert np.abs(before[name]).min() == 6, name
            variable.assign(before[name])
    floats = deployed(to_unit(pictures()))[0].numpy()
    rough, fine = (np.abs(model(to_unit(pictures()), training=False)[0] - floats).mean() for model in (ready, pair[1]))
    assert rough > 3 * fine


def assert_ranges_fit_the_kernels(model):
    found = variables(model)
    for name in OPERATORS:
        kernel = found[f"{name}/kernel"].numpy()
        # Per channel for convolutions, per tensor for the heads; narrow and symmetric.
        largest = np.abs(kernel).max(axis=(0, 1, 2) if "conv" in name else None)
        assert found[f"quant_{name}/kernel_max"].numpy() == pytest.approx(largest, rel=1e-6), name
        assert found[f"quant_{name}/kernel_min"].numpy() == pytest.approx(-largest, rel=1e-6), name


def test_calibrated_ranges_are_those_of_the_kernels_before_any_step(pair):
    assert_ranges_fit_the_kernels(pair[1])


def test_calibration_sets_the_ranges_that_training_would(pair, deployed):
    trained = calibrated(deployed)
    trained(to_unit(pictures()), training=True)  # the library's own way
    for name, variable in variables(trained).items():
        if "kernel_" in name:
            assert variable.numpy() == pytest.approx(variables(pair[1])[name].numpy(), rel=1e-6), name


@pytest.mark.parametrize("name", [name for name in OPERATORS if "conv" in name])
def test_corrected_bias_keeps_the_mean_of_the_output(pair, name):
    import tf_keras as keras

    deployed, quantized = pair
    layer = deployed.get_layer(name)
    inputs = keras.Model(deployed.inputs, layer.input)
    values = tf.concat([inputs(to_unit(pictures(seed=seed))) for seed in (0, 1)], axis=0)
    rounded = qat.linear(layer, values, qat.rounded_kernel(quantized, name))
    shift = {
        which: np.mean(rounded + bias - qat.linear(layer, values, layer.kernel) - layer.bias, axis=(0, 1, 2))
        for which, bias in (("corrected", qat.bias(quantized, name)), ("trained", layer.bias))
    }
    assert shift["corrected"] == pytest.approx(0, abs=1e-5)  # sums of float32
    assert np.abs(shift["trained"]).max() > 1e-4


def test_batches_of_any_size_give_the_same_calibration(deployed):
    pixels = tf.concat([pictures(seed=0), pictures(seed=1)], axis=0)
    models = [qat.quantize(deployed) for _ in range(2)]
    for model, sizes in zip(models, ([16], [1, 5, 10]), strict=True):
        qat.calibrate(model, deployed, tf.split(pixels, sizes))
    for one, other in zip(models[0].weights, models[1].weights, strict=True):
        assert one.numpy() == pytest.approx(other.numpy(), rel=1e-4, abs=1e-5), one.name


@pytest.fixture
def stage(make_stage, quantized):
    return make_stage(model=quantized, learning_rate=0.05)


def step_of(stage):
    """One step on the first pictures."""
    make_step(stage)(*next(iter(batches(stage, np.arange(8)))), tf.constant(0.5))


def test_range_of_the_input_stays_exactly_that_of_pixels(stage):
    step_of(stage)
    found = {name.rsplit("_", 1)[-1]: v.numpy() for name, v in variables(stage.model).items() if is_input(name)}
    assert (found["min"], found["max"]) == (0.0, 1.0)


def test_training_step_moves_the_kernels_but_not_the_mean(stage):
    before = {name: variable.numpy() for name, variable in variables(stage.model).items()}
    step_of(stage)
    after = {name: variable.numpy() for name, variable in variables(stage.model).items()}
    moved = {name for name in before if name.endswith("/kernel") and not (before[name] == after[name]).all()}
    assert moved == {f"{name}/kernel" for name in OPERATORS}
    assert (after["mean/kernel"] == before["mean/kernel"]).all()


def test_settled_ranges_are_those_of_the_kernels(stage):
    model = stage.model
    step_of(stage)
    for name in OPERATORS:
        variable = variables(model)[f"{name}/kernel"]
        variable.assign(3 * variable)
    with pytest.raises(AssertionError):
        assert_ranges_fit_the_kernels(model)
    qat.settle_kernels(model)
    assert_ranges_fit_the_kernels(model)


def test_settling_changes_nothing_else(stage):
    step_of(stage)
    before = {name: variable.numpy() for name, variable in variables(stage.model).items() if "kernel_" not in name}
    qat.settle_kernels(stage.model)
    after = variables(stage.model)
    assert len(before) > 20
    assert all((after[name].numpy() == value).all() for name, value in before.items())
