import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from tests.train.tiny import NETWORK
from train.config import NetworkSettings
from train.network import Dropout, build, build_deployed, fold, shift_heads

SHARE = np.log([0.5, 0.3, 0.2])


def pixels(settings=NETWORK, count=4):
    shape = (count, settings.image_height_px, settings.image_width_px, 3)
    return np.random.default_rng(0).random(shape, np.float32)


def new(settings=NETWORK, *, seed=0, step=0):
    """A network to train, and the variable in which it reads how many steps are done."""
    count = tf.Variable(step, dtype=tf.int64, trainable=False)
    return build(settings, class_log_share=SHARE, seed=seed, step=count), count


@pytest.fixture(scope="module")
def trained():
    """A network whose normalisations and biases are far from where they start."""
    keras.utils.set_random_seed(0)
    (model, _), rng = new(), np.random.default_rng(1)
    for layer in model.layers:
        if "_norm" in layer.name:
            size = layer.get_weights()[0].shape
            gamma, beta, mean = (rng.normal(centre, 1, size) for centre in (1, 0, 0))
            layer.set_weights([gamma, beta, mean, rng.uniform(0.1, 4, size)])
        if "_head" in layer.name:
            kernel, bias = layer.get_weights()
            layer.set_weights([kernel, bias + rng.normal(0, 1, bias.shape)])
    return model


def folded(trained):
    """A deployed network with the weights of a trained one."""
    deployed = build_deployed(NETWORK, classes=3)
    fold(trained, deployed, NETWORK)
    return deployed


# Folding.


def test_folded_network_gives_the_same_logits(trained):
    towers, mean = folded(trained)(pixels())
    expected = trained(pixels(), training=False).numpy()
    assert expected.std() > 1
    # Both sum some hundred float32 products a layer in another order; logits are of the order of ten here.
    assert towers.numpy() == pytest.approx(expected, rel=1e-4, abs=1e-4)
    assert mean.numpy() == pytest.approx(expected.reshape(-1, 2, 3).mean(axis=1), rel=1e-4, abs=1e-4)


def test_folding_uses_the_moving_statistics(trained):
    # In training mode the batch's own statistics are used: another result, so that the test above can fail.
    expected = trained(pixels(), training=True).numpy()
    assert not np.allclose(folded(trained)(pixels())[0].numpy(), expected, rtol=0.1)


def test_folding_again_follows_the_trained_network_in_what_is_compiled_already():
    keras.utils.set_random_seed(1)
    model, _ = new()
    deployed = folded(model)
    run = tf.function(lambda batch: deployed(batch, training=False)[0])
    before = run(pixels()).numpy()
    for layer in model.layers:
        if "_norm" in layer.name:
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma * 2, beta + 1, mean - 0.5, variance * 3])
    assert (run(pixels()).numpy() == before).all()
    fold(model, deployed, NETWORK)
    assert not np.allclose(run(pixels()).numpy(), before, atol=0.1)
    # As above.
    assert run(pixels()).numpy() == pytest.approx(model(pixels(), training=False).numpy(), rel=1e-4, abs=1e-4)


def test_folding_leaves_the_trained_network_and_the_mean_alone(trained):
    before = [weight.copy() for weight in trained.get_weights()]
    mean = folded(trained).get_layer("mean").get_weights()[0]
    assert all((one == two).all() for one, two in zip(before, trained.get_weights(), strict=True))
    assert (mean == np.tile(np.eye(3, dtype=np.float32) / 2, (2, 1))).all()


# Dropout.

ONES = np.ones((50, 40), np.float32)


def drop(rate=0.3, *, seed=(0, 0), step=0, features=ONES, training=True):
    """The features after one layer; 0 where they were dropped."""
    layer = Dropout(rate, seed=seed, step=tf.Variable(step, dtype=tf.int64, trainable=False))
    return np.asarray(layer(tf.constant(features), training=training))


def test_the_same_seed_tower_and_step_drop_the_same():
    assert (drop(seed=(3, 1), step=5) == drop(seed=(3, 1), step=5)).all()


