"""How far each layer of an int8 graph is from its float counterpart, on the same pictures.

TensorFlow's QuantizationDebugger does not do this: it quantises a network anew, with a data set of its own, and
refuses one that holds fake quantisation ("check if the quantized model is in debug mode"). ai-edge-quantizer's
`compare_model` takes two finished graphs, but makes both interpreters anew for each picture, averages decibels, and
knows neither saturation nor unused codes nor bias, nor which layer an error began in.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from convert.counterpart import Counterpart, Graph, apart, feed, whole
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.image import Pixels
from edge_runtime.quantization import Quantization

Values = npt.NDArray[np.float32]

CODES = 256  # of int8


@dataclass(frozen=True)
class WeightError:
    """Rounding a layer's weights: the signal to quantisation noise ratio of its channels; None where nothing was lost.

    `worst_channel` is the number of the output channel with the lowest.
    """

    worst_db: float | None
    median_db: float | None
    worst_channel: int | None


@dataclass(frozen=True)
class LayerError:
    """What is between one int8 activation tensor and its float counterpart.

    `sqnr_db` is 10 log10(sum of squared float values / sum of squared differences): of the layer alone, whose float
    counterpart was given the very values that the int8 layer was given. `accumulated_sqnr_db` is against the float
    network, which holds what all layers before added. None where nothing differs.
    `saturated` is the share of values at the lowest or highest code whose float counterpart lies beyond it, by more
    than half a step; `unused_codes` the share of the 256 codes that no value had; `bias_steps` the mean difference of
    the layer alone, int8 less float, in steps of its output.
    """

    layer: str
    operator: str
    values: int
    step: float
    sqnr_db: float | None
    accumulated_sqnr_db: float | None
    saturated: float
    unused_codes: float
    bias_steps: float
    weights: WeightError | None

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


class Layers:
    """The errors of all layers, summed over pictures so that memory does not grow with their number."""

    def __init__(self, int8: bytes, float_of_qat: bytes, *, kernels: Mapping[str, Values]) -> None:
        """Prepare to compare.

        Args:
            int8: a .tflite with uint8 pixels in and int8 between the ends.
            float_of_qat: the same network, converted without integers.
            kernels: weights before rounding by name of the layer, float32 with output channels last.

        Raises LeukoliteError when an int8 operator has no counterpart: the two are not of one network.
        """
        self._graph = Graph(int8)
        self._kernels = kernels
        # The kernels that define what the integers mean; XNNPACK would keep what is between its ends to itself.
        self._int8 = Interpreter(
            model_content=int8,
            experimental_preserve_all_tensors=True,
            experimental_op_resolver_type=OpResolverType.BUILTIN_REF,
        )
        self._int8.allocate_tensors()
        self._details = {each["index"]: each for each in self._int8.get_tensor_details()}
        self._together = _Floats(whole(float_of_qat))
        self._alone = _Floats(apart(float_of_qat, self._graph.operators.keys()))
        self._sums = {name: Sums() for name in self._alone.outputs}
        if lacking := [name for name in self._graph.operators if name not in self._sums]:
            raise LeukoliteError(
                expected="a float counterpart of every int8 operator",
                found=f"none for {', '.join(map(show, lacking[:3]))}",
                remedy="report this as a bug, with the versions of TensorFlow and ai-edge-litert",
            )

    def add(self, batch: Pixels) -> None:
        """Count in some pictures, uint8 [n, height, width, 3]."""
        for picture in batch:
            self._int8.set_tensor(self._int8.get_input_details()[0]["index"], picture[np.newaxis])
            self._int8.invoke()
            together = self._together.invoke(dict.fromkeys(self._together.inputs, picture[np.newaxis]))
            alone = self._alone.invoke(self._given())
            for name, sums in self._sums.items():
                output = self._graph.operators[name].outputs[0]
                sums.add(
                    self._int8.get_tensor(output),
                    Quantization.of(self._details[output]),
                    alone=alone[name],
                    together=together[name],
                )

    def errors(self) -> list[LayerError]:
        """Each layer's error, the one with the lowest ratio of its own first."""
        found = [self._error(name) for name in self._sums]
        return sorted(found, key=lambda error: np.inf if error.sqnr_db is None else error.sqnr_db)

    def _given(self) -> dict[str, Values]:
        """What each operator of the int8 graph was given, as real values."""
        given = {}
        for name in self._sums:
            operator = self._graph.operators[name]
            for place in self._graph.moving(operator):
                tensor = operator.inputs[place]
                stored = self._int8.get_tensor(tensor)
                given[feed(name, place)] = Quantization.of(self._details[tensor]).dequantize(stored)
        return given

    def _error(self, name: str) -> LayerError:
        """The error of the operator that makes the tensor `name`."""
        operator, sums, layer = self._graph.operators[name], self._sums[name], layer_name(name)
        step = Quantization.of(self._details[operator.outputs[0]]).scale
        weights = None
        if layer in self._kernels:
            scales = self._details[operator.inputs[1]]["quantization_parameters"]["scales"]
            weights = weight_error(self._kernels[layer], self._int8.get_tensor(operator.inputs[1]), scales)
        return LayerError(
            layer=layer,
            operator=self._graph.kind(operator),
            values=sums.values,
            step=step,
            sqnr_db=decibels(sums.signal_alone, sums.noise_alone),
            accumulated_sqnr_db=decibels(sums.signal, sums.noise),
            saturated=sums.saturated / sums.values,
            unused_codes=float((sums.codes == 0).mean()),
            bias_steps=sums.difference / sums.values / step,
            weights=weights,
        )


