"""The shipped network in ONNX, by other people's converters, from the same float weights."""

import logging
import tempfile
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.image import Pixels

OPSET = 17


def to_onnx(float_model: Path, out: Path) -> Path:
    """Write `out`, the .onnx of a float32 .tflite, by tf2onnx; ImportError where that is missing."""
    import tf2onnx

    logging.getLogger("tf2onnx").setLevel(logging.ERROR)  # it would say which TensorFlow it does not need
    with warnings.catch_warnings(action="ignore"):  # it reads the file by TensorFlow's interpreter, which is to end
        tf2onnx.convert.from_tflite(str(float_model), opset=OPSET, output_path=str(out))
    return out


def quantize(float_onnx: Path, out: Path, pictures: Iterable[Pixels]) -> Path:
    """Write `out`, int8 by ONNX Runtime's own static quantisation: QDQ, a scale for each channel of the weights.

    Args:
        float_onnx: what `to_onnx` wrote.
        out: the file to write.
        pictures: uint8 [height, width, 3] each, of TRAIN: the ranges of activations are those seen on them.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # it has no types
        def __init__(self) -> None:
            self.batches = ({name: picture[np.newaxis]} for picture in pictures)

        def get_next(self) -> dict[str, Any] | None:
            return next(self.batches, None)

    (name,) = _inputs(float_onnx)
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(float_onnx), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(out),
            Reader(),
            quant_format=QuantFormat.QDQ,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            per_channel=True,
        )
    return out


def _inputs(path: Path) -> list[str]:
    """The names of what an .onnx is given."""
    import onnx

    return [each.name for each in onnx.load(path).graph.input]
