"""From a picture to a named white cell: decode, invoke, label."""

import copy
import os
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from edge_runtime.bundle import Bundle, open_bundle
from edge_runtime.card import Card
from edge_runtime.errors import LeukoliteError, LeukoliteWarning, show
from edge_runtime.fitness import NO_CELL, complaint
from edge_runtime.golden import OFF, REFUSE, check_policy, check_record, replay, without_delegate
from edge_runtime.image import Field, Pixels
from edge_runtime.locate import Cell
from edge_runtime.memory import keep_freed
from edge_runtime.model import Model, Probabilities
from edge_runtime.prediction import CellPrediction, Latency, Prediction, failed
from edge_runtime.view import Look, box_of, look_at

if TYPE_CHECKING:
    from edge_runtime.explanation import Explanation
    from edge_runtime.head import Head

MODELS = Path(__file__).parent / "models"
SHIPPED_MODEL = MODELS / "leukolite-int8.tflite"
SHIPPED_REFERENCE = MODELS / "leukolite-float32.tflite"
PORTABLE_MODEL = MODELS / "portable" / "leukolite-int8.tflite"
NAMED = {"field": SHIPPED_MODEL, "portable": PORTABLE_MODEL}  # what `-m` takes beside paths


class Classifier:
    """A bundle that can classify.

    File, card and their fit are checked at once; the interpreter is made on first use, in each process anew. So a
    classifier can be pickled, or be inherited by a forked process, and costs nothing where it is not used.
    Threads may share one: they read pictures side by side and take turns at the one interpreter, whose memory is most
    of a classifier's. Where they are to invoke side by side as well, give each thread a `twin()` of its own.
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        *,
        threshold: float | None = None,
        num_threads: int = 1,
        labels: Sequence[str] | None = None,
        golden: str = REFUSE,
        checks: bool = True,
    ) -> None:
        """Open a bundle (default: the one shipped in this package).

        Args:
            model: path of a .tflite with a card inside, or with `labels`.
            threshold: confidence from 0 to 1 below which no label is given; default: the card's.
            num_threads: threads of the interpreter, at least 1.
            labels: names of the classes, in the order of the output, for a model without a card; a warning says what
                is assumed of it. A card that is there must name the same.
            golden: what to do when the interpreter does not give the golden output of the card: `refuse` the model,
                `warn`, or do not look, `off`.
            checks: whether pictures that the card's `fitness` rules out get no label.

        Raises LeukoliteError when the file is no model, not the one that a SHA256SUMS beside it lists, one that kills
        or hangs the process that loads it, has no card, or model and card do not fit.
        """
        self.path = Path(model) if model is not None else SHIPPED_MODEL
        self._bundle = open_bundle(self.path, labels=labels)
        self.digest: str = self._bundle.digest
        self.card: Card = self._bundle.card
        self.threshold = self.card.abstain_below if threshold is None else threshold
        self._limits = self.card.fitness if checks else None
        self._golden = golden
        self.num_threads = num_threads
        self._head: Head | None = None  # of a model that is to explain
        self._loaded: tuple[int, Model] | None = None  # and the process that loaded it
        self._loading: dict[int, threading.Lock] = {}  # by process: a fork may come while one is held
        check_policy(golden)
        if golden != OFF and not self._bundle.assumed:
            check_record(self.card, name=show(self.path))

    def __getstate__(self) -> dict[str, Any]:
        """All but the interpreter: pickled, a classifier needs no file where it arrives."""
        return {**self.__dict__, "_loaded": None, "_loading": {}}

    @property
    def bundle(self) -> Bundle:
        """The file as it was read and checked."""
        return self._bundle

    @property
    def model(self) -> Model:
        """The interpreter, made when it is first asked for; after a fork again, as its threads stay behind.

        Raises LeukoliteError when LiteRT cannot make one, or it does not give the golden output.
        """
        process = os.getpid()
        with self._loading.setdefault(process, threading.Lock()):  # the first thread makes it, the others wait
            if self._loaded is None or self._loaded[0] != process:
                keep_freed()
                model = Model(self._content(), num_threads=self.num_threads)
                self._check_golden(model)
                self._loaded = process, model
            return self._loaded[1]

    def _content(self) -> bytes:
        """The bytes for the interpreter: those of the file or, of a model that is to explain, with more outputs."""
        if self._head is None:
            return self._bundle.content
        from edge_runtime.graph import with_outputs

        return with_outputs(self._bundle.content, self._head.maps)

    def _check_golden(self, model: Model) -> None:
        """See that a new interpreter computes as it should; what is not refused is warned of."""
        if self._golden == OFF:
            return
        remark = None if model.uses_delegate else f"{without_delegate()}; so it is slow"
        try:
            if not self._bundle.assumed:
                replay(self.card, model, name=show(self.path), whole=self._bundle.whole)
        except LeukoliteError as error:
            if self._golden == REFUSE:
                raise
            remark = str(error)
        if remark:
            warnings.warn(remark, LeukoliteWarning, stacklevel=4)

    def twin(self) -> Self:
        """Another one with an interpreter of its own, for another thread; this one's golden output speaks for both."""
        twin = copy.copy(self.load())
        twin._golden = OFF
        return twin

    def load(self, *, explaining: bool = False) -> Self:
        """Make the interpreter now, so that the first picture need not wait for it; returns the classifier.

        With `explaining` it is one for `explain`, which `classify` uses as well from then on: the answers are the same.

        Raises LeukoliteError as `model` does, and when the model cannot explain.
        """
        _ = self._explaining() if explaining else self.model
        return self

    def _explaining(self) -> tuple[Model, "Head"]:
        """The interpreter with more outputs, and what they mean."""
        head = self._head
        if head is None:
            from edge_runtime.graph import read_graph
            from edge_runtime.head import find_head

            head = find_head(read_graph(self._bundle.content), name=show(self.path))
            with self._loading.setdefault(os.getpid(), threading.Lock()):
                self._head, self._loaded = head, None
        return self.model, head

    def classify(self, source: str | os.PathLike[str] | bytes) -> Prediction:
        """Classify one picture: a path, or the bytes of an image file.

        Never raises for a bad picture: the prediction then has an `error` instead of a label.
        """
        return self._classify(source, self.model.predict)[0]

    def explain(self, source: str | os.PathLike[str] | bytes) -> "Explanation":
        """Classify one picture, and say where in it the evidence lies (edge_runtime/explanation.py).

        Never raises for a bad picture, as `classify` does not. The first call makes the interpreter anew, unless
        `load(explaining=True)` did.

        Raises LeukoliteError when the model's graph has no last feature maps behind which all is linear.
        """
        from edge_runtime.explanation import Explanation, evidence, place

        model, head = self._explaining()
        answers = []

        def predict(pixels: Pixels) -> Probabilities:
            probabilities, features = model.predict_all(pixels)
            answers.append((features, int(probabilities.argmax())))
            return probabilities

        prediction, look = self._classify(source, predict)
        if look is None:
            return Explanation(prediction, np.zeros((0, 0, 3), np.uint8), (), self.digest)
        maps = (
            place(evidence(features, head), head, top_class=top_class, cell=cell, view=look.magnified)
            for (features, top_class), cell in zip(answers, look.cells or [None] * len(answers), strict=True)
        )
        return Explanation(prediction, look.pixels, tuple(maps), self.digest)

    def _classify(
        self, source: str | os.PathLike[str] | bytes, predict: Callable[[Pixels], Probabilities]
    ) -> tuple[Prediction, Look | None]:
        """What `classify` gives, and what the model was shown of the picture, if that could be read."""
        name, view = "" if isinstance(source, bytes) else os.fspath(source), self.card.input.seen
        started = time.perf_counter()
        try:
            field, look = look_at(source, view)
        except LeukoliteError as error:
            return failed(name, str(error)), None
        crops = look.crops
        unfit = complaint(look.squares, self._limits) if self._limits else None
        decoded = time.perf_counter()
        values = [predict(crop) for crop in crops]
        done = time.perf_counter()
        if not all(0 <= value <= 1 for each in values for value in each.tolist()):  # false for NaN as well
            found = "expected probabilities, got NaN or numbers beyond 0 to 1; replace the model"
            return failed(name, found), None
        latency = Latency(decode=1e3 * (decoded - started), invoke=1e3 * (done - decoded), total=1e3 * (done - started))
        return self._prediction(name, field, look.cells, values, latency, unfit), look

    def _prediction(
        self,
        name: str,
        field: Field,
        cells: tuple[Cell, ...],
        values: list[Probabilities],
        latency: Latency,
        unfit: str | None,
    ) -> Prediction:
        """What is said about a picture whose cells, or whose whole field, got these values."""
        if not values:
            return Prediction(name, None, None, {}, True, None, latency, unfit or NO_CELL)
        answers = [self.answer(each, unfit=unfit is not None) for each in values]
        label, confidence, probabilities, abstained = answers[0]
        unsure = f"confidence {confidence:.3f} is below {self.threshold:g}" if abstained else None
        return Prediction(
            path=name,
            label=label,
            confidence=confidence,
            probabilities=probabilities,
            abstained=abstained,
            error=None,
            latency_ms=latency,
            reason=unfit or unsure,
            cells=tuple(
                CellPrediction(box_of(cell, field), *answer)
                for cell, answer in zip(cells, answers if cells else (), strict=True)
            ),
        )

    def answer(self, values: Probabilities, *, unfit: bool = False) -> tuple[str | None, float, dict[str, float], bool]:
        """Label, confidence, probabilities and whether it abstained, of the model's output; `unfit` has no label."""
        probabilities = dict(zip(self.card.labels, (float(value) for value in values), strict=True))
        best = max(probabilities, key=probabilities.__getitem__)
        abstained = unfit or probabilities[best] < self.threshold
        return None if abstained else best, probabilities[best], probabilities, abstained
