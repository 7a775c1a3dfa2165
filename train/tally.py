"""Running figures of an epoch: means for its history, and a live line in which recent images count more."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, reason, show

RECENT_IMAGES = 500
_SHORT = 5  # letters of a class name in the live line; more where that many do not tell the names apart
_SHOWN, _LOWEST = 5, 4  # classes that a line of 80 columns has room for; of more, those with the lowest rates

Sums = npt.NDArray[np.float64]


class Tally:
    """Loss, accuracy and TPR of each class over the images of an epoch so far.

    The figures of the properties are means over all images added. Those of `note` are exponential averages over about
    the last 500: the weight of an image shrinks by 1/500 with each that follows its batch.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(labels)
        classes = len(self.labels)
        # Sums of the loss and of the images, then those of each class's hits and images.
        self._whole, self._recent = np.zeros(2 + 2 * classes), np.zeros(2 + 2 * classes)

    def add(self, loss: float, classes: npt.NDArray[np.int64], hits: npt.NDArray[np.float32]) -> None:
        """Count a batch: its mean loss, the true classes int64 [b], and how right each image was, float32 [b], 0 to 1.

        Where several towers learn from an image, `hits` is the share of them that were right.
        """
        count, size = len(classes), len(self.labels)
        right = np.bincount(classes, weights=hits, minlength=size)
        added = np.concatenate([[loss * count, count], right, np.bincount(classes, minlength=size)])
        self._whole += added
        self._recent *= (1 - 1 / RECENT_IMAGES) ** count
        self._recent += added

    @property
    def count(self) -> int:
        """Images added."""
        return int(self._whole[1])

    @property
    def loss(self) -> float:
        """Mean loss; NaN before the first image."""
        return _loss(self._whole)

    @property
    def accuracy(self) -> float:
        """Share of right answers; NaN before the first image."""
        right, images = self._by_class(self._whole)
        return float(right.sum() / images.sum()) if images.any() else float("nan")

    @property
    def tpr(self) -> dict[str, float | None]:
        """Rate of each class; None where it had no image yet."""
        return self._rates(self._whole)

    def note(self) -> str:
        """Loss and rates of about the last 500 images, as short text; empty before the first image."""
        if not self.count:
            return ""
        known = {name: rate for name, rate in self._rates(self._recent).items() if rate is not None}
        count = len(known) if len(known) <= _SHOWN else _LOWEST
        shown = sorted(known, key=lambda name: known[name])[:count]
        rates = [f"{short} {known[name]:.2f}" for name, short in shorten(self.labels).items() if name in shown]
        left_out = len(known) - count
        head = f"loss {_loss(self._recent):.3f} · {'lowest ' if left_out else ''}TPR"
        return " ".join([head, *rates, *([f"(+{left_out})"] if left_out else [])])

    def to_json(self) -> dict[str, Any]:
        """The state, to go on from in the middle of an epoch; JSON keeps every bit of its numbers."""
        return {"whole": self._whole.tolist(), "recent": self._recent.tolist()}

    @classmethod
    def from_json(cls, labels: Sequence[str], state: Mapping[str, Any]) -> "Tally":
        """The tally that `to_json` gave; LeukoliteError where that was of another number of classes."""
        tally = cls(labels)
        try:
            whole, recent = (np.array(state[name], np.float64) for name in ("whole", "recent"))
            if not whole.shape == recent.shape == tally._whole.shape:
                raise ValueError(f"sums of {whole.shape} and {recent.shape} for {len(tally.labels)} classes")
        except (KeyError, TypeError, ValueError) as error:
            raise LeukoliteError(
                expected="the running figures of an epoch in the checkpoint",
                found=reason(error),
                remedy="train again, from the start",
            ) from error
        tally._whole, tally._recent = whole, recent
        return tally

    def _by_class(self, sums: Sums) -> tuple[Sums, Sums]:
        """Hits and images of each class."""
        right, images = sums[2:].reshape(2, len(self.labels))
        return right, images

    def _rates(self, sums: Sums) -> dict[str, float | None]:
        """Hits by images, class for class."""
        pairs = zip(self.labels, *self._by_class(sums), strict=True)
        return {label: float(right / images) if images else None for label, right, images in pairs}


def shorten(labels: Sequence[str]) -> dict[str, str]:
    """For each label its first letters, as many as tell all of them apart, at least five."""
    texts = [show(label) for label in labels]
    longest = max((len(text) for text in texts), default=_SHORT)
    for length in range(_SHORT, longest + 1):
        shortened = [text[:length] for text in texts]
        if len(set(shortened)) == len(texts):
            return dict(zip(labels, shortened, strict=True))
    return dict(zip(labels, texts, strict=True))


def _loss(sums: Sums) -> float:
    """Mean loss of such sums."""
    return float(sums[0] / sums[1]) if sums[1] else float("nan")
