"""From a picture to a named white cell: decode, invoke, label."""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from edge_runtime.card import Card, load_card, read_model
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import sha256
from edge_runtime.image import BACKGROUND, COLOR_ORDER, DECODE_RULE, RESIZE_RULE, decode
from edge_runtime.model import Model, Signature, read_signature

MODELS = Path(__file__).parent / "models"
SHIPPED_MODEL = MODELS / "leukolite-int8.tflite"
SHIPPED_REFERENCE = MODELS / "leukolite-float32.tflite"


@dataclass(frozen=True)
class Latency:
    """Where the time of one classification went, in milliseconds."""

    decode: float
    invoke: float
    total: float


@dataclass(frozen=True)
class Prediction:
    """What the model says about one picture.

    `label` is None when there was an error or when `confidence` is below the threshold (`abstained`).
    `probabilities` maps every label to a number from 0 to 1; empty after an error. Confidence is the largest.
    """

    path: str
    label: str | None
    confidence: float | None
    probabilities: Mapping[str, float]
    abstained: bool
    error: str | None
    latency_ms: Latency | None

    @property
    def top_label(self) -> str | None:
        """The most probable label, also when the classifier abstained; None after an error."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)

    def top(self, k: int | None = None) -> dict[str, float]:
        """The `k` most probable labels (all for None), most probable first."""
        ranked = sorted(self.probabilities.items(), key=lambda item: -item[1])
        return dict(ranked[:k])

    def to_json(self, *, top_k: int | None = None) -> dict[str, Any]:
        """The contract's JSON object of an image, with the `top_k` most probable labels only if given."""
        return {**asdict(self), "probabilities": self.top(top_k) if top_k else dict(self.probabilities)}


class Classifier:
    """A bundle that can classify.

    File, card and their fit are checked at once; the interpreter is made on first use, in each process anew. So a
    classifier can be pickled, or be inherited by a forked process, and costs nothing where it is not used.
    Use one for each thread: the interpreter inside is not safe for several.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        threshold: float | None = None,
        num_threads: int = 1,
    ) -> None:
        """Open a bundle (default: the one shipped in this package).

        Args:
            model: path of a .tflite with a card inside.
            threshold: confidence from 0 to 1 below which no label is given; default: the card's.
            num_threads: threads of the interpreter, at least 1.

        Raises LeukoliteError when the file is no model, has no card, or model and card do not fit.
        """
        self.path = Path(model) if model is not None else SHIPPED_MODEL
        self._content = read_model(self.path)
        self._num_threads = num_threads
        self._loaded: tuple[int, Model] | None = None  # and the process that loaded it
        self.digest = sha256(self._content)
        self.card: Card = load_card(self._content)
        self.threshold = self.card.abstain_below if threshold is None else threshold
        _check_fit(self.card, read_signature(self._content), name=show(self.path))

    def __getstate__(self) -> dict[str, Any]:
        """All but the interpreter: pickled, a classifier needs no file where it arrives."""
        return {**self.__dict__, "_loaded": None}

    @property
    def model(self) -> Model:
        """The interpreter, made when it is first asked for; after a fork again, as its threads stay behind.

        Raises LeukoliteError when LiteRT cannot make one.
        """
        process = os.getpid()
        if self._loaded is None or self._loaded[0] != process:
            self._loaded = process, Model(self._content, num_threads=self._num_threads)
        return self._loaded[1]

    def load(self) -> Self:
        """Make the interpreter now, so that the first picture need not wait for it; returns the classifier."""
        _ = self.model
        return self

    def classify(self, source: str | os.PathLike[str] | bytes) -> Prediction:
        """Classify one picture: a path, or the bytes of an image file.

        Never raises for a bad picture: the prediction then has an `error` instead of a label.
        """
        name, model = "" if isinstance(source, bytes) else os.fspath(source), self.model
        started = time.perf_counter()
        try:
            pixels = decode(source, height_px=model.height_px, width_px=model.width_px)
        except LeukoliteError as error:
            return failed(name, str(error))
        decoded = time.perf_counter()
        values = model.predict(pixels)
        if not np.isfinite(values).all():
            return failed(name, "expected probabilities, got NaN; the model is damaged, replace it")
        done = time.perf_counter()
        probabilities = dict(zip(self.card.labels, (float(value) for value in values), strict=True))
        best = max(probabilities, key=probabilities.__getitem__)
        abstained = probabilities[best] < self.threshold
        return Prediction(
            path=name,
            label=None if abstained else best,
            confidence=probabilities[best],
            probabilities=probabilities,
            abstained=abstained,
            error=None,
            latency_ms=Latency(
                decode=1e3 * (decoded - started), invoke=1e3 * (done - decoded), total=1e3 * (done - started)
            ),
        )


def failed(path: str, error: str) -> Prediction:
    """The prediction of a picture that could not be classified."""
    return Prediction(
        path=path, label=None, confidence=None, probabilities={}, abstained=False, error=error, latency_ms=None
    )


def _check_fit(card: Card, model: Signature, *, name: str) -> None:
    """A card of another model, or of another way to read pictures, would label cells wrongly without a word."""
    rules = (COLOR_ORDER, RESIZE_RULE, DECODE_RULE, BACKGROUND)
    wanted = (card.input.color_order, card.input.resize, card.input.decode, card.input.background)
    if wanted != rules:
        raise LeukoliteError(
            expected=f"a model that reads pictures by the rules {rules}",
            found=f"{wanted} in the card in {name}",
            remedy="update leukolite, or convert the model again",
        )
    said = (card.input.height, card.input.width, len(card.labels))
    found = (model.height_px, model.width_px, model.num_classes)
    if said != found:
        raise LeukoliteError(
            expected=f"height, width and classes {said} as the card in {name} says",
            found=f"{found} in the model",
            remedy="convert the model again",
        )
