"""Which images show the same cell, from a groups file (`path,source,group`).

Augmented copies of one photograph are not independent: whatever splits or resamples must keep a group whole.
"""

import csv
import os
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from edge_runtime.dataset import LabelledImage
from edge_runtime.errors import LeukoliteError, reason, show

COLUMNS = ("path", "source", "group")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an image comes from: its source photograph, and the group of photographs that overlap."""

    source: str
    group: str


class Groups:
    """The rows of a groups file, found by the end of an image's path."""

    def __init__(self, rows: Iterable[tuple[str, Origin]]) -> None:
        """Index rows of (path, origin) by file name; rows of the same origin share one."""
        self._by_name: dict[str, list[tuple[str, Origin]]] = defaultdict(list)
        shared: dict[Origin, Origin] = {}
        for path, origin in rows:
            name = os.path.basename(os.path.normpath(path))
            self._by_name[name].append((path, shared.setdefault(origin, origin)))

    def find(self, image: LabelledImage) -> Origin | None:
        """The row whose path ends as the image's does; None where there is none, or several fit equally well."""
        parts = PurePath(os.path.abspath(image.path)).parts[::-1]
        below_root = len(PurePath(image.name).parts)
        best: tuple[int, Origin | None] = (0, None)
        for text, origin in self._by_name.get(parts[0], ()):
            path = PurePath(text).parts[::-1]
            shared = _shared(parts, path)
            if shared < min(below_root, len(path)):
                continue
            if shared >= best[0]:
                best = (shared, None if shared == best[0] else origin)
        return best[1]

    def below(self, folder: str) -> frozenset[str]:
        """The groups with an image below a folder of that name, such as a split's."""
        return frozenset(
            origin.group
            for rows in self._by_name.values()
            for path, origin in rows
            if folder in PurePath(path).parts[:-1]
        )

    def assign(self, images: Sequence[LabelledImage]) -> list[Origin]:
        """The origin of each image, in order; LeukoliteError when one is not in the file."""
        origins = [self.find(image) for image in images]
        missing = [image.name for image, origin in zip(images, origins, strict=True) if origin is None]
        if missing:
            raise LeukoliteError(
                expected=f"a row in the groups file for each of {len(images)} images",
                found=f"none for {len(missing)}, the first {show(missing[0])}",
                remedy="give the groups file of this data set, or none",
            )
        return [origin for origin in origins if origin is not None]


def read_groups(path: str | os.PathLike[str]) -> Groups:
    """Read a groups file; LeukoliteError when it is missing or has not the columns path, source, group."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            missing = set(COLUMNS) - set(reader.fieldnames or ())
            if missing:
                raise ValueError(f"the columns {', '.join(reader.fieldnames or ['none'])}")
            return Groups(_rows(reader))
    except (OSError, ValueError, csv.Error) as error:
        raise LeukoliteError(
            expected=f"a CSV with the columns {', '.join(COLUMNS)} at {show(path)}",
            found=reason(error),
            remedy="check the path",
        ) from error


def sample(images: Sequence[LabelledImage], origins: Sequence[Origin], *, per_class: int, seed: int) -> list[int]:
    """Indices of at most `per_class` images of each class, taken in turn from each of its groups."""
    random = np.random.default_rng(seed)
    shelves: dict[str, dict[str, array[int]]] = defaultdict(lambda: defaultdict(lambda: array("q")))
    for index in random.permutation(len(images)):
        shelves[images[index].label][origins[index].group].append(index)
    chosen: list[int] = []
    for groups in shelves.values():
        taken: list[int] = []
        while len(taken) < per_class and any(groups.values()):
            taken += [shelf.pop() for shelf in groups.values() if shelf]
        chosen += taken[:per_class]
    return sorted(chosen)


def _rows(reader: "csv.DictReader[str]") -> Iterator[tuple[str, Origin]]:
    """The path and origin of each line; ValueError where one is missing."""
    for row in reader:
        if not (row["path"] and row["group"]) or row["source"] is None:
            raise ValueError(f"line {reader.line_num} without one of them")
        # A source that nobody could tell: all images of such a group count as one.
        yield row["path"], Origin(row["source"] or row["group"], row["group"])


def _shared(one: Sequence[str], other: Sequence[str]) -> int:
    """How many leading items two sequences share."""
    count = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        count += 1
    return count
