"""What quantising each layer alone does to held-out answers: where int8 hurts, if anywhere.

Each TRAIN image is answered by the tower that never saw its source, and only one thing of one layer is quantised at
a time: its weights (with the bias that `train.qat.calibrate` corrected, and with the trained one) or its output. Not
measured: the input, whose quantisation is exact, and the mean of the towers, which is held out for no image.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from edge_runtime.paired import Difference, differences
from train import qat
from train.cells import Indices
from train.network import TOWERS_LAYER
from train.stream import to_unit

WEIGHTS, UNCORRECTED, ACTIVATIONS, BOTH = "weights", "weights, bias as trained", "activations", "both"
ALL = "all layers"
RESAMPLES = 2000
_AT_ONCE = 64

Quantized = Set[tuple[str, str]]
"""(layer without its tower, part) of what is quantised; everything else is float."""


@dataclass(frozen=True)
class Effect:
    """What quantising one part of one layer changes, against the float network on the same n images.

    `tower` None is all of them. `balanced_accuracy` is the change, with its interval by source cell. `agreement` is
    the share of equal labels. Logits are compared less their mean over the classes, which no label depends on;
    `signal_to_noise_db` is 10 log10(sum of squared logits / sum of squared changes), None where nothing changes.
    """

    layer: str
    part: str
    tower: int | None
    n: int
    balanced_accuracy: Difference
    agreement: float
    mean_abs_logit_change: float
    signal_to_noise_db: float | None


@dataclass(frozen=True)
class HeldOut:
    """Images and who may answer them: pixels uint8 [n, h, w, 3], then int64 [n] each.

    `shift` float64 [classes] is added to the logits before the label is taken: the operating point.
    """

    pixels: npt.NDArray[np.uint8]
    classes: Indices
    folds: Indices
    groups: Indices
    shift: npt.NDArray[np.float64]


def measure(deployed: keras.Model, quantized: keras.Model, held_out: HeldOut) -> list[Effect]:
    """The effect of each part of each layer, worst signal-to-noise ratio first, then those of all layers together.

    Args:
        deployed: the float network.
        quantized: what `train.qat.quantize` made of it, calibrated.
        held_out: the images.
    """
    before = answers(deployed, quantized, held_out, frozenset())
    single: list[Effect] = []
    together: list[Effect] = []
    for name, part, parts in _plans(deployed):
        after = answers(deployed, quantized, held_out, parts)
        for tower in (None, *np.unique(held_out.folds).tolist()):
            mine = np.full(len(before), True) if tower is None else held_out.folds == tower
            (together if name == ALL else single).append(_effect(before, after, held_out, mine, (name, part, tower)))
    return sorted(single, key=noise) + together


def answers(
    deployed: keras.Model, quantized: keras.Model, held_out: HeldOut, parts: Quantized
) -> npt.NDArray[np.float32]:
    """Held-out logits float32 [n, classes] with only some parts quantised, less their mean over the classes."""
    logits = np.zeros((len(held_out.pixels), len(held_out.shift)), np.float32)
    for tower in np.unique(held_out.folds):
        mine = np.flatnonzero(held_out.folds == tower)
        for start in range(0, len(mine), _AT_ONCE):
            batch = mine[start : start + _AT_ONCE]
            logits[batch] = _answer(deployed, quantized, int(tower), held_out.pixels[batch], parts)
    return logits - logits.mean(axis=1, keepdims=True)


def _plans(deployed: keras.Model) -> Iterator[tuple[str, str, Quantized]]:
    """Name, part and what is quantised, of each measurement."""
    weighted = [layer.name.partition("_")[2] for layer in _chain(deployed, 0) if layer.weights]
    parts = {
        WEIGHTS: [(name, WEIGHTS) for name in weighted],
        UNCORRECTED: [(name, UNCORRECTED) for name in weighted],
        ACTIVATIONS: [(name, ACTIVATIONS) for name in (*weighted, TOWERS_LAYER)],
    }
    for part, members in parts.items():
        yield from ((name, part, frozenset({(name, part)})) for name, _ in members)
        yield ALL, part, frozenset(members)
    yield ALL, BOTH, frozenset(parts[WEIGHTS] + parts[ACTIVATIONS])


def _chain(deployed: keras.Model, tower: int) -> list[keras.layers.Layer]:
    """A tower's layers from its first convolution to its head."""
    return [layer for layer in deployed.layers if layer.name.startswith(f"tower{tower}_")]


def _answer(
    deployed: keras.Model, quantized: keras.Model, tower: int, pixels: npt.NDArray[np.uint8], parts: Quantized
) -> npt.NDArray[np.float32]:
    """One tower's logits, float32 [b, classes]."""
    values = to_unit(pixels)
    for layer in _chain(deployed, tower):
        name = layer.name.partition("_")[2]
        if layer.weights:
            rounded = {(name, WEIGHTS), (name, UNCORRECTED)} & parts
            kernel = qat.rounded_kernel(quantized, layer.name) if rounded else layer.kernel
            bias = qat.bias(quantized, layer.name) if (name, WEIGHTS) in parts else layer.bias
            values = layer.activation(qat.linear(layer, values, kernel) + bias)
        else:
            values = layer(values)
        if (name, ACTIVATIONS) in parts:
            values = _rounded(values, quantized, layer.name)
    if (TOWERS_LAYER, ACTIVATIONS) in parts:
        values = _rounded(values, quantized, TOWERS_LAYER)
    return values.numpy()


def _rounded(values: tf.Tensor, quantized: keras.Model, name: str) -> tf.Tensor:
    """A layer's output as the quantised network gives it on."""
    return tf.quantization.fake_quant_with_min_max_vars(values, *qat.output_range(quantized, name))


def _effect(
    before: npt.NDArray[np.float32],
    after: npt.NDArray[np.float32],
    held_out: HeldOut,
    mine: npt.NDArray[np.bool_],
    key: tuple[str, str, int | None],
) -> Effect:
    """What lies between two answers on some of the images."""
    old, new = before[mine], after[mine]
    first, second = ((logits + held_out.shift).argmax(axis=1) for logits in (old, new))
    changed = float(np.square(new - old).sum())
    change = differences(
        held_out.classes[mine], [first], [second], groups=held_out.groups[mine], resamples=RESAMPLES
    ).balanced_accuracy
    return Effect(
        *key,
        n=len(old),
        balanced_accuracy=change,
        agreement=float((first == second).mean()),
        mean_abs_logit_change=float(np.abs(new - old).mean()),
        signal_to_noise_db=10 * float(np.log10(np.square(old).sum() / changed)) if changed else None,
    )


def noise(effect: Effect) -> float:
    """What effects are ranked by."""
    return np.inf if effect.signal_to_noise_db is None else effect.signal_to_noise_db
