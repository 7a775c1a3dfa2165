"""Damaged copies of an int8 model: what goes wrong when networks are converted, packed and shipped.

The graph is edited by the schema that comes with LiteRT, so that a damaged copy loads and runs like any other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import permutations
from typing import Any

import flatbuffers
import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as tfl
from PIL import Image

from edge_runtime.card import attach, load_card, read_model
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import sha256
from edge_runtime.golden import golden_record
from edge_runtime.model import Model

CHANNEL, WEIGHTS, ZERO_POINT, SCALE = "channel zeroed", "weights off by one", "zero point off by one", "scale off"
BIAS, BITS, HEAD, COLORS = "bias rounded", "layer quantised badly", "class head rotated", "colour order swapped"
LABELS, RESIZE = "labels swapped", "resize rule changed"

AT_LEAST = 210  # mutants of a model, however small it is
_MOST_OF_A_KIND = 22
_STEP = 1 + 1 / 127  # as far as two neighbouring int8 scales of one range are apart
_FILTERS = ("NEAREST", "BOX", "HAMMING", "BICUBIC", "LANCZOS")


@dataclass(frozen=True)
class Mutant:
    """One damage: its kind, the layer (or tensor) that it is done to, and how; `how` is what its kind needs."""

    kind: str
    where: int
    how: tuple[float, ...] | str

    @property
    def name(self) -> str:
        """For people."""
        how = self.how if isinstance(self.how, str) else " ".join(f"{value:g}" for value in self.how)
        return f"{self.kind}, {self.where}: {how}"


class Graph:
    """A model's graph, to be damaged."""

    def __init__(self, content: bytes) -> None:
        self._model = tfl.ModelT.InitFromPackedBuf(content, 0)
        self._graph = self._model.subgraphs[0]
        kinds = (tfl.BuiltinOperator.CONV_2D, tfl.BuiltinOperator.FULLY_CONNECTED)
        #: Operators with weights: their tensors are input, weights and mostly a bias.
        self.layers = [each for each in self._graph.operators if self._code(each) in kinds]
        self.heads = [at for at, each in enumerate(self.layers) if self._code(each) == kinds[1]]
        #: Layers that see the picture's three colours.
        self.first = [at for at in range(len(self.layers)) if self.weights(at).shape[-1] == 3]

    def weights(self, layer: int) -> npt.NDArray[np.int8]:
        """int8 [outputs, ..., inputs], a copy."""
        return self._read(self.layers[layer].inputs[1], np.int8)

    def bias(self, layer: int) -> npt.NDArray[np.int32] | None:
        """int32 [outputs], a copy; None where the layer has none."""
        inputs = self.layers[layer].inputs
        return self._read(inputs[2], np.int32) if len(inputs) > 2 and inputs[2] >= 0 else None

    def put_weights(self, layer: int, values: npt.NDArray[np.int8]) -> None:
        """Replace a layer's weights."""
        self._write(self.layers[layer].inputs[1], values)

    def put_bias(self, layer: int, values: npt.NDArray[np.int32]) -> None:
        """Replace a layer's bias."""
        self._write(self.layers[layer].inputs[2], values)

    def scale(self, layer: int, factor: float) -> None:
        """Multiply the scales of a layer's weights and bias, as a wrong multiplier of its output would."""
        for index in (each for each in self.layers[layer].inputs[1:] if each >= 0):
            quantization = self._graph.tensors[index].quantization
            quantization.scale = np.asarray(quantization.scale, np.float32) * np.float32(factor)

    def shift(self, layer: int, step: int) -> None:
        """Move the zero point of what a layer gives, and of all that hands it on unchanged, for both of its sides."""
        known = {int(self.layers[layer].outputs[0])}
        for each in self._graph.operators:
            if self._code(each) in (tfl.BuiltinOperator.MAX_POOL_2D, tfl.BuiltinOperator.REDUCE_MAX):
                known |= {int(each.outputs[0])} if int(each.inputs[0]) in known else set()
        for index in known:
            quantization = self._graph.tensors[index].quantization
            quantization.zeroPoint = np.asarray(quantization.zeroPoint) + step

    def pack(self) -> bytes:
        """The .tflite."""
        builder = flatbuffers.Builder(1024)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def digest(self) -> str:
        """SHA-256 of all that the layers compute with; what is only said about the model does not count."""
        parts = []
        for layer in self.layers:
            for index in (each for each in layer.inputs[1:] if each >= 0):
                parts += [
                    self._buffer(index).tobytes(),
                    np.asarray(self._graph.tensors[index].quantization.scale).tobytes(),
                ]
        return sha256(b"".join(parts))

    def _code(self, operator: tfl.OperatorT) -> int:
        code = self._model.operatorCodes[operator.opcodeIndex]
        return int(max(code.builtinCode, code.deprecatedBuiltinCode))

    def _buffer(self, tensor: int) -> npt.NDArray[np.uint8]:
        return np.asarray(self._model.buffers[self._graph.tensors[tensor].buffer].data, np.uint8)

    def _read(self, tensor: int, dtype: type) -> npt.NDArray[Any]:
        return self._buffer(tensor).view(dtype).reshape(self._graph.tensors[tensor].shape).copy()

    def _write(self, tensor: int, values: npt.NDArray[Any]) -> None:
        data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers[self._graph.tensors[tensor].buffer] = tfl.BufferT()
        self._model.buffers[self._graph.tensors[tensor].buffer].data = data


