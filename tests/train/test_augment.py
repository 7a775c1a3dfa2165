from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.train.tiny import NETWORK
from train.augment import augment, draw
from train.config import Augmentation
from train.loop import batches, make_step

EVERYTHING = Augmentation(stain=0.3, light=0.1, exposure=0.2, focus_px=1.5, scale=0.2, rotation_deg=30, flips=True)
COUNT = 6
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.integers(0, 256, (COUNT, 13, 18, 3)).astype(np.uint8)
DRAWN = RANDOM.uniform(-1, 1, (COUNT, 19)).astype(np.float32)
FOCUS, SCALE, ROTATION, FLIPS = 14, 15, 16, slice(17, 19)  # of the numbers drawn


def changed(pictures=PICTURES, drawn=DRAWN, **strengths):
    """The pictures after augmentation, as numpy."""
    return augment(tf.constant(pictures), tf.constant(drawn), strengths=Augmentation(**strengths)).numpy()


def plain(shade, *, shape=(COUNT, 8, 8, 3)):
    return np.full(shape, shade, np.uint8)


def numbers(**chosen):
    """What is drawn, all 0 but these columns."""
    drawn = np.zeros_like(DRAWN)
    for name, value in chosen.items():
        drawn[:, {"focus": FOCUS, "scale": SCALE, "rotation": ROTATION, "flips": FLIPS}[name]] = value
    return drawn


# What is drawn.


def test_seed_and_step_decide_what_is_drawn():
    def of(seed, step):
        return draw(tf.constant(5), seed=seed, step=tf.Variable(step, dtype=tf.int64)).numpy()

    assert of(3, 7).shape == (5, DRAWN.shape[1])
    assert np.array_equal(of(3, 7), of(3, 7))
    assert len({of(seed, step).tobytes() for seed in (3, 4) for step in (7, 8)}) == 4
    many = draw(tf.constant(4000), seed=0, step=tf.constant(0, tf.int64)).numpy()
    assert (many >= -1).all()
    assert (many < 1).all()
    assert abs(many.mean(axis=0)).max() < 0.05  # a mean of 4,000 strays by 0.009; five times that


def test_each_kind_has_numbers_of_its_own():
    alone = changed(rotation_deg=30)
    for other in ({"stain": 0.3}, {"light": 0.2}, {"exposure": 0.3}, {"focus_px": 2.0}, {"scale": 0.3}):
        assert not np.array_equal(changed(**other), PICTURES)
    # White stays white under stain, so that only the turn can be seen, and it is the same one.
    white = plain(255)
    assert np.array_equal(changed(white, rotation_deg=30, stain=0.3), changed(white, rotation_deg=30))
    assert not np.array_equal(alone, PICTURES)


def test_pictures_of_a_batch_are_changed_differently():
    same = np.repeat(PICTURES[:1], COUNT, axis=0)
    for strengths in ({"stain": 0.3}, {"light": 0.2}, {"exposure": 0.3}, {"focus_px": 2.0}, {"scale": 0.3}):
        found = changed(same, **strengths)
        assert len({picture.tobytes() for picture in found}) == COUNT, strengths


# What comes out.


def test_nothing_asked_for_is_nothing_changed():
    assert np.array_equal(changed(), PICTURES)


@pytest.mark.parametrize("name", ["stain", "light", "exposure", "focus_px", "scale", "rotation_deg", "flips"])
def test_nothing_drawn_is_nothing_changed(name):
    drawn = numbers(flips=1.0)
    assert np.array_equal(changed(drawn=drawn, **{name: getattr(EVERYTHING, name)}), PICTURES)


def test_whatever_is_drawn_gives_pixels():
    for drawn in (DRAWN, np.ones_like(DRAWN), -np.ones_like(DRAWN)):
        found = augment(tf.constant(PICTURES), tf.constant(drawn), strengths=EVERYTHING)
        assert (found.dtype, found.shape) == (tf.uint8, PICTURES.shape)


def test_it_can_be_compiled_for_batches_of_any_size():
    compiled = tf.function(
        lambda pixels, drawn: augment(pixels, drawn, strengths=EVERYTHING),
        input_signature=[tf.TensorSpec((None, 13, 18, 3), tf.uint8), tf.TensorSpec((None, 19), tf.float32)],
    )
    for count in (1, COUNT):
        found = compiled(PICTURES[:count], DRAWN[:count]).numpy()
        wanted = augment(tf.constant(PICTURES[:count]), tf.constant(DRAWN[:count]), strengths=EVERYTHING).numpy()
        # Sums in another order may round to another level.
        assert abs(found.astype(int) - wanted).max() <= 1


# Colour.


def test_stain_leaves_black_and_white_and_changes_what_is_between():
    assert np.array_equal(changed(plain(255), stain=0.5), plain(255))
    assert np.array_equal(changed(plain(0), stain=0.5), plain(0))
    stained = changed(plain((200, 120, 180)), stain=0.5)
    assert len({tuple(picture[0, 0]) for picture in stained}) == COUNT


