"""The network: a few plain CNNs beside each other, in tf-keras because quantisation-aware training needs it."""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from train.config import NetworkSettings

TOWERS_LAYER = "towers"
MEAN_LAYER = "mean"

_MASK = 0  # what is drawn from seed and step; train/augment.py has the next number


class Dropout(keras.layers.Layer):  # type: ignore[misc]  # TensorFlow has no types
    """Dropout whose mask follows from seed and step, so that a training that goes on draws what it would have.

    It is drawn for the whole batch, however many replicas share that. Keras' own draws from a state that no
    checkpoint holds.
    """

    def __init__(self, rate: float, *, seed: tuple[int, int], step: tf.Variable, **options: Any) -> None:
        """Drop each feature with probability `rate`; `step` is read, never changed."""
        super().__init__(**options)
        self._rate, self._seed, self._step = rate, seed, step

    def call(self, features: tf.Tensor, training: bool = False) -> tf.Tensor:
        """The features float32 [n, width], in training scaled up by what is dropped of them."""
        if not training or not self._rate:
            return features
        replica, replicas = _replica()
        key = tf.random.fold_in(tf.constant(self._seed, tf.int64), self._step)
        count, width = tf.unstack(tf.shape(features))
        drawn = tf.random.stateless_uniform((replicas * count, width), tf.random.fold_in(key, _MASK))[replica::replicas]
        return tf.where(drawn >= self._rate, features / (1 - self._rate), 0.0)


class SpaceToDepth(keras.layers.Layer):  # type: ignore[misc]  # TensorFlow has no types
    """Each square of pixels becomes one position with all their channels, which fill a processor's vectors."""

    def __init__(self, side: int, **options: Any) -> None:
        """Squares of `side` pixels a side."""
        super().__init__(**options)
        self._side = side

    def call(self, pixels: tf.Tensor) -> tf.Tensor:
        """Float32 [n, height, width, channels] to [n, height / side, width / side, channels * side ** 2]."""
        return tf.nn.space_to_depth(pixels, self._side)

    def get_config(self) -> dict[str, Any]:
        """What quantisation makes it anew from."""
        return {**super().get_config(), "side": self._side}


def build(
    settings: NetworkSettings,
    *,
    class_log_share: npt.NDArray[np.float64],
    seed: int,
    step: tf.Variable,
    replicas: int = 1,
) -> keras.Model:
    """The network to train: convolutions with batch normalisation, dropout before each tower's head.

    Args:
        settings: its shape.
        seed: of the dropout.
        step: int64, the number of steps done, which dropout reads.
        replicas: how many share a batch; batch normalisation is then over all of it.
        class_log_share: float64 [classes], log of each class's share of the sources. The heads start at its
            negative, so that the network's logits are the adjusted ones of Menon et al. 2021
            (arXiv:2007.07314, equation 10) when the loss adds it again.

    Returns:
        A model of float32 [n, height, width, 3], 0 to 1, to logits float32 [n, towers * classes].
    """
    pixels, squares = _input(settings)
    logits = []
    for tower in range(settings.towers):
        features = squares
        for depth, width in enumerate(settings.widths):
            features = _convolution(settings, tower, depth, width, use_bias=False)(features)
            norm = keras.layers.BatchNormalization(
                momentum=0.9, synchronized=replicas > 1, name=f"tower{tower}_norm{depth}"
            )
            features = norm(features)
            features = keras.layers.ReLU(name=f"tower{tower}_relu{depth}")(features)
            features = _maybe_pool(settings, tower, depth)(features)
        features = keras.layers.GlobalMaxPooling2D(name=f"tower{tower}_peak")(features)
        dropout = Dropout(settings.dropout, seed=(seed, tower), step=step, name=f"tower{tower}_dropout")
        features = dropout(features)
        bias = keras.initializers.Constant(-class_log_share)
        logits.append(_head(tower, len(class_log_share), bias_initializer=bias)(features))
    return keras.Model(pixels, _join(logits))


def build_deployed(settings: NetworkSettings, *, classes: int) -> keras.Model:
    """The same network as the device runs it: batch normalisation folded, dropout gone, logits averaged.

    Returns a model with two outputs: the towers' logits as in `build`, and their mean, float32 [n, classes].
    """
    pixels, squares = _input(settings)
    logits = []
    for tower in range(settings.towers):
        features = squares
        for depth, width in enumerate(settings.widths):
            features = _convolution(settings, tower, depth, width, activation="relu")(features)
            features = _maybe_pool(settings, tower, depth)(features)
        features = keras.layers.GlobalMaxPooling2D(name=f"tower{tower}_peak")(features)
        logits.append(_head(tower, classes)(features))
    joined = _join(logits)
    if settings.towers == 1:  # which is its own mean
        return keras.Model(pixels, [joined, joined])
    mean = keras.layers.Dense(classes, use_bias=False, name=MEAN_LAYER)
    model = keras.Model(pixels, [joined, mean(joined)])
    mean.set_weights([np.tile(np.eye(classes, dtype=np.float32) / settings.towers, (settings.towers, 1))])
    return model


