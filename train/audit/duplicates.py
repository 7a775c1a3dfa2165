"""Images that are there twice: byte for byte, or so alike that nobody would tell them apart."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

LIKE = 0.998
"""The least correlation of two thumbnails of near duplicates: copies turned differently by a few degrees are below."""

_BLOCK = 2048


def exact(digests: Sequence[str | None]) -> list[list[int]]:
    """Indices of items with the same digest, in sets of two and more; None is like nothing."""
    found: dict[str, list[int]] = defaultdict(list)
    for index, digest in enumerate(digests):
        if digest is not None:
            found[digest].append(index)
    return [same for same in found.values() if len(same) > 1]


def near(thumbnails: npt.NDArray[np.uint8], *, like: float = LIKE) -> list[tuple[int, int, float]]:
    """Pairs of thumbnails, uint8 [n, pixels], that correlate by at least `like`, most alike first.

    Takes a time that grows with the square of n, and memory that grows with n: 12,000 take seconds.
    """
    values = thumbnails.astype(np.float32)
    values -= values.mean(axis=1, keepdims=True)
    length = np.linalg.norm(values, axis=1, keepdims=True)
    values /= np.where(length > 0, length, 1)  # a blank picture is like none
    pairs = []
    for top in range(0, len(values), _BLOCK):
        for left in range(0, top + 1, _BLOCK):
            likeness = values[top : top + _BLOCK] @ values[left : left + _BLOCK].T
            rows, columns = np.nonzero(likeness >= like)
            for row, column in zip(rows + top, columns + left, strict=True):
                if column < row:
                    pairs.append((int(column), int(row), float(likeness[row - top, column - left])))
    return sorted(pairs, key=lambda pair: (-pair[2], pair[:2]))
