"""Photographs that can be looked up by a picture of the same field, turned, sheared or mirrored."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from train.audit.alignment import Alignment, align, overlay
from train.audit.features import Features, describe

PHOTO_FEATURES, IMAGE_FEATURES = 350, 200
_VOTING = 80  # of an image's features; the others only confirm
_DIMENSIONS = 32  # that descriptors are reduced to for the vote
_CANDIDATES = 8  # that are looked at closely
SURE, LIKELY = 0.999, 0.9
"""The least probability of a match (Brown and Lowe 2007 have 0.999 for the same test), and of one that the pictures
themselves bear out: where two overlap by a corner, few features lie there."""

_ALIKE = 0.95  # correlation that bears it out: fields that do not overlap stay below 0.5


@dataclass(frozen=True)
class Match:
    """A photograph that shows what the image shows. The affine is that of the photograph as it is, or mirrored."""

    photo: int
    mirrored: bool
    alignment: Alignment

    def __lt__(self, other: "Match") -> bool:
        """Whether it is the worse of two matches: less alike, or of a photograph that was taken up later."""
        return (self.alignment.likeness, -self.photo) < (other.alignment.likeness, -other.photo)


class Reduction:
    """Descriptors in fewer dimensions: their principal components, so that near ones stay near."""

    def __init__(self, samples: Sequence[Features]) -> None:
        """Fit to the descriptors of some pictures."""
        descriptors = np.concatenate([each.descriptors for each in samples] or [np.zeros((0, 128), np.float32)])
        self._mean = descriptors.mean(axis=0) if len(descriptors) else np.zeros(128, np.float32)
        _, axes = np.linalg.eigh((descriptors - self._mean).T @ (descriptors - self._mean))
        self._axes = axes[:, ::-1][:, :_DIMENSIONS].astype(np.float32)

    def __call__(self, features: Features) -> npt.NDArray[np.float32]:
        """float32 [n, 32]."""
        reduced: npt.NDArray[np.float32] = (features.descriptors - self._mean) @ self._axes
        return reduced


class Catalogue:
    """Photographs by their features, each as it is and mirrored.

    Memory: 0.7 MB a photograph, whatever its size.
    """

    def __init__(self, reduction: Reduction) -> None:
        self._reduction = reduction
        self._views: list[tuple[int, bool, Features]] = []
        self._pixels: list[Pixels] = []
        self._index = np.zeros((0, _DIMENSIONS + 1), np.float32)
        self._view_of = np.zeros(0, np.int32)
        self._filled = 0

    def __len__(self) -> int:
        return len(self._pixels)

    def add(self, pixels: Pixels) -> int:
        """Take up a photograph, uint8 [height, width, 3]; returns its number."""
        number = len(self._pixels)
        self._pixels.append(pixels)
        for mirrored in (False, True):
            features = describe(_turned(pixels, mirrored), keep=PHOTO_FEATURES)
            reduced = self._reduction(features)
            # With half the square as one more dimension, the largest product is the nearest vector.
            self._append(np.hstack([reduced, -0.5 * (reduced**2).sum(axis=1, keepdims=True)]), len(self._views))
            self._views.append((number, mirrored, features))
        return number

    def find(self, pixels: Pixels, features: Features, *, without: int | None = None) -> list[Match]:
        """The photographs that surely show what an image shows, best first.

        Of photographs that are the same, only the first may be found.

        Args:
            pixels: the image, uint8 [height, width, 3].
            features: its features.
            without: the number of a photograph that is not asked for.
        """
        best: dict[int, Match] = {}
        for view in self._candidates(features, without):
            match = self._compare(pixels, features, view)
            if match and (match.photo not in best or best[match.photo] < match):
                best[match.photo] = match
        return sorted(best.values(), reverse=True)

    def compare(self, pixels: Pixels, features: Features, *, photo: int) -> Match | None:
        """How a photograph shows what an image shows; None where that is not sure."""
        views = (view for view, (number, _, _) in enumerate(self._views) if number == photo)
        return max(filter(None, (self._compare(pixels, features, view) for view in views)), default=None)

    def _compare(self, pixels: Pixels, features: Features, view: int) -> Match | None:
        """The same for a photograph as it is, or mirrored."""
        number, mirrored, own = self._views[view]
        found = align(features, own)
        if found is None or found.probability < LIKELY:
            return None
        photo = _turned(self._pixels[number], mirrored)
        correlation, covered = overlay(pixels, photo, found.affine)
        found = replace(found, correlation=correlation, covered=covered)
        sure = found.probability >= SURE or found.correlation >= _ALIKE
        return Match(number, mirrored, found) if sure else None

    def _candidates(self, features: Features, without: int | None) -> list[int]:
        """The views that most of the strongest features are nearest to."""
        voters = self._reduction(features.strongest(_VOTING))
        if not self._filled or not len(voters):
            return []
        likeness = np.hstack([voters, np.ones((len(voters), 1), np.float32)]) @ self._index[: self._filled].T
        if without is not None:
            excluded = [view for view, (number, _, _) in enumerate(self._views) if number == without]
            likeness[:, np.isin(self._view_of[: self._filled], excluded)] = -np.inf
        votes = np.bincount(self._view_of[likeness.argmax(axis=1)], minlength=len(self._views))
        order = np.argsort(-votes, kind="stable")[:_CANDIDATES]
        return [int(view) for view in order if votes[view] > 0]

    def _append(self, rows: npt.NDArray[np.float32], view: int) -> None:
        """Put a view's rows behind the others, in arrays that double when they are full."""
        needed = self._filled + len(rows)
        if needed > len(self._index):
            size = max(2 * len(self._index), needed)
            self._index = np.resize(self._index, (size, self._index.shape[1]))
            self._view_of = np.resize(self._view_of, size)
        self._index[self._filled : needed] = rows
        self._view_of[self._filled : needed] = view
        self._filled = needed


def _turned(pixels: Pixels, mirrored: bool) -> Pixels:
    """A picture, or its mirror image; a view of it."""
    return pixels[:, ::-1] if mirrored else pixels
