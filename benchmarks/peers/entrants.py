"""Who takes part: each engine on each network, opened, or left out with the reason."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers import engines, exchange
from benchmarks.peers.mobilenets import MOBILENETS, read_facts
from benchmarks.usual import Engine, Usual
from edge_runtime.card import load_card
from edge_runtime.classifier import Classifier
from edge_runtime.errors import reason
from edge_runtime.image import Pixels
from edge_runtime.view import View, see

OURS = "leukolite"
INT8, FLOAT32 = "int8", "float32"

_READERS = (
    ("LiteRT", "ai-edge-litert", engines.litert),
    ("TensorFlow", "tensorflow", engines.tensorflow),
    ("tflite-runtime", "tflite-runtime", engines.tflite_runtime),
    ("OpenVINO", "openvino", engines.openvino),
)
"""Those that read the same .tflite and need nothing else: name, package, how each is opened."""


@dataclass(frozen=True)
class Bundles:
    """One network of ours as the peers read it: of both kinds, and the SavedModel that training left, if any."""

    int8: Path
    float32: Path
    saved_model: Path | None


@dataclass(frozen=True)
class Seat:
    """An engine, of a `package`, on a network; `path` is the file or folder that it reads."""

    engine: str
    network: str
    kind: str
    package: str
    path: Path

    @property
    def name(self) -> str:
        """What its row is called."""
        return " ".join(dict.fromkeys((self.engine, self.network, self.kind)))

    def describe(self) -> dict[str, Any]:
        """What a report says of it; PackageNotFoundError, an ImportError, where the package is missing."""
        files = self.path.rglob("*") if self.path.is_dir() else (self.path,)
        return {
            "engine": self.engine,
            "network": self.network,
            "kind": self.kind,
            "package": f"{self.package} {version(self.package)}",
            "size_bytes": sum(file.stat().st_size for file in files if file.is_file()),
        }


@dataclass(frozen=True)
class Entrant:
    """One that takes part.

    `answer` takes the bytes of a picture to a label, `pixels` to what the network sees of it; both to None where that
    is no cell. `invoke` takes what it sees to scores.
    """

    seat: Seat
    answer: Callable[[bytes], str | None]
    pixels: Callable[[bytes], Pixels | None]
    invoke: Callable[[Pixels], Any]


@dataclass(frozen=True)
class Field:
    """Those that take part, ours first; and by their names, why others do not."""

    entrants: tuple[Entrant, ...]
    left_out: dict[str, str]


@dataclass(frozen=True)
class _Candidate:
    """An engine that is still to be opened, for the usual pipeline."""

    seat: Seat
    opened: Callable[[], Engine]
    labels: Sequence[str]
    view: View

    def enter(self) -> Entrant:
        """Open it; raises whatever other people's code does on a network that it cannot run."""
        invoke = self.opened()
        answer = Usual(invoke, labels=self.labels, view=self.view)
        return Entrant(self.seat, answer, answer.pixels, invoke)


def enter(
    bundles: Bundles, *, mobilenets: Path | None, pictures: Sequence[Pixels], scratch: Path, until: ExitStack
) -> Field:
    """Open all that can be opened.

    Args:
        bundles: our network.
        mobilenets: the folder of `benchmarks.peers.mobilenets.train`; None leaves those out.
        pictures: what our network sees of some of TRAIN, for ONNX Runtime's quantiser.
        scratch: a folder for the networks that are converted on the way.
        until: closes what wants to be closed.

    Raises LeukoliteError when our own bundles or the folder of MobileNets cannot be read.
    """
    candidates = [
        *_of_our_network(bundles, pictures=pictures, scratch=scratch, until=until),
        *(_of_mobilenets(mobilenets) if mobilenets else ()),
    ]
    opened, left_out = [_own(bundles.int8, INT8), _own(bundles.float32, FLOAT32)], {}
    for candidate in candidates:
        try:
            entrant = candidate.enter()
            entrant.seat.describe()
            opened.append(entrant)
        except Exception as error:  # other people's code raises what it likes
            left_out[candidate.seat.name] = reason(error)[:300]
    if mobilenets is None:
        left_out["MobileNets"] = "no folder of them was named; `python -m benchmarks mobilenets` makes one"
    return Field(tuple(opened), left_out)


def _own(path: Path, kind: str) -> Entrant:
    """The runtime of this project."""
    classifier = Classifier(path).load()
    return Entrant(
        Seat(OURS, OURS, kind, "ai-edge-litert", path),
        answer=lambda content: classifier.classify(content).top_label,
        pixels=partial(see, view=classifier.card.input.seen),
        invoke=classifier.model.invoke,
    )


def _of_our_network(
    bundles: Bundles, *, pictures: Sequence[Pixels], scratch: Path, until: ExitStack
) -> Iterator[_Candidate]:
    """Every other engine on our weights; in this order, since int8 ONNX is made of the float one."""
    card = load_card(bundles.int8)

    def of(engine: str, kind: str, package: str, path: Path, opened: Callable[[], Engine]) -> _Candidate:
        return _Candidate(Seat(engine, OURS, kind, package, path), opened, card.labels, card.input.seen)

    for kind, path in ((INT8, bundles.int8), (FLOAT32, bundles.float32)):
        for engine, package, read in _READERS:
            yield of(engine, kind, package, path, partial(read, path))
        told = partial(engines.mediapipe, path, labels=card.labels, until=until)
        yield of("MediaPipe", kind, "mediapipe", path, told)

    onnx, quantized = scratch / "float32.onnx", scratch / "int8.onnx"

    def float_onnx() -> Engine:
        return engines.onnxruntime(exchange.to_onnx(bundles.float32, onnx))

    def int8_onnx() -> Engine:
        return engines.onnxruntime(exchange.quantize(onnx, quantized, pictures))

    yield of("ONNX Runtime", FLOAT32, "onnxruntime", onnx, float_onnx)
    yield of("ONNX Runtime", INT8, "onnxruntime", quantized, int8_onnx)
    if bundles.saved_model:
        yield of("Keras predict", FLOAT32, "keras", bundles.saved_model, partial(engines.keras, bundles.saved_model))


def _of_mobilenets(folder: Path) -> Iterator[_Candidate]:
    """Each in LiteRT."""
    labels = read_facts(folder)["labels"]
    engine, package, read = _READERS[0]
    for network in MOBILENETS:
        view = View.whole(height_px=network.side_px, width_px=network.side_px)
        for kind in (INT8, FLOAT32):
            path = folder / f"{network.stem}-{kind}.tflite"
            yield _Candidate(Seat(engine, network.name, kind, package, path), partial(read, path), labels, view)
