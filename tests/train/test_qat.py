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
        model.get_layer(name).set_weights([kernel, rng.normal(0, 0.1, bias.shape)])
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


def test_calibrated_network_is_near_the_float_one(deployed, quantized):
    qat.settle_kernels(quantized, pictures())
    towers, mean = (output.numpy() for output in deployed(to_unit(pictures())))
    found_towers, found_mean = (output.numpy() for output in quantized(to_unit(pictures()), training=False))
    # Five layers, each rounded to 255 steps of its range: a few steps of the largest logit at most.
    step = float(np.ptp(towers)) / 255
    assert found_towers == pytest.approx(towers, abs=10 * step)
    assert found_mean == pytest.approx(mean, abs=10 * step)
    assert not (found_towers == towers).all()


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
    qat.settle_kernels(model, pictures())
    found = variables(model)
    for name in OPERATORS:
        kernel = found[f"{name}/kernel"].numpy()
        # Per channel for convolutions, per tensor for the heads; narrow and symmetric.
        largest = np.abs(kernel).max(axis=(0, 1, 2) if "conv" in name else None)
        assert found[f"quant_{name}/kernel_max"].numpy() == pytest.approx(largest, rel=1e-6), name
        assert found[f"quant_{name}/kernel_min"].numpy() == pytest.approx(-largest, rel=1e-6), name


def test_settling_moves_activations_by_a_thousandth_at_most(stage):
    before = {n: v.numpy() for n, v in variables(stage.model).items() if "post_activation" in n}
    qat.settle_kernels(stage.model, pictures(0, 255, seed=9))
    after = variables(stage.model)
    for name, value in before.items():
        end = name.rsplit("_", 1)[0]
        width = before[f"{end}_max"] - before[f"{end}_min"]
        # 0.1 % of the distance to this batch's end, which is not further off than a few widths.
        assert after[name].numpy() == pytest.approx(value, abs=0.005 * float(width)), name


def test_settling_changes_no_weight(stage):
    before = {n: v.numpy() for n, v in variables(stage.model).items() if n.endswith(("/kernel", "/bias"))}
    qat.settle_kernels(stage.model, pictures())
    after = variables(stage.model)
    assert all((after[name].numpy() == value).all() for name, value in before.items())
