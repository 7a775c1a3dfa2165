"""Changes to the pictures that are learned from, drawn anew for each, so that a network does not rely on one slide.

They are what happens between a smear and its picture, in that order: how much stain there is, how bright and of which
colour the light, how sharp the picture; then its size, and how the cell happens to lie. All of it is computed from
pixels and one row of numbers a picture, in a handful of operators over the batch.
"""

import math

import tensorflow as tf

from train.config import Augmentation

_AUGMENT = 1  # what is drawn from seed and step; train/network.py has the other numbers
_PARTS = (9, 3, 1, 1, 1, 1, 1, 2)  # stain, light, brightness, contrast, focus, scale, rotation, flips
_MIXED = 0.25  # of another channel's density, for one of the own
_LEVELS = 255.0
_REACH = 2.5  # standard deviations that a blur's kernel reaches to


def draw(count: tf.Tensor, *, seed: int, step: tf.Tensor) -> tf.Tensor:
    """What chance has to say of `count` pictures in a step, float32 [count, numbers], -1 to 1.

    It follows from seed and step, so that a training that goes on draws what it would have. Each kind of change has
    numbers of its own: to turn one on does not change the others.
    """
    key = tf.random.fold_in(tf.random.fold_in(tf.constant((seed, 0), tf.int64), step), _AUGMENT)
    return tf.random.stateless_uniform((count, sum(_PARTS)), key, minval=-1.0)


def augment(pixels: tf.Tensor, drawn: tf.Tensor, *, strengths: Augmentation) -> tf.Tensor:
    """The pictures as another slide, lamp, focus and position would have shown them.

    Args:
        pixels: uint8 [b, height, width, 3].
        drawn: float32 [b, numbers], as of `draw`.
        strengths: of each kind of change; one of 0 leaves the pictures as they are.

    Returns:
        uint8 [b, height, width, 3]. What comes into view from beyond the picture's edge is black, as in the data set.
    """
    stain, light, brightness, contrast, focus, scale, rotation, flips = tf.split(drawn, _PARTS, axis=1)
    values = tf.cast(pixels, tf.float32)
    if strengths.stain or strengths.light or strengths.exposure:
        lighter = strengths.light * light + strengths.exposure * brightness
        steeper = tf.exp(strengths.exposure * contrast)
        values = _colour(values, strengths.stain * stain, lighter=lighter, steeper=steeper)
    if strengths.focus_px:
        values = _blur(values, strengths.focus_px * tf.abs(focus[:, 0]), most_px=strengths.focus_px)
    if strengths.scale or strengths.rotation_deg or strengths.flips:
        larger = 1 + strengths.scale * scale[:, 0]
        radians = math.radians(strengths.rotation_deg) * rotation[:, 0]
        mirrored = tf.where(flips < 0, -1.0, 1.0) if strengths.flips else tf.ones_like(flips)
        values = _move(values, larger=larger, radians=radians, mirrored=mirrored)
    return tf.cast(tf.round(values), tf.uint8)


def _colour(values: tf.Tensor, stain: tf.Tensor, *, lighter: tf.Tensor, steeper: tf.Tensor) -> tf.Tensor:
    """Other stain and light: densities, -log of a channel's share of the light, mixed, scaled and shifted.

    A density is proportional to the amount of stain (Beer-Lambert). Tellez et al. 2018 (doi:10.1109/TMI.2018.2820199)
    scale and shift that of each stain; here it is the channels', since smears are stained with other stains than
    theirs. What is black stays black, and without light and exposure what is white stays white.

    Args:
        values: float32 [b, height, width, 3], 0 to 255.
        stain: float32 [b, 9], what a density's matrix has more than the unit matrix has; a quarter of that off the
            diagonal.
        lighter: float32 [b, 3], powers of e for the channels' brightness.
        steeper: float32 [b, 1], the power of a channel's share of the light: gamma.
    """
    unit = tf.eye(3)
    matrix = unit + tf.reshape(stain, (-1, 3, 3)) * (unit + _MIXED * (1 - unit))
    height, width = values.shape[1:3]
    flat = tf.reshape(values, (-1, height * width, 3))
    density = -tf.math.log(tf.maximum(flat, 1.0) / _LEVELS)
    thinner = density - tf.matmul(density, matrix * steeper[:, :, tf.newaxis]) + lighter[:, tf.newaxis]
    return tf.reshape(tf.minimum(flat * tf.exp(thinner), _LEVELS), (-1, height, width, 3))


def _blur(values: tf.Tensor, deviation_px: tf.Tensor, *, most_px: float) -> tf.Tensor:
    """Each picture blurred by a Gaussian of its own standard deviation, float32 [b]; edges by what is inside alone."""
    reach = math.ceil(_REACH * most_px)
    places = tf.range(-reach, reach + 1, dtype=tf.float32)[:, tf.newaxis]
    weights = tf.exp(-0.5 * tf.square(places / tf.maximum(deviation_px, 1e-3)))  # [taps, b]
    batch, (height, width) = tf.shape(values)[0], values.shape[1:3]
    # Every picture's kernel is another: pictures lie beside each other as the channels of one.
    joined = tf.reshape(tf.transpose(values, (1, 2, 0, 3)), (1, height, width, batch * 3))
    kernel = tf.repeat(weights, 3, axis=1)
    for taps, side in (((-1, 1), (1, height, 1)), ((1, -1), (1, 1, width))):
        own = tf.reshape(kernel, (*taps, batch * 3, 1))
        inside = tf.nn.depthwise_conv2d(tf.ones((*side, batch * 3)), own, (1, 1, 1, 1), "SAME")
        joined = tf.nn.depthwise_conv2d(joined, own, (1, 1, 1, 1), "SAME") / inside
    return tf.transpose(tf.reshape(joined, (height, width, batch, 3)), (2, 0, 1, 3))


def _move(values: tf.Tensor, *, larger: tf.Tensor, radians: tf.Tensor, mirrored: tf.Tensor) -> tf.Tensor:
    """Scaled, turned and mirrored around the middle, in one step with bilinear interpolation.

    Args:
        values: float32 [b, height, width, 3].
        larger: float32 [b], how many times.
        radians: float32 [b], clockwise.
        mirrored: float32 [b, 2], -1 for an axis (across, down) to be mirrored, else 1.
    """
    height, width = values.shape[1:3]
    across, down = (width - 1) / 2, (height - 1) / 2
    cosine, sine = tf.cos(radians) / larger, tf.sin(radians) / larger
    # A place (x, y) shows what was at (a x + b y + c, d x + e y + f).
    a, b = cosine * mirrored[:, 0], sine * mirrored[:, 0]
    d, e = -sine * mirrored[:, 1], cosine * mirrored[:, 1]
    c, f = across - (a * across + b * down), down - (d * across + e * down)
    none = tf.zeros_like(a)
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=values,
        transforms=tf.stack([a, b, c, d, e, f, none, none], axis=1),
        output_shape=(height, width),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="CONSTANT",
    )