@dataclass
class Sums:
    """What is added up of one layer; the sums of squares and differences are in real units."""

    values: int = 0
    saturated: int = 0
    signal: float = 0.0
    noise: float = 0.0
    signal_alone: float = 0.0
    noise_alone: float = 0.0
    difference: float = 0.0
    codes: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(CODES, np.int64))

    def add(self, stored: npt.NDArray[np.int8], scheme: Quantization, *, alone: Values, together: Values) -> None:
        """Count in one picture: the int8 values and both float counterparts, all of one shape."""
        limits = np.iinfo(stored.dtype)
        real = scheme.dequantize(stored).astype(np.float64)
        self.values += stored.size
        self.signal += float(np.square(together, dtype=np.float64).sum())
        self.noise += float(np.square(real - together).sum())
        self.signal_alone += float(np.square(alone, dtype=np.float64).sum())
        self.noise_alone += float(np.square(real - alone).sum())
        self.difference += float((real - alone).sum())
        beyond = np.abs(alone - real) > scheme.scale / 2
        low, high = (stored == limits.min) & (alone < real), (stored == limits.max) & (alone > real)
        self.saturated += int(((low | high) & beyond).sum())
        self.codes += np.bincount(stored.ravel().astype(np.int64) - limits.min, minlength=CODES)


class _Floats:
    """An interpreter of a float counterpart: arrays in and out by name."""

    def __init__(self, counterpart: Counterpart) -> None:
        self._interpreter = Interpreter(model_content=counterpart.content)
        self._interpreter.allocate_tensors()
        self.inputs = {each["name"]: each["index"] for each in self._interpreter.get_input_details()}
        outputs = self._interpreter.get_output_details()
        self.outputs = {name: each["index"] for name, each in zip(counterpart.names, outputs, strict=True)}

    def invoke(self, given: Mapping[str, npt.NDArray[Any]]) -> dict[str, Values]:
        """The outputs for some inputs."""
        for name, values in given.items():
            self._interpreter.set_tensor(self.inputs[name], values)
        self._interpreter.invoke()
        return {name: self._interpreter.get_tensor(index) for name, index in self.outputs.items()}


def decibels(signal: float, noise: float) -> float | None:
    """10 log10(signal / noise) of sums of squares; None where either is 0."""
    return 10 * float(np.log10(signal / noise)) if signal and noise else None


def weight_error(kernel: Values, stored: npt.NDArray[np.int8], scales: Values) -> WeightError:
    """The error of weights that are stored symmetrically, with a scale for each output channel or one for all.

    Args:
        kernel: float32 [..., channels], before rounding.
        stored: int8 [channels, ...], as a .tflite has them.
        scales: float32 [channels] or [1].
    """
    true = np.moveaxis(kernel, -1, 0).reshape(len(stored), -1).astype(np.float64)
    lost = stored.reshape(len(stored), -1) * scales.astype(np.float64)[:, np.newaxis] - true
    ratios = map(decibels, np.square(true).sum(axis=1), np.square(lost).sum(axis=1))
    known = {number: value for number, value in enumerate(ratios) if value is not None}
    if not known:
        return WeightError(worst_db=None, median_db=None, worst_channel=None)
    worst = min(known, key=known.__getitem__)
    return WeightError(worst_db=known[worst], median_db=float(np.median(list(known.values()))), worst_channel=worst)


def layer_name(tensor: str) -> str:
    """The name of the layer that makes a tensor, from the path that the converter gives it."""
    found = re.search(r"(?:^|/)quant_([^/;]+)", tensor)
    return found[1] if found else tensor.partition(";")[0]
