"""Other people's engines, each opened on one network, with one thread where it can be told.

What is not installed raises ImportError when it is opened: the extra `peers` has them all but tflite-runtime, which
exists for Python 3.11 and older alone, and TensorFlow, which is in `train`.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt

from benchmarks.usual import Engine, interpreting
from edge_runtime.image import Pixels


def litert(model: Path) -> Engine:
    """The interpreter that the runtime uses too, without the rest of the runtime."""
    from ai_edge_litert.interpreter import Interpreter

    return interpreting(Interpreter(model_path=str(model), num_threads=1))


def tensorflow(model: Path) -> Engine:
    """The interpreter inside the whole of TensorFlow."""
    import tensorflow as tf

    with warnings.catch_warnings(action="ignore"):  # of its end: LiteRT is the next
        return interpreting(tf.lite.Interpreter(model_path=str(model), num_threads=1))


def tflite_runtime(model: Path) -> Engine:
    """LiteRT's predecessor, which was built for NumPy 1 and may crash with another."""
    if np.lib.NumpyVersion(np.__version__) >= "2.0.0":
        raise ImportError(f"tflite-runtime is for NumPy 1, and here is {np.__version__}")
    from tflite_runtime.interpreter import Interpreter

    return interpreting(Interpreter(model_path=str(model), num_threads=1))


def onnxruntime(model: Path) -> Engine:
    """A .onnx of one picture (benchmarks/peers/exchange.py)."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    dtype = np.uint8 if taken.type == "tensor(uint8)" else np.float32

    def answer(pixels: Pixels) -> npt.NDArray[Any]:
        scores: npt.NDArray[Any] = session.run(None, {taken.name: pixels[np.newaxis].astype(dtype, copy=False)})[0][0]
        return scores

    return answer


def openvino(model: Path) -> Engine:
    """The same file, read by OpenVINO; in single precision also where the processor has a half, as the others are."""
    # It would report its use to its makers, from a thread of its own: a benchmark needs no network. None is not found.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino as runtime

    settings = {"INFERENCE_NUM_THREADS": "1", "INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
    compiled = runtime.Core().compile_model(model, "CPU", settings)
    dtype = compiled.input(0).get_element_type().to_dtype()

    def answer(pixels: Pixels) -> npt.NDArray[Any]:
        scores: npt.NDArray[Any] = compiled(pixels[np.newaxis].astype(dtype, copy=False))[0][0]
        return scores

    return answer


def mediapipe(model: Path, *, labels: Sequence[str], until: ExitStack) -> Engine:
    """The same file, read by MediaPipe Tasks, which chooses its threads itself and names classes by the metadata.

    It is closed with `until`: left to the end of the process it complains.
    """
    import certifi
    import mediapipe as runtime

    classifier_of = runtime.tasks.vision.ImageClassifier
    options = runtime.tasks.vision.ImageClassifierOptions(
        base_options=runtime.tasks.BaseOptions(model_asset_path=str(model)),
        score_threshold=1e-9,  # in place of the one in the metadata
    )
    with patch.object(certifi, "where", lambda: os.devnull):  # it would report its use as well, and cannot without
        classifier = classifier_of.create_from_options(options)
    until.callback(classifier.close)

    def answer(pixels: Pixels) -> npt.NDArray[Any]:
        image = runtime.Image(image_format=runtime.ImageFormat.SRGB, data=pixels)
        (head,) = classifier.classify(image).classifications
        scores = {each.category_name: each.score for each in head.categories}  # what is 0 is left out
        return np.array([scores.get(label, 0.0) for label in labels], np.float32)

    return answer


def keras(saved_model: Path) -> Engine:
    """`predict` of the network as it was trained, from the SavedModel that training leaves: pixels from 0 to 1."""
    import keras as runtime
    import tensorflow as tf

    signature = tf.saved_model.load(str(saved_model)).signatures["serving_default"]
    (taken,) = signature.structured_input_signature[1].values()
    given = runtime.Input(taken.shape[1:], dtype="float32")
    layer = runtime.layers.TFSMLayer(str(saved_model), call_endpoint="serving_default")
    model = runtime.Model(given, list(layer(given).values()))

    def answer(pixels: Pixels) -> npt.NDArray[Any]:
        return np.ravel(model.predict(pixels[np.newaxis] / np.float32(255), verbose=0))

    return answer
