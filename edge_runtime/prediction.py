"""What is said about a picture and about each cell of it; what classifies is in edge_runtime/classifier.py."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.fitness import COMPLAINTS
from edge_runtime.view import Box


@dataclass(frozen=True)
class Latency:
    """Where the time of one classification went, in milliseconds.

    `decode` is from the file to the pixels that the model sees, finding the cells and looking at the picture included.
    """

    decode: float
    invoke: float
    total: float


@dataclass(frozen=True)
class CellPrediction:
    """What the model says about one cell of a picture; the fields are those of Prediction."""

    box: Box
    label: str | None
    confidence: float
    probabilities: Mapping[str, float]
    abstained: bool


@dataclass(frozen=True)
class Prediction:
    """What the model says about one picture.

    `label` is None when there was an error, when `confidence` is below the threshold, when the picture is not fit for
    an answer (edge_runtime/fitness.py), or when it shows no stained cell to a model of the cell view; all but the first
    are abstentions, and `reason` says which. What the model would have answered is there all the same, unless it saw
    no cell.
    `probabilities` maps every label to a number from 0 to 1; empty where nothing was classified. Confidence is the
    largest. `cells` are all cells of the picture, the main one first, whose answer is the picture's; a model of the
    field view looks for none.
    """

    path: str
    label: str | None
    confidence: float | None
    probabilities: Mapping[str, float]
    abstained: bool
    error: str | None
    latency_ms: Latency | None
    reason: str | None = None
    cells: tuple[CellPrediction, ...] = ()

    @property
    def refused(self) -> bool:
        """Whether it abstained because of the picture, however sure the model is."""
        return self.reason in COMPLAINTS

    @property
    def top_label(self) -> str | None:
        """The most probable label, also when the classifier abstained; None where nothing was classified."""
        return max(self.probabilities, key=self.probabilities.__getitem__, default=None)

    def top(self, k: int | None = None) -> dict[str, float]:
        """The `k` most probable labels (all for None), most probable first."""
        return _top(self.probabilities, k)

    def to_json(self, *, top_k: int | None = None) -> dict[str, Any]:
        """The contract's JSON object of an image, with the `top_k` most probable labels only if given."""
        fields = asdict(self)
        fields["cells"] = list(fields["cells"])
        if top_k:
            for each in (fields, *fields["cells"]):
                each["probabilities"] = _top(each["probabilities"], top_k)
        return fields


def _top(probabilities: Mapping[str, float], k: int | None) -> dict[str, float]:
    """The `k` most probable labels (all for None), most probable first."""
    return dict(sorted(probabilities.items(), key=lambda item: -item[1])[:k])


def failed(path: str, error: str) -> Prediction:
    """The prediction of a picture that could not be classified."""
    return Prediction(
        path=path, label=None, confidence=None, probabilities={}, abstained=False, error=error, latency_ms=None
    )
