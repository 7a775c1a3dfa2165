"""From a run's SavedModel to the bytes of a .tflite with uint8 pixels in and probabilities out."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from convert.operators import check_versions
from convert.proof import check_integer
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.image import Pixels

PIXEL_SCALE = np.float32(1 / 255)  # the networks take pixels from 0 to 1
INTEGER_VARIANTS = ("int8_ptq", "int8_qat")


def lower(saved_model: Path, *, variant: str, calibration: Pixels | None = None) -> bytes:
    """Convert one variant.

    Args:
        saved_model: folder of a SavedModel whose `serving_default` maps float32 [n, height, width, 3] from 0 to 1
            to `logits` [n, classes]; with fake quantisation for int8_qat.
        variant: one of edge_runtime.card.VARIANTS. float16 and dynamic keep weights in 16 and 8 bits and compute in
            float32; the int8 ones compute in integers alone.
        calibration: uint8 [n, height, width, 3], the pictures that int8_ptq takes its ranges from; n at least 1.

    Returns:
        A .tflite: uint8 [1, height, width, 3] to probabilities [1, classes], float32 or uint8 in steps of 1/256.

    Raises LeukoliteError when there is no such SavedModel, the int8 graph is not int8 throughout, or the oldest runtime
    in the card cannot run it.
    """
    loaded, logits = open_logits(saved_model)
    shape = (1, *logits.structured_input_signature[1]["pixels"].shape[1:])
    integer = variant in INTEGER_VARIANTS
    function = _probabilities(logits, shape, tf.float32 if integer else tf.uint8)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], loaded)  # `loaded` owns the variables
    _ask_for(converter, variant, calibration)
    content = _convert(converter, variant)
    if integer:
        check_integer(content)
    check_versions(content)
    return content


def open_logits(saved_model: Path) -> tuple[Any, Any]:
    """What a SavedModel holds, which keeps its variables alive, and its function of pixels to logits.

    Raises LeukoliteError as `lower` does.
    """
    try:
        loaded = tf.saved_model.load(str(saved_model))
        logits = loaded.signatures["serving_default"]
        _, _height, _width, _channels = logits.structured_input_signature[1]["pixels"].shape
        _ = logits.structured_outputs["logits"]
    except (OSError, KeyError, ValueError, AttributeError) as error:
        raise LeukoliteError(
            expected=f"a SavedModel with a signature of pixels to logits at {show(saved_model)}",
            found=reason(error),
            remedy="train again with `python -m train`",
        ) from error
    return loaded, logits


def _ask_for(converter: Any, variant: str, calibration: Pixels | None) -> None:
    """Tell TensorFlow's converter what a variant is."""
    if variant != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if variant == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if variant in INTEGER_VARIANTS:
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.uint8
    if variant == "int8_ptq":
        if calibration is None or not len(calibration):
            raise ValueError("post-training quantisation takes its ranges from pictures, and there are none")
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.representative_dataset = lambda: _representatives(calibration)


def _representatives(pictures: Pixels) -> Iterator[list[npt.NDArray[np.float32]]]:
    """One picture at a time, from 0 to 1.

    Two values in a corner of the first make the input's range a pixel's, so that a pixel is its own quantised value.
    """
    for number, picture in enumerate(pictures):
        unit = picture[np.newaxis].astype(np.float32) * PIXEL_SCALE
        if number == 0:
            unit[0, 0, 0, :2] = 0, 1
        yield [unit]


def _probabilities(logits: Any, shape: tuple[int, ...], dtype: tf.DType) -> Any:
    """A concrete function of one picture's pixels to probabilities; float pixels are from 0 to 1 already."""

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name="pixels")], autograph=False)
    def probabilities(pixels: tf.Tensor) -> tf.Tensor:
        unit = tf.cast(pixels, tf.float32) * PIXEL_SCALE if dtype == tf.uint8 else pixels
        return tf.nn.softmax(logits(pixels=unit)["logits"], name="probabilities")

    return probabilities.get_concrete_function()


def _convert(converter: Any, variant: str) -> bytes:
    """Run TensorFlow's converter; LeukoliteError when it refuses the network."""
    try:
        with _quiet():
            content: bytes = converter.convert()
    except Exception as error:  # it has errors of many kinds, some of its own and some of Python's
        raise LeukoliteError(
            expected=f"a network that TensorFlow can convert to {variant}",
            found=reason(error)[:300],
            remedy="train again with `python -m train`",
        ) from error
    return content


@contextmanager
def _quiet() -> Iterator[None]:
    """Standard output is for data: the converter prints what it saves."""
    with redirect_stdout(io.StringIO()):
        yield
