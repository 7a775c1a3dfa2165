"""From a run's SavedModel to the bytes of a .tflite with uint8 pixels in and probabilities out."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from convert.operators import check_versions
from convert.proof import check_integer
from edge_runtime.errors import LeukoliteError, reason, show

PIXEL_SCALE = np.float32(1 / 255)  # the networks take pixels from 0 to 1


def lower(saved_model: Path, *, variant: str) -> bytes:
    """Convert one variant.

    Args:
        saved_model: folder of a SavedModel whose `serving_default` maps float32 [n, height, width, 3] from 0 to 1
            to `logits` [n, classes]; with fake quantisation for int8_qat.
        variant: float32 or int8_qat.

    Returns:
        A .tflite: uint8 [1, height, width, 3] to probabilities [1, classes], float32 or uint8 in steps of 1/256.

    Raises LeukoliteError when there is no such SavedModel, the int8 graph is not int8 throughout, or the oldest runtime
    in the card cannot run it.
    """
    try:
        loaded = tf.saved_model.load(str(saved_model))
        logits = loaded.signatures["serving_default"]
        _, height, width, channels = logits.structured_input_signature[1]["pixels"].shape
        _ = logits.structured_outputs["logits"]
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise LeukoliteError(
            expected=f"a SavedModel with a signature of pixels to logits at {show(saved_model)}",
            found=reason(error),
            remedy="train again with `python -m train`",
        ) from error
    shape = (1, height, width, channels)
    if variant == "float32":
        content = _convert(_probabilities(logits, shape, tf.uint8), loaded, integer=False)
    else:
        content = _convert(_probabilities(logits, shape, tf.float32), loaded, integer=True)
        check_integer(content)
    check_versions(content)
    return content


def _probabilities(logits: Any, shape: tuple[int, ...], dtype: tf.DType) -> Any:
    """A concrete function of one picture's pixels to probabilities; float pixels are from 0 to 1 already."""

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="pixels")], autograph=False)
    def probabilities(pixels: tf.Tensor) -> tf.Tensor:
        unit = tf.cast(pixels, tf.float32) * PIXEL_SCALE if dtype == tf.uint8 else pixels
        return tf.nn.softmax(logits(pixels=unit)["logits"], name="probabilities")

    return probabilities.get_concrete_function()


def _convert(function: Any, owner: Any, *, integer: bool) -> bytes:
    """Run TensorFlow's converter; `owner` keeps the variables alive. LeukoliteError when it refuses the network."""
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], owner)
    if integer:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.uint8
    try:
        with _quiet():
            content: bytes = converter.convert()
    except Exception as error:  # it has errors of many kinds, some of its own and some of Python's
        raise LeukoliteError(
            expected=f"a network that TensorFlow can convert to {'int8' if integer else 'float32'}",
            found=reason(error)[:300],
            remedy="train again with `python -m train`",
        ) from error
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Standard output is for data: the converter prints what it saves."""
    with redirect_stdout(io.StringIO()):
        yield
