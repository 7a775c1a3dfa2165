"""Quantisation-aware fine-tuning of the folded float network with tensorflow-model-optimization.

What makes it worth anything here: batch normalisation is folded before, so that no statistics move; the ranges of
activations start where real images put them (the library's own start at -6 to 6 and drift there over thousands of
steps); and the input's range is exactly 0 to 1, so that a pixel is its own quantised value.
"""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras as keras

from train.stream import to_unit

CALIBRATION_PER_CLASS = 128
WRAPPED = "quant_"
INPUT_LAYER = "quantize_layer"
# Names that tensorflow-model-optimization 0.8 gives to the ranges of a wrapped layer's output.
OUTPUT_RANGES = (("post_activation_min", "post_activation_max"), ("output_min", "output_max"))


def quantize(deployed: keras.Model) -> keras.Model:
    """The network with fake quantisation after every operator, in the library's default 8-bit scheme.

    Weights are symmetric and per output channel, activations asymmetric and per tensor.
    """
    return tfmot.quantization.keras.quantize_model(deployed)


def calibrate(quantized: keras.Model, deployed: keras.Model, pixels: Iterable[tf.Tensor]) -> None:
    """Set the ranges of all activations to those that the float network shows on some training images.

    Args:
        quantized: what `quantize` made of `deployed`.
        deployed: the float network.
        pixels: batches of uint8 [b, height, width, 3].
    """
    layers = [layer for layer in deployed.layers if not isinstance(layer, keras.layers.InputLayer)]
    probe = keras.Model(deployed.inputs, [layer.output for layer in layers])
    low, high = np.zeros(len(layers)), np.zeros(len(layers))  # a range always holds 0
    for batch in pixels:
        outputs = probe(to_unit(batch), training=False)
        low = np.minimum(low, [float(tf.reduce_min(output)) for output in outputs])
        high = np.maximum(high, [float(tf.reduce_max(output)) for output in outputs])
    for layer, smallest, largest in zip(layers, low, high, strict=True):
        ranges = _variables(quantized.get_layer(WRAPPED + layer.name))
        for low_name, high_name in OUTPUT_RANGES:
            if low_name in ranges:
                ranges[low_name].assign(smallest)
                ranges[high_name].assign(largest)
    # The library numbers this layer when it makes several in a process.
    entry = next(layer for layer in quantized.layers if layer.name.startswith(INPUT_LAYER))
    ranges = _variables(entry)
    ranges[f"{entry.name}_min"].assign(0.0)
    ranges[f"{entry.name}_max"].assign(1.0)


def settle_kernels(quantized: keras.Model, pixels: tf.Tensor) -> None:
    """Let the kernels' ranges follow the kernels: averaged ranges are not the ranges of averaged kernels.

    One pass in training mode does it; it moves the activations' ranges by a thousandth, towards this batch.
    """
    quantized(to_unit(pixels), training=True)


def _variables(layer: keras.layers.Layer) -> dict[str, tf.Variable]:
    """A layer's variables by the last part of their names."""
    return {variable.name.rsplit("/", 1)[-1].split(":")[0]: variable for variable in layer.weights}