def mutants(content: bytes, *, seed: int = 1) -> list[Mutant]:
    """At least AT_LEAST damages of every kind for a model; channels are drawn by `seed`, and fill up what lacks."""
    graph = Graph(content)
    layers = range(len(graph.layers))
    biased = [layer for layer in layers if graph.bias(layer) is not None]
    classes = len(graph.weights(graph.heads[-1]))
    kinds = [
        [Mutant(WEIGHTS, layer, (step,)) for layer in layers for step in (1, -1)],
        # Behind a ReLU it is -128 already and can only rise; heads that are joined must keep a common one.
        [Mutant(ZERO_POINT, layer, (step,)) for layer in layers if layer not in graph.heads for step in (1, 2)],
        [Mutant(SCALE, layer, (factor,)) for layer in layers for factor in (_STEP, 1 / _STEP, 2.0, 0.5)],
        [Mutant(BIAS, layer, (levels,)) for layer in biased for levels in (8, 4, 2, 0)],
        [Mutant(BITS, layer, (bits,)) for layer in layers for bits in (5, 4, 3, 2)],
        [Mutant(HEAD, layer, (turn,)) for layer in graph.heads for turn in range(1, classes)],
        [Mutant(COLORS, layer, order) for layer in (-1, *graph.first) for order in list(permutations((0, 1, 2)))[1:]],
        [Mutant(LABELS, -1, order) for order in list(permutations(range(classes)))[1:]],
        [Mutant(RESIZE, -1, name) for name in _FILTERS],
    ]
    found = [mutant for kind in kinds for mutant in _spread(kind, _MOST_OF_A_KIND)]
    random = np.random.default_rng(seed)
    wanted = max(_MOST_OF_A_KIND, AT_LEAST - len(found))
    channels = [Mutant(CHANNEL, layer, (at,)) for layer in layers for at in range(len(graph.weights(layer)))]
    chosen = random.permutation(len(channels))[:wanted]
    return [*(channels[index] for index in sorted(chosen)), *found]


def damaged(content: bytes, mutant: Mutant) -> bytes:
    """The .tflite with that damage; unchanged by those that are done to the picture or to the answer."""
    if mutant.kind in (LABELS, RESIZE):
        return content
    graph = Graph(content)
    _DAMAGES[mutant.kind](graph, mutant)
    return graph.pack()


def relabelled(predicted: npt.NDArray[np.int64], mutant: Mutant) -> npt.NDArray[np.int64]:
    """Predicted classes, int64 [n], under the names that the mutant gives them."""
    return np.asarray(mutant.how, np.int64)[predicted] if mutant.kind == LABELS else predicted


