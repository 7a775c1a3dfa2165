import numpy as np
import pytest

from tests.train.tiny import NETWORK
from train.config import NetworkSettings
from train.network import build, build_deployed, fold, shift_heads

SHARE = np.log([0.5, 0.3, 0.2])


def pixels(settings=NETWORK, count=4):
    shape = (count, settings.image_height_px, settings.image_width_px, 3)
    return np.random.default_rng(0).random(shape, np.float32)


@pytest.fixture(scope="module")
def trained():
    """A network whose normalisations and biases are far from where they start."""
    model, rng = build(NETWORK, class_log_share=SHARE), np.random.default_rng(1)
    for layer in model.layers:
        if "_norm" in layer.name:
            size = layer.get_weights()[0].shape
            gamma, beta, mean = (rng.normal(centre, 1, size) for centre in (1, 0, 0))
            layer.set_weights([gamma, beta, mean, rng.uniform(0.1, 4, size)])
        if "_head" in layer.name:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, bias + rng.normal(0, 1, bias.shape)])
    return model


def test_folded_network_gives_the_same_logits(trained):
    towers, mean = fold(trained, NETWORK, classes=3)(pixels())
    expected = trained(pixels(), training=False).numpy()
    assert expected.std() > 1
    # Both sum some hundred float32 products a layer in another order; logits are of the order of ten here.
    assert towers.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert mean.numpy() == pytest.approx(expected.reshape(-1, 2, 3).mean(axis=1), rel=1e-4, abs=1e-4)


def test_folding_uses_the_moving_statistics(trained):
    # In training mode the batch's own statistics are used: another result, so that the test above can fail.
    expected = trained(pixels(), training=True).numpy()
    assert not np.allclose(fold(trained, NETWORK, classes=3)(pixels())[0].numpy(), expected, rtol=0.1)


@pytest.mark.parametrize("towers", [2, 3, 5])
def test_mean_output_is_the_mean_of_the_towers(towers):
    settings = NetworkSettings(image_height_px=8, image_width_px=8, widths=(4, 4), towers=towers)
    model = build_deployed(settings, classes=3)
    joined, mean = model(pixels(settings))
    assert joined.shape == (4, 3 * towers)
    # Float32 sums of a few products of weights 1/towers.
    assert mean.numpy() == pytest.approx(joined.numpy().reshape(4, towers, 3).mean(axis=1), abs=1e-5)


def test_shifted_heads_shift_all_logits_and_their_mean(trained):
    model, by = fold(trained, NETWORK, classes=3), np.array([0.5, -2, 0])
    towers, mean = (output.numpy() for output in model(pixels()))
    shift_heads(model, by=by)
    shifted_towers, shifted_mean = (output.numpy() for output in model(pixels()))
    # A float32 rounding of logits of the order of ten.
    assert shifted_towers == pytest.approx(towers + np.tile(by, 2), abs=1e-5)
    assert shifted_mean == pytest.approx(mean + by, abs=1e-5)


def test_heads_start_at_the_adjustment_for_the_sources():
    model = build(NETWORK, class_log_share=SHARE)
    for tower in range(NETWORK.towers):
        _, bias = model.get_layer(f"tower{tower}_head").get_weights()
        assert bias == pytest.approx(-SHARE, rel=1e-6)  # rounded to float32


def test_towers_start_from_weights_of_their_own():
    model = build(NETWORK, class_log_share=SHARE)
    (first,), (second,) = (model.get_layer(f"tower{tower}_conv0").get_weights() for tower in (0, 1))
    assert not np.allclose(first, second)


def test_default_network_has_the_parameters_of_its_recipe():
    settings = NetworkSettings()
    inside, outside = (3, 16, 32, 64, 96), (16, 32, 64, 96, 128)
    tower = sum(9 * i * o + o for i, o in zip(inside, outside, strict=True)) + 128 * 4 + 4
    model = build_deployed(settings, classes=4)
    assert model.input_shape == (None, 120, 160, 3)
    assert model.count_params() == 5 * tower + 5 * 4 * 4  # the last are the fixed weights of the mean


def test_first_convolution_halves_and_pooling_follows_all_but_first_and_last():
    model = build_deployed(NETWORK, classes=4)
    shapes = [model.get_layer(f"tower0_{name}").output.shape[1:3] for name in ("conv0", "conv1", "pool1", "conv2")]
    assert shapes == [(12, 16), (12, 16), (6, 8), (6, 8)]
