"""From a picture to a named white cell: decode, invoke, label."""

import os
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.card import Card, load_card, read_model
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import sha256
from edge_runtime.image import BACKGROUND, COLOR_ORDER, DECODE_RULE, RESIZE_RULE, decode
from edge_runtime.model import Model

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
    """A bundle ready to classify; loading happens here, once.

    Use one for each thread: the interpreter inside is not safe for several.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        threshold: float | None = None,
        num_threads: int = 1,
    ) -> None:
        """Load a bundle (default: the one shipped in this package).

        Args:
            model: path of a .tflite with a card inside.
            threshold: confidence from 0 to 1 below which no label is given; default: the card's.
            num_threads: threads of the interpreter, at least 1.

        Raises LeukoliteError when the file is no model, has no card, or model and card do not fit.
        """
        self.path = Path(model) if model is not None else SHIPPED_MODEL
        content = read_model(self.path)
        self.digest = sha256(content)
        self.card: Card = load_card(content)
        self.model = Model(content, num_threads=num_threads)
        self.threshold = self.card.abstain_below if threshold is None else threshold
        _check_fit(self.card, self.model, name=show(self.path))

    def classify(self, source: str | os.PathLike[str] | bytes) -> Prediction:
        """Classify one picture: a path, or the bytes of an image file.

        Never raises for a bad picture: the prediction then has an `error` instead of a label.
        """
        name = "" if isinstance(source, bytes) else os.fspath(source)
        started = time.perf_counter()
        try:
            pixels = decode(source, height_px=self.model.height_px, width_px=self.model.width_px)
        except LeukoliteError as error:
            return failed(name, str(error))
        decoded = time.perf_counter()
        values = self.model.predict(pixels)
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


def _check_fit(card: Card, model: Model, *, name: str) -> None:
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