@pytest.mark.parametrize("strength", [0.2, 0.6])
def test_stain_scales_densities_by_as_much_as_it_says(strength):
    drawn = np.zeros_like(DRAWN)
    drawn[:, [0, 4, 8]] = -1, 0.5, 1  # the diagonal
    density = -np.log(np.array((200, 120, 180)) / 255)
    wanted = 255 * np.exp(-density * (1 + strength * np.array((-1, 0.5, 1))))
    found = changed(plain((200, 120, 180)), drawn, stain=strength)[0, 0, 0]
    assert found == pytest.approx(wanted, abs=0.5 + 1e-3)  # rounded to whole levels


def test_light_is_of_one_channel_and_exposure_of_all():
    drawn = np.zeros_like(DRAWN)
    drawn[:, 9:12] = -1, 0, 1
    drawn[:, 12] = -1  # brightness
    found = changed(plain(100), drawn, light=0.3)[0, 0, 0]
    assert found == pytest.approx(100 * np.exp((-0.3, 0, 0.3)), abs=0.5 + 1e-3)
    found = changed(plain(100), drawn, exposure=0.3)[0, 0, 0]
    assert found == pytest.approx([100 * np.exp(-0.3)] * 3, abs=0.5 + 1e-3)


@pytest.mark.parametrize("number", [-1, 0.5])
def test_contrast_is_gamma(number):
    drawn = np.zeros_like(DRAWN)
    drawn[:, 13] = number
    found = changed(plain(100), drawn, exposure=0.4)[0, 0, 0]
    assert found == pytest.approx([255 * (100 / 255) ** np.exp(0.4 * number)] * 3, abs=0.5 + 1e-3)


# Focus.


def test_blur_is_as_wide_as_it_says_and_leaves_edges_and_plain_pictures_alone():
    assert np.array_equal(changed(plain(180), focus_px=4.0), plain(180))  # 8 px, fewer than the kernel
    edge = np.zeros((COUNT, 9, 41, 3), np.uint8)
    edge[:, :, 20:] = 255
    blurred = changed(edge, numbers(focus=0.5), focus_px=3.0)[0, 4, :, 0].astype(float)
    spread = np.diff(blurred) / 255  # the blur's own shape, around 19.5
    places = np.arange(40) + 0.5
    deviation = np.sqrt((spread * (places - (spread * places).sum()) ** 2).sum())
    # What the kernel leaves out beyond five deviations is nothing; a pixel's own width is what a Gaussian has sampled.
    assert deviation == pytest.approx(1.5, abs=0.05)


# Position.


@pytest.mark.parametrize(("across", "down"), [(-1, 1), (1, -1), (-1, -1), (1, 1)])
def test_flip_is_the_mirror_image(across, down):
    found = changed(drawn=numbers(flips=(across, down)), flips=True)
    assert np.array_equal(found, PICTURES[:, ::down, ::across])


@pytest.mark.parametrize("degrees", [-90, 90, 180])
def test_turning_keeps_the_middle_and_goes_as_far_as_it_says(degrees):
    square = PICTURES[:, :13, :13]
    found = changed(square, numbers(rotation=degrees / 180), rotation_deg=180)
    assert np.array_equal(found, np.rot90(square, -degrees // 90, axes=(1, 2)))


def test_scale_makes_larger_around_the_middle():
    spot = plain(0, shape=(COUNT, 41, 41, 3))
    spot[:, 15:26, 15:26] = 255
    for number, wanted in ((1, 11 * 1.4), (-1, 11 * 0.6)):
        found = changed(spot, numbers(scale=number), scale=0.4)[0, 20, :, 0].astype(float)
        assert found.sum() / 255 == pytest.approx(wanted, abs=0.5)  # a pixel more or less in all
        assert found == pytest.approx(found[::-1], abs=1)


def test_what_comes_into_view_is_black():
    found = changed(plain(255, shape=(COUNT, 21, 21, 3)), numbers(rotation=1), rotation_deg=45)
    assert (found[:, 0, 0] == 0).all()
    assert (found[:, 10, 10] == 255).all()


# In training.


def step_once(stage):
    """The loss of one step on the first eight pictures, and the weights after it."""
    pixels, indices = next(iter(batches(stage, np.arange(8))))
    loss, _ = make_step(stage)(pixels, indices, tf.constant(0.5))
    return float(loss), [variable.numpy() for variable in stage.trained]


def test_a_step_learns_from_changed_pictures_and_none_does_without(make_stage, monkeypatch):
    with_it = step_once(make_stage(augmentation=EVERYTHING))
    assert with_it[0] != step_once(make_stage())[0]
    assert with_it[0] == step_once(make_stage(augmentation=EVERYTHING))[0]
    monkeypatch.setattr("train.loop.augment", None)  # is not asked
    monkeypatch.setattr("train.loop.draw", None)
    step_once(make_stage())


def test_other_steps_are_other_pictures(make_stage):
    losses, network = [], replace(NETWORK, dropout=0.0)  # which follows from the step too
    for done in (0, 1):
        stage = make_stage(network, augmentation=EVERYTHING)
        stage.step.assign(done)
        losses.append(step_once(stage)[0])
    assert losses[0] != losses[1]
