"""The photographs that a data set was made from, and the cell types that each is said to show."""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.inputs import is_image_name

LABELS_NAME = "labels.csv"
# Where the Kaggle download has them, seen from its root and from the folders below it.
_NESTED = ("dataset-master/dataset-master", "dataset-master", "../../../dataset-master/dataset-master")
_PICTURES = ("JPEGImages", ".")


@dataclass(frozen=True)
class Original:
    """A photograph: where it is, its name, and its labels, several where it shows several cells, none if unknown."""

    path: str
    name: str
    labels: tuple[str, ...]


def find_originals(root: str | os.PathLike[str]) -> Path | None:
    """The folder of the originals that belongs to a data root in Kaggle's layout; None where there is none."""
    for nested in _NESTED:
        folder = Path(root) / nested
        if (folder / LABELS_NAME).is_file() and (folder / _PICTURES[0]).is_dir():
            return folder
    return None


def read_originals(folder: str | os.PathLike[str]) -> list[Original]:
    """The photographs in a folder, sorted by name.

    Labels are those of labels.csv in it (columns Image, a file's name or its number, and Category, one or several
    separated by commas), or the names of the folders that the photographs lie in.

    Raises LeukoliteError when there is no photograph, or labels.csv is not one.
    """
    top = Path(folder)
    said = _read_labels(top / LABELS_NAME) if (top / LABELS_NAME).is_file() else {}
    pictures = next((top / name for name in _PICTURES if (top / name).is_dir()), top)
    found = []
    for place, folders, names in os.walk(pictures):
        folders.sort()
        below = Path(os.path.relpath(place, pictures))
        for name in sorted(names):
            if is_image_name(name):
                own = said.get(_key(name), ()) if said else below.parts[-1:]
                found.append(Original(os.path.join(place, name), str(below / name), tuple(own)))
    if not found:
        raise LeukoliteError(
            expected=f"photographs in {show(top)}", found="no image", remedy="give the folder of the originals"
        )
    return sorted(found, key=lambda original: original.name)


def _read_labels(path: Path) -> Mapping[str, tuple[str, ...]]:
    """The labels of each photograph by its key; a photograph may have several lines."""
    labels: dict[str, list[str]] = defaultdict(list)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            if not {"Image", "Category"} <= set(reader.fieldnames or ()):
                raise ValueError(f"the columns {', '.join(reader.fieldnames or ['none'])}")
            for row in reader:
                names = (part.strip() for part in (row["Category"] or "").split(","))
                labels[_key(row["Image"] or "")] += [name for name in names if name]
    except (OSError, ValueError, csv.Error) as error:
        raise LeukoliteError(
            expected=f"a CSV with the columns Image, Category at {show(path)}",
            found=reason(error),
            remedy="correct it or take it away",
        ) from error
    return {key: tuple(names) for key, names in labels.items()}


def _key(name: str) -> str:
    """What a file's name and its mention in labels.csv share: the number at its end, or else all of it."""
    stem = os.path.splitext(os.path.basename(name.strip()))[0]
    number = re.search(r"(\d+)$", stem)
    return str(int(number[1])) if number else stem.casefold()
