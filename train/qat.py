"""Quantisation of the folded float network, after training and in it, with tensorflow-model-optimization.

What keeps the int8 network near the float one: batch normalisation is folded before, so that no statistics move; the
ranges of activations start where real images put them (the library's own start at -6 to 6 and drift there over
thousands of steps), and so do those of the kernels; what rounding a kernel adds to the mean of its output, the bias
takes back; and the input's range is exactly 0 to 1, so that a pixel is its own quantised value. `calibrate` does all
of it without a step of training, and so gives post-training quantisation: what fine-tuning must beat to be worth its
time (train/compare.py). Which layer quantisation hurts, train/quantization_effect.py measures.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from train.keras_guard import check_model
from train.network import SpaceToDepth
from train.stream import to_unit

CALIBRATION_PER_CLASS = 128
WRAPPED = "quant_"
INPUT_LAYER = "quantize_layer"
# Names that tensorflow-model-optimization 0.8 gives to the ranges of a wrapped layer's output.
OUTPUT_RANGES = (("post_activation_min", "post_activation_max"), ("output_min", "output_max"))


@dataclass
class Seen:
    """What a layer of the float network showed: its lowest and highest output, and the mean of its input."""

    low: float = 0.0  # a range always holds 0
    high: float = 0.0
    mean_input: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(()))  # [h, w, channels], [features]


def quantize(deployed: keras.Model) -> keras.Model:
    """The network with fake quantisation after every operator, in the library's default 8-bit scheme.

    Weights are symmetric and per output channel, activations asymmetric and per tensor. To be calibrated before use.

    Raises LeukoliteError for a model of another Keras.
    """
    check_model(deployed)
    library = tfmot.quantization.keras
    # What it does to layers that move values as they are: nothing.
    kept = library.default_8bit.Default8BitQuantizeRegistry().get_quantize_config(keras.layers.Flatten())

    def annotated(layer: keras.layers.Layer) -> keras.layers.Layer:
        return library.quantize_annotate_layer(layer, kept if isinstance(layer, SpaceToDepth) else None)

    with library.quantize_scope({SpaceToDepth.__name__: SpaceToDepth}):
        return library.quantize_apply(keras.models.clone_model(deployed, clone_function=annotated))


def calibrate(quantized: keras.Model, deployed: keras.Model, pixels: Iterable[tf.Tensor]) -> None:
    """Set all ranges and biases by what the float network shows on some training images.

    Args:
        quantized: what `quantize` made of `deployed`.
        deployed: the float network.
        pixels: batches of uint8 [b, height, width, 3].
    """
    seen = _look(deployed, pixels)
    for name, own in seen.items():
        for end, value in zip(output_range(quantized, name), (own.low, own.high), strict=False):
            end.assign(value)
    # The library numbers this layer when it makes several in a process.
    entry = next(layer for layer in quantized.layers if layer.name.startswith(INPUT_LAYER))
    ranges = _variables(entry)
    ranges[f"{entry.name}_min"].assign(0.0)
    ranges[f"{entry.name}_max"].assign(1.0)
    settle_kernels(quantized)
    for name, own in seen.items():
        _correct_bias(quantized, deployed.get_layer(name), own.mean_input)


def settle_kernels(quantized: keras.Model) -> None:
    """Set the kernels' ranges to those of the kernels.

    The library does so in each step of training, but not before the first one, where they are -6 to 6, and averaged
    ranges are not the ranges of averaged kernels.
    """
    for layer in quantized.layers:
        own = _variables(layer)
        if "kernel_max" in own:
            # Per output channel where there is a range for each; narrow and symmetric.
            axes = range(len(own["kernel"].shape) - 1) if own["kernel_max"].shape.rank else None
            largest = tf.reduce_max(tf.abs(own["kernel"]), axes)
            own["kernel_min"].assign(-largest)
            own["kernel_max"].assign(largest)


def output_range(quantized: keras.Model, name: str) -> tuple[tf.Variable, ...]:
    """The ends of the range of a float layer's output in the quantised network; nothing where it is not quantised."""
    own = _variables(quantized.get_layer(WRAPPED + name))
    return next(((own[low], own[high]) for low, high in OUTPUT_RANGES if low in own), ())


def rounded_kernel(quantized: keras.Model, name: str) -> tf.Tensor:
    """The kernel of a float layer as the quantised network multiplies with it."""
    own = _variables(quantized.get_layer(WRAPPED + name))
    per_channel = own["kernel_max"].shape.rank
    fake = tf.quantization.fake_quant_with_min_max_vars
    if per_channel:
        fake = tf.quantization.fake_quant_with_min_max_vars_per_channel
    return fake(own["kernel"], own["kernel_min"], own["kernel_max"], narrow_range=True)


def bias(quantized: keras.Model, name: str) -> tf.Variable:
    """The bias of a float layer in the quantised network."""
    return _variables(quantized.get_layer(WRAPPED + name))["bias"]


def linear(layer: keras.layers.Layer, values: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """A convolution's or dense layer's output with another kernel, before bias and activation."""
    return layer.convolution_op(values, kernel) if isinstance(layer, keras.layers.Conv2D) else values @ kernel


def _look(deployed: keras.Model, pixels: Iterable[tf.Tensor]) -> dict[str, Seen]:
    """What each layer shows on some images, by its name."""
    layers = [layer for layer in deployed.layers if not isinstance(layer, keras.layers.InputLayer)]
    weighted = [layer for layer in layers if layer.weights]
    probe = keras.Model(deployed.inputs, [[layer.output for layer in layers], [layer.input for layer in weighted]])

    @tf.function(reduce_retracing=True)
    def look(batch: tf.Tensor) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor]]:
        # In a graph, an activation lives no longer than it is needed: all at once would outweigh the training.
        outputs, inputs = probe(to_unit(batch), training=False)
        means = [tf.reduce_mean(values, axis=0) for values in inputs]
        return [tf.reduce_min(each) for each in outputs], [tf.reduce_max(each) for each in outputs], means

    seen, count = {layer.name: Seen() for layer in layers}, 0
    for batch in pixels:
        lows, highs, means = look(batch)
        for layer, low, high in zip(layers, lows, highs, strict=True):
            own = seen[layer.name]
            own.low, own.high = min(own.low, float(low)), max(own.high, float(high))
        count += len(batch)
        for layer, mean in zip(weighted, means, strict=True):
            own = seen[layer.name]
            own.mean_input = own.mean_input + (mean.numpy() - own.mean_input) * (len(batch) / count)
    return seen


def _correct_bias(quantized: keras.Model, layer: keras.layers.Layer, mean_input: npt.NDArray[np.float64]) -> None:
    """Give the bias what rounding the kernel takes from the mean output (Nagel et al. 2019, arXiv:1906.04721, 4.2).

    Pictures are bright everywhere, so that rounding the first kernels shifts all that follows.
    """
    if getattr(layer, "bias", None) is None:
        return
    lost = layer.kernel - rounded_kernel(quantized, layer.name)
    # The mean of a linear operator's outputs is its output of the mean.
    shift = linear(layer, tf.cast(mean_input, tf.float32)[tf.newaxis], lost)
    bias(quantized, layer.name).assign(layer.bias + tf.reduce_mean(shift, axis=range(len(shift.shape) - 1)))


def _variables(layer: keras.layers.Layer) -> dict[str, tf.Variable]:
    """A layer's variables by the last part of their names."""
    return {variable.name.rsplit("/", 1)[-1].split(":")[0]: variable for variable in layer.weights}