@pytest.mark.parametrize(
    "other",
    [{"seed": (3, 0)}, {"seed": (4, 1)}, {"seed": (1, 3)}, {"step": 6}, {"step": 2**40}],
    ids=["tower", "seed", "swapped", "next step", "far step"],
)
def test_another_seed_tower_or_step_drops_others(other):
    mask, others = (drop(**{"seed": (3, 1), "step": 5, **given}) == 0 for given in ({}, other))
    # Independent masks of rate 0.3 differ in 2 * 0.3 * 0.7 = 0.42 of 2,000 places; 0.05 is over four deviations.
    assert np.mean(mask != others) == pytest.approx(0.42, abs=0.05)


def test_dropout_does_not_hang_on_what_was_drawn_before():
    first = drop()
    keras.utils.set_random_seed(99)
    tf.random.uniform((3,))
    np.random.default_rng(0).random(3)
    assert (drop() == first).all()


def test_a_layer_follows_the_step_also_when_it_is_compiled():
    step = tf.Variable(0, dtype=tf.int64, trainable=False)
    layer = Dropout(0.3, seed=(0, 0), step=step)
    run = tf.function(lambda features: layer(features, training=True))
    first = run(ONES).numpy()
    assert (run(ONES).numpy() == first).all()
    step.assign_add(1)
    second = run(ONES).numpy()
    assert (second != first).any()
    assert int(step) == 1
    step.assign(0)  # a checkpoint brings it back
    assert (run(ONES).numpy() == first).all()
    assert (first == drop()).all()
    assert (second == drop(step=1)).all()


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.8])
def test_share_that_is_dropped_is_the_rate_and_the_rest_is_scaled_up(rate):
    features = np.random.default_rng(0).normal(1, 1, (200, 50)).astype(np.float32)
    dropped = drop(rate, features=features)
    gone = dropped == 0
    # Of 10,000 draws four standard deviations: 4 * sqrt(rate * (1 - rate) / 10,000), 0.02 at most.
    assert gone.mean() == pytest.approx(rate, abs=0.02)
    assert dropped[~gone] == pytest.approx(features[~gone] / (1 - rate), rel=1e-6)  # one float32 division
    # The mean has a standard deviation of sqrt(mean(x^2) * rate / (1 - rate) / n), 0.028 at most.
    assert dropped.mean() == pytest.approx(features.mean(), abs=4 * np.sqrt(2 * rate / (1 - rate) / 10_000))


def test_each_feature_and_image_is_dropped_on_its_own():
    gone = np.mean([drop(step=step) == 0 for step in range(100)], axis=0)
    # 100 draws of 0.3: five standard deviations of 0.046 hold all of 2,000 places.
    assert gone.min() > 0.07
    assert gone.max() < 0.53


@pytest.mark.parametrize(("rate", "training"), [(0.3, False), (0.9, False), (0.0, True)])
def test_dropout_is_off_outside_of_training_and_at_rate_zero(rate, training):
    assert (drop(rate, training=training) == ONES).all()


def test_every_tower_drops_by_itself_and_nothing_else_is_random():
    keras.utils.set_random_seed(0)
    model, step = new()
    same, other = new()[0], new(seed=1)[0]
    for network in (same, other):
        network.set_weights(model.get_weights())

    def answers(network):
        batch = pixels()
        statistics = [layer.get_weights() for layer in network.layers]  # training moves those of the normalisations
        found = network(batch, training=True).numpy()
        for layer, weights in zip(network.layers, statistics, strict=True):
            layer.set_weights(weights)
        return found.reshape(-1, 2, 3)

    first = answers(model)
    assert (answers(model) == first).all()
    assert (answers(same) == first).all()
    for tower in (0, 1):
        assert (answers(other)[:, tower] != first[:, tower]).any()
    step.assign(1)
    assert (answers(model) != first).any()
    names = [f"tower{tower}_dropout" for tower in (0, 1)]
    features = tf.ones((8, 8))
    masks = [model.get_layer(name)(features, training=True).numpy() for name in names]
    assert (masks[0] != masks[1]).any()