def fold(trained: keras.Model, deployed: keras.Model, settings: NetworkSettings) -> None:
    """Give the deployed network a trained one's weights; batch normalisation becomes scale and bias of the kernels.

    For y = gamma * (conv(x) - mean) / sqrt(variance + epsilon) + beta (Jacob et al. 2018, section 3.2).
    """
    for tower in range(settings.towers):
        for depth in range(len(settings.widths)):
            norm = trained.get_layer(f"tower{tower}_norm{depth}")
            (kernel,) = trained.get_layer(f"tower{tower}_conv{depth}").get_weights()
            gamma, beta, mean, variance = norm.get_weights()
            scale = gamma / np.sqrt(variance + norm.epsilon)
            deployed.get_layer(f"tower{tower}_conv{depth}").set_weights([kernel * scale, beta - mean * scale])
        deployed.get_layer(f"tower{tower}_head").set_weights(trained.get_layer(f"tower{tower}_head").get_weights())


def multiply_adds(settings: NetworkSettings, *, classes: int) -> int:
    """The multiplications of one picture, each with its addition: convolutions and heads of all towers."""
    side = settings.space_to_depth
    height, width, channels = settings.view.height_px // side, settings.view.width_px // side, 3 * side**2
    total = 0
    for depth, own in enumerate(settings.widths):
        if depth < settings.strided:
            height, width = -(-height // 2), -(-width // 2)
        total += height * width * 9 * channels * own
        if settings.strided <= depth < len(settings.widths) - 1:
            height, width = height // 2, width // 2
        channels = own
    return settings.towers * (total + channels * classes)


def shift_heads(model: keras.Model, *, by: npt.NDArray[np.float64]) -> None:
    """Add to every tower's logits: `by` float64 [classes] goes into the heads' biases and costs nothing.

    Of a quantised network the ranges of all logits are widened by as much.
    """
    for layer in model.layers:
        if not layer.name.endswith(("_head", TOWERS_LAYER, MEAN_LAYER)):
            continue
        for variable in layer.weights:
            name = variable.name.rsplit("/", 1)[-1].split(":")[0]
            if name == "bias":
                variable.assign_add(by)
            elif name in ("post_activation_min", "output_min"):
                variable.assign_add(min(0.0, by.min()))
            elif name in ("post_activation_max", "output_max"):
                variable.assign_add(max(0.0, by.max()))


def _replica() -> tuple[Any, int]:
    """The number of this replica, and how many there are."""
    context = tf.distribute.get_replica_context()
    return context.replica_id_in_sync_group, context.num_replicas_in_sync


def _input(settings: NetworkSettings) -> tuple[Any, Any]:
    """The input tensor, and what the first convolutions read."""
    pixels = keras.layers.Input((settings.view.height_px, settings.view.width_px, 3))
    if settings.space_to_depth == 1:
        return pixels, pixels
    return pixels, SpaceToDepth(settings.space_to_depth, name="squares")(pixels)


def _convolution(settings: NetworkSettings, tower: int, depth: int, width: int, **options: Any) -> Any:
    """A 3 x 3 convolution; the first ones halve the picture."""
    return keras.layers.Conv2D(
        width,
        3,
        strides=2 if depth < settings.strided else 1,
        padding="same",
        kernel_initializer="he_normal",
        name=f"tower{tower}_conv{depth}",
        **options,
    )


def _maybe_pool(settings: NetworkSettings, tower: int, depth: int) -> Any:
    """Max-pooling after each convolution between the strided ones and the last."""
    if settings.strided <= depth < len(settings.widths) - 1:
        return keras.layers.MaxPooling2D(2, name=f"tower{tower}_pool{depth}")
    return lambda features: features


def _head(tower: int, classes: int, **options: Any) -> Any:
    """The linear classifier of a tower."""
    return keras.layers.Dense(classes, name=f"tower{tower}_head", **options)


def _join(logits: list[Any]) -> Any:
    """All towers' logits side by side."""
    if len(logits) == 1:
        return logits[0]
    return keras.layers.Concatenate(name=TOWERS_LAYER)(logits)