def resampled(pixels: npt.NDArray[np.uint8], mutant: Mutant) -> npt.NDArray[np.uint8]:
    """A field of twice the size, uint8 [2 height, 2 width, 3], halved by the mutant's filter."""
    half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
    return np.asarray(Image.fromarray(pixels).resize(half, Image.Resampling[str(mutant.how)]))


def find(path: str, name: str | None) -> Mutant:
    """The mutant of that name of a model's; LeukoliteError where there is none. Without a name, a bad one."""
    found = {mutant.name: mutant for mutant in mutants(read_model(path))}
    turned = [mutant for mutant in found.values() if mutant.kind == HEAD]
    if name is not None and name not in found:
        raise LeukoliteError(
            expected=f"the name of one of {len(found)} mutants, such as '{turned[0].name}'",
            found=show(name),
            remedy="take one from what `python -m benchmarks mutations` wrote",
        )
    return turned[-1] if name is None else found[name]


def bundle(path: str, mutant: Mutant) -> bytes:
    """The bundle at `path` with that damage, and a card that fits: as one that was trained or converted badly."""
    whole = read_model(path)
    card, content = load_card(whole), damaged(whole, mutant)
    if mutant.kind == LABELS:
        content = Graph(whole).pack()
        card = replace(card, labels=tuple(card.labels[int(at)] for at in mutant.how))
    return attach(content, replace(card, golden=golden_record(Model(content))))


def _spread(items: Sequence[Mutant], most: int) -> list[Mutant]:
    """At most so many, at equal distances."""
    if len(items) <= most:
        return list(items)
    return [items[int(at)] for at in np.linspace(0, len(items) - 1, most).round()]


def _zero_channel(graph: Graph, mutant: Mutant) -> None:
    values = graph.weights(mutant.where)
    values[int(mutant.how[0])] = 0
    graph.put_weights(mutant.where, values)


def _shift_weights(graph: Graph, mutant: Mutant) -> None:
    """As if their zero point were taken for a neighbouring one."""
    values = graph.weights(mutant.where).astype(int) + int(mutant.how[0])
    graph.put_weights(mutant.where, values.clip(-127, 127).astype(np.int8))


def _round_bias(graph: Graph, mutant: Mutant) -> None:
    """To so many levels on either side of 0."""
    values, levels = graph.bias(mutant.where), mutant.how[0]
    if values is not None:
        step = np.abs(values).max() / levels if levels else 0
        rounded = np.round(values / step) * step if step else np.zeros_like(values)
        graph.put_bias(mutant.where, rounded.astype(np.int32))


def _coarsen(graph: Graph, mutant: Mutant) -> None:
    """To so many bits, one scale for all channels."""
    step = 127 / (2 ** (int(mutant.how[0]) - 1) - 1)
    values = np.round(graph.weights(mutant.where) / step) * step
    graph.put_weights(mutant.where, values.round().clip(-127, 127).astype(np.int8))


def _turn_head(graph: Graph, mutant: Mutant) -> None:
    turn, bias = int(mutant.how[0]), graph.bias(mutant.where)
    graph.put_weights(mutant.where, np.roll(graph.weights(mutant.where), turn, axis=0))
    if bias is not None:
        graph.put_bias(mutant.where, np.roll(bias, turn))


def _reorder_colors(graph: Graph, mutant: Mutant) -> None:
    """In one layer, or in all that see colours."""
    for layer in graph.first if mutant.where < 0 else (mutant.where,):
        graph.put_weights(layer, graph.weights(layer)[..., [int(at) for at in mutant.how]])


_DAMAGES: dict[str, Callable[[Graph, Mutant], None]] = {
    CHANNEL: _zero_channel,
    WEIGHTS: _shift_weights,
    ZERO_POINT: lambda graph, mutant: graph.shift(mutant.where, int(mutant.how[0])),
    SCALE: lambda graph, mutant: graph.scale(mutant.where, float(mutant.how[0])),
    BIAS: _round_bias,
    BITS: _coarsen,
    HEAD: _turn_head,
    COLORS: _reorder_colors,
}
