"""From a run's SavedModel to the bytes of a .tflite with uint8 pixels in and probabilities out."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from edge_runtime.errors import LeukoliteError, reason, show

PIXEL_SCALE = np.float32(1 / 255)  # the networks take pixels from 0 to 1
INTEGER_TYPES = frozenset({np.uint8, np.int8, np.int32})


def lower(saved_model: Path, *, variant: str) -> bytes:
    """Convert one variant.

    Args:
        saved_model: folder of a SavedModel whose `serving_default` maps float32 [n, height, width, 3] from 0 to 1
            to `logits` [n, classes]; with fake quantisation for int8_qat.
        variant: float32 or int8_qat.

    Returns:
        A .tflite: uint8 [1, height, width, 3] to probabilities [1, classes], float32 or uint8 in steps of 1/256.

    Raises LeukoliteError when there is no such SavedModel, or the integer graph is not all integer.
    """
    loaded, logits = open_logits(saved_model)
    shape = (1, *logits.structured_input_signature[1]["pixels"].shape[1:])
    if variant == "float32":
        return _convert(_probabilities(logits, shape, tf.uint8), loaded, integer=False)
    content = _convert(_probabilities(logits, shape, tf.float32), loaded, integer=True)
    check_integer(content)
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


def check_integer(content: bytes) -> None:
    """Refuse an int8 model that computes in floating point anywhere, or whose ends are not uint8."""
    interpreter = Interpreter(model_content=content)  # not allocated: kernels would add scratch tensors of their own
    ends = [*interpreter.get_input_details(), *interpreter.get_output_details()]
    wrong = [f"{end['name']} is {np.dtype(end['dtype'])}" for end in ends if end["dtype"] != np.uint8]
    wrong += [
        f"{tensor['name']} is {np.dtype(tensor['dtype'])}"
        for tensor in interpreter.get_tensor_details()
        if tensor["dtype"] not in INTEGER_TYPES
    ]
    if wrong:
        raise LeukoliteError(
            expected="an integer graph with uint8 input and output",
            found="; ".join(wrong[:3]),
            remedy="quantise every layer, or report this as a bug",
        )


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
