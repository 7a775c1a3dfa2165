"""Run one .tflite: uint8 pixels in, class probabilities out. Nothing here knows what the classes mean."""

import functools
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.image import Pixels
from edge_runtime.quantization import Quantization

Probabilities = npt.NDArray[np.float32]


class Model:
    """A loaded interpreter. Not safe for use by several threads at once: give each its own."""

    def __init__(self, content: bytes, *, num_threads: int = 1) -> None:
        """Load a model from its bytes and allocate its tensors.

        Raises LeukoliteError when LiteRT rejects the bytes, or the model is no image classifier with uint8
        input [1, H, W, 3] and one output [1, classes].
        """
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=num_threads)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise LeukoliteError(
                expected="a model that LiteRT can run",
                found=reason(error),
                remedy="check that the file is whole, or convert it again",
            ) from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        _check_shapes(inputs, outputs)
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]
        self.output_quantization = Quantization.of(outputs[0])
        self.height_px, self.width_px = (int(side) for side in inputs[0]["shape"][1:3])
        self.num_classes = int(outputs[0]["shape"][1])

    def invoke(self, pixels: Pixels) -> npt.NDArray[Any]:
        """The raw output for one picture.

        Args:
            pixels: uint8 [height_px, width_px, 3], RGB, 0 to 255.

        Returns:
            [num_classes], in the output tensor's own dtype and units.

        Raises LeukoliteError when the model is too damaged to run.
        """
        self._interpreter.set_tensor(self._input, pixels[np.newaxis])
        try:
            self._interpreter.invoke()
        except (RuntimeError, ValueError) as error:  # a damaged file can load and still not run
            raise LeukoliteError(
                expected="a model that LiteRT can run",
                found=reason(error),
                remedy="check that the file is whole, or convert it again",
            ) from error
        raw: npt.NDArray[Any] = self._interpreter.get_tensor(self._output)[0]
        return raw

    def predict(self, pixels: Pixels) -> Probabilities:
        """Probabilities, float32 [num_classes], 0 to 1, for uint8 [height_px, width_px, 3] RGB.

        An int8 softmax has steps of 1/256, so that its sum can differ from 1 by some of them: it is divided out.
        """
        probabilities = self.output_quantization.dequantize(self.invoke(pixels))
        total = probabilities.sum()
        return probabilities / total if total > 0 else probabilities

    @functools.cached_property
    def uses_delegate(self) -> bool:
        """Whether XNNPACK took the graph; without it other kernels run, which differ in the last digit."""
        return any(op["op_name"] == "DELEGATE" for op in self._interpreter._get_ops_details())


def _check_shapes(inputs: list[Mapping[str, Any]], outputs: list[Mapping[str, Any]]) -> None:
    """Reject a model that is not a uint8 image classifier, saying what it is instead."""
    shape = list(inputs[0]["shape"]) if inputs else []
    is_image = len(inputs) == 1 and len(shape) == 4 and shape[0] == 1 and shape[3] == 3
    if not is_image or inputs[0]["dtype"] != np.uint8:
        found = ", ".join(f"{np.dtype(tensor['dtype'])} {tensor['shape'].tolist()}" for tensor in inputs)
        raise LeukoliteError(
            expected="a model with one input, uint8 [1, H, W, 3]",
            found=found or "no input",
            remedy="convert it with `python -m convert`",
        )
    if not outputs or len(outputs[0]["shape"]) != 2:
        raise LeukoliteError(
            expected="a model with an output of shape [1, classes]",
            found=", ".join(str(tensor["shape"].tolist()) for tensor in outputs) or "no output",
            remedy="convert it with `python -m convert`",
        )