# The shape.


@pytest.mark.parametrize("towers", [2, 3, 5])
def test_mean_output_is_the_mean_of_the_towers(towers):
    settings = NetworkSettings(image_height_px=8, image_width_px=8, widths=(4, 4), towers=towers)
    model = build_deployed(settings, classes=3)
    joined, mean = model(pixels(settings))
    assert joined.shape == (4, 3 * towers)
    # Float32 sums of a few products of weights 1/towers.
    assert mean.numpy() == pytest.approx(joined.numpy().reshape(4, towers, 3).mean(axis=1), abs=1e-5)


def test_shifted_heads_shift_all_logits_and_their_mean(trained):
    model, by = folded(trained), np.array([0.5, -2, 0])
    towers, mean = (output.numpy() for output in model(pixels()))
    shift_heads(model, by=by)
    shifted_towers, shifted_mean = (output.numpy() for output in model(pixels()))
    # A float32 rounding of logits of the order of ten.
    assert shifted_towers == pytest.approx(towers + np.tile(by, 2), abs=1e-5)
    assert shifted_mean == pytest.approx(mean + by, abs=1e-5)


def test_heads_start_at_the_adjustment_for_the_sources():
    model, _ = new()
    for tower in range(NETWORK.towers):
        _, bias = model.get_layer(f"tower{tower}_head").get_weights()
        assert bias == pytest.approx(-SHARE, rel=1e-6)  # rounded to float32


def test_towers_start_from_weights_of_their_own():
    model, _ = new()
    (first,), (second,) = (model.get_layer(f"tower{tower}_conv0").get_weights() for tower in (0, 1))
    assert not np.allclose(first, second)


def test_default_network_has_the_parameters_of_its_recipe():
    settings = NetworkSettings()
    inside, outside = (3, 16, 32, 64, 80), (16, 32, 64, 80, 128)
    tower = sum(9 * i * o + o for i, o in zip(inside, outside, strict=True)) + 128 * 4 + 4
    model = build_deployed(settings, classes=4)
    assert model.input_shape == (None, 120, 160, 3)
    assert model.count_params() == 5 * tower + 5 * 4 * 4  # the last are the fixed weights of the mean


def test_first_convolution_halves_and_pooling_follows_all_but_first_and_last():
    model = build_deployed(NETWORK, classes=4)
    shapes = [model.get_layer(f"tower0_{name}").output.shape[1:3] for name in ("conv0", "conv1", "pool1", "conv2")]
    assert shapes == [(12, 16), (12, 16), (6, 8), (6, 8)]


def test_squares_of_pixels_may_become_channels_before_the_first_convolution():
    settings = NetworkSettings(image_height_px=8, image_width_px=16, widths=(4,), strided=1, space_to_depth=4)
    model, seen = build_deployed(settings, classes=3), pixels(settings)
    squares = keras.Model(model.inputs, model.get_layer("squares").output)(seen).numpy()
    assert squares.shape == (4, 2, 4, 48)
    assert (squares[:, 1, 2].reshape(4, 4, 4, 3) == seen[:, 4:8, 8:12]).all()
    assert model.get_layer("tower0_conv0").output.shape[1:] == (1, 2, 4)
    assert "squares" not in {layer.name for layer in build_deployed(NETWORK, classes=3).layers}


def test_further_convolutions_may_halve_instead_of_pooling():
    settings = NetworkSettings(image_height_px=32, image_width_px=48, widths=(4, 4, 4, 4), strided=2)
    model = build_deployed(settings, classes=3)
    shapes = [model.get_layer(f"tower0_{name}").output.shape[1:3] for name in ("conv0", "conv1", "pool2", "conv3")]
    assert shapes == [(16, 24), (8, 12), (4, 6), (4, 6)]
    assert not [layer for layer in model.layers if layer.name.endswith(("pool0", "pool1", "pool3"))]
