"""Run one .tflite: uint8 pixels in, class probabilities out. Nothing here knows what the classes mean."""

import functools
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.image import Pixels
from edge_runtime.quantization import Quantization

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Signature:
    """What a model takes and gives: pictures of that size, and that many probabilities."""

    height_px: int
    width_px: int
    num_classes: int


def read_signature(content: bytes) -> Signature:
    """What the model in these bytes takes and gives; a fifth of the time and no memory of one that can run.

    Raises LeukoliteError as `Model` does.
    """
    try:
        return _signature(Interpreter(model_content=content))
    except (ValueError, RuntimeError) as error:
        raise _unusable(error) from error


class Model:
    """A loaded interpreter. Threads that share one take turns: it holds one picture at a time."""

    def __init__(self, content: bytes, *, num_threads: int = 1, reference_kernels: bool = False) -> None:
        """Load a model from its bytes and allocate its tensors.

        With `reference_kernels` LiteRT computes by its plainest code, a hundred times as slowly: neither XNNPACK nor
        its own optimised kernels.

        Raises LeukoliteError when LiteRT rejects the bytes, or the model is no image classifier with uint8
        input [1, H, W, 3] and a first output [1, classes].
        """
        try:
            self._interpreter = Interpreter(
                model_content=content,
                num_threads=num_threads,
                experimental_op_resolver_type=OpResolverType.BUILTIN_REF if reference_kernels else OpResolverType.AUTO,
            )
            self._interpreter.allocate_tensors()
            self.signature = _signature(self._interpreter)
            (taken,), (given, *more) = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:  # the former for damaged names as well
            raise _unusable(error) from error
        self.height_px, self.width_px = self.signature.height_px, self.signature.width_px
        self.num_classes = self.signature.num_classes
        self._input, self._output = taken["index"], given["index"]
        self._turn = threading.Lock()
        self.output_quantization = Quantization.of(given)
        self._more = [(each["index"], Quantization.of(each)) for each in more]

    def invoke(self, pixels: Pixels) -> npt.NDArray[Any]:
        """The raw output for one picture.

        Args:
            pixels: uint8 [height_px, width_px, 3], RGB, 0 to 255.

        Returns:
            [num_classes], in the output tensor's own dtype and units.

        Raises LeukoliteError when the model is too damaged to run.
        """
        with self._turn:
            return self._invoke(pixels)

    def invoke_all(self, pixels: Pixels) -> tuple[npt.NDArray[Any], list[npt.NDArray[Any]]]:
        """What `invoke` gives, and the further outputs of the same run, raw and without their axis of length 1."""
        with self._turn:
            return self._invoke(pixels), [self._interpreter.get_tensor(index)[0] for index, _ in self._more]

    def _invoke(self, pixels: Pixels) -> npt.NDArray[Any]:
        """The raw first output, by whose turn it is."""
        self._interpreter.set_tensor(self._input, pixels[np.newaxis])
        try:
            self._interpreter.invoke()
            given = self._interpreter.get_tensor(self._output)
            if given.shape != (1, self.num_classes):
                raise ValueError(f"an output of shape {list(given.shape)}")
        except (RuntimeError, ValueError) as error:  # a damaged file can load and still not run
            raise _unusable(error) from error
        raw: npt.NDArray[Any] = given[0]
        return raw

    def predict(self, pixels: Pixels) -> Probabilities:
        """Probabilities, float32 [num_classes], 0 to 1, for uint8 [height_px, width_px, 3] RGB."""
        return self.probabilities(self.invoke(pixels))

    def predict_all(self, pixels: Pixels) -> tuple[Probabilities, list[npt.NDArray[np.float32]]]:
        """What `predict` gives, and the real values of the further outputs of the same run."""
        raw, more = self.invoke_all(pixels)
        real = [quantization.dequantize(each) for (_, quantization), each in zip(self._more, more, strict=True)]
        return self.probabilities(raw), real

    def probabilities(self, raw: npt.NDArray[Any]) -> Probabilities:
        """Those that a raw output of `invoke` stands for.

        An int8 softmax has steps of 1/256, so that its sum can differ from 1 by some of them: it is divided out.
        """
        probabilities = self.output_quantization.dequantize(raw)
        total = probabilities.sum()
        return probabilities / total if total > 0 else probabilities

    @functools.cached_property
    def uses_delegate(self) -> bool:
        """Whether XNNPACK took the graph; without it other kernels run, which differ in the last digit."""
        return bool(self.delegated)

    @functools.cached_property
    def delegated(self) -> tuple[tuple[int, ...], ...]:
        """The parts of the graph that XNNPACK took, each by the numbers of the tensors that it hands on."""
        plan = self._interpreter._interpreter  # the details of an operator hold names that a damaged file garbles
        parts = (index for index in range(plan.NumNodes()) if plan.NodeName(index) == "DELEGATE")
        return tuple(tuple(map(int, plan.NodeOutputs(index))) for index in parts)


def _signature(interpreter: Interpreter) -> Signature:
    """The shapes of an interpreter's input and output; LeukoliteError when they are no image classifier's."""
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    _check_shapes(inputs, outputs)
    height, width = (int(side) for side in inputs[0]["shape"][1:3])
    return Signature(height_px=height, width_px=width, num_classes=int(outputs[0]["shape"][1]))


def _unusable(error: Exception) -> LeukoliteError:
    """What to tell the owner of a model that LiteRT rejects."""
    return LeukoliteError(
        expected="a model that LiteRT can run",
        found=reason(error),
        remedy="check that the file is whole, or convert it again",
    )


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
