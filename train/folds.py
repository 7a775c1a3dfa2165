"""A validation split of the user's own: who is held out for whom, checked against the source cells."""

import csv
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.groups import Groups, Origin
from train.cells import Cells
from train.source import Tell

COLUMNS = ("path", "fold")


@dataclass(frozen=True)
class Split:
    """A CSV file with the columns path and fold, 0 to one less than their number, and a row for each image.

    One that cuts a group is refused unless `may_cut`: its held-out figures are of cells that were learned from.
    """

    path: str
    may_cut: bool = False

    def to_inputs(self) -> dict[str, Any]:
        """What run.json says of it."""
        return {"validation_split": self.path, "may_cut_groups": self.may_cut}

    @classmethod
    def from_inputs(cls, inputs: Mapping[str, Any]) -> "Split | None":
        """The split of a run that said so; None where it dealt its own."""
        path = inputs.get("validation_split")
        return cls(path, bool(inputs.get("may_cut_groups"))) if path else None

    def deal(self, cells: Cells, *, folds: int, tell: Tell) -> Cells:
        """The cells with these folds instead of their own.

        Raises LeukoliteError when the file is no such file, lacks an image, leaves a fold empty or cuts a group.
        """
        rows = _read(self.path, folds=folds)
        found = [rows.find(image) for image in cells.images]
        lacking = [image.name for image, row in zip(cells.images, found, strict=True) if row is None]
        numbers = np.array([int(row.group) for row in found if row is not None], np.int64)
        empty = sorted(set(range(folds)) - set(numbers.tolist()))
        if lacking or empty:
            missing = f"none for {len(lacking)}, the first {show(lacking[0])}" if lacking else f"no fold {empty[0]}"
            raise LeukoliteError(
                expected=f"a row in {show(self.path)} for each of {len(cells.images)} images, and {folds} folds",
                found=missing,
                remedy="add rows, or leave --validation-split out",
            )
        dealt = replace(cells, folds=numbers)
        if complaint := _cut(dealt):
            if not self.may_cut:
                raise LeukoliteError(
                    expected=f"a validation split in {show(self.path)} that keeps all pictures of a cell in one fold",
                    found=complaint,
                    remedy="leave --validation-split out, deal whole groups, or give --allow-cut-groups and distrust "
                    "the held-out figures",
                )
            tell(f"{complaint}: the held-out figures are of cells that were learned from")
        return dealt


def _cut(cells: Cells) -> str:
    """Which groups have images in several folds, in words; nothing where none has."""
    of_group: dict[str, set[int]] = defaultdict(set)
    for origin, fold in zip(cells.origins, cells.folds.tolist(), strict=True):
        of_group[origin.group].add(fold)
    cut = sorted(group for group, folds in of_group.items() if len(folds) > 1)
    if not cut:
        return ""
    where = ", ".join(map(str, sorted(of_group[cut[0]])))
    return f"{len(cut)} of {len(of_group)} groups in several folds, the first {show(cut[0])} in the folds {where}"


def _read(path: str | os.PathLike[str], *, folds: int) -> Groups:
    """The rows, to be found by the end of an image's path; the fold stands where a groups file has the group."""
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream)
            if set(COLUMNS) - set(reader.fieldnames or ()):
                raise ValueError(f"the columns {', '.join(reader.fieldnames or ['none'])}")
            return Groups(_rows(reader, folds=folds))
    except (OSError, ValueError, csv.Error) as error:
        raise LeukoliteError(
            expected=f"a CSV with the columns {', '.join(COLUMNS)} at {show(path)}, folds from 0 to {folds - 1}",
            found=reason(error),
            remedy="check the file",
        ) from error


def _rows(reader: "csv.DictReader[str]", *, folds: int) -> Iterator[tuple[str, Origin]]:
    """Each line's path and fold; ValueError for a fold that is none."""
    for row in reader:
        fold = (row["fold"] or "").strip()
        if not row["path"] or not fold.isdecimal() or int(fold) >= folds:
            raise ValueError(f"fold {fold!r} of {row['path']!r} in line {reader.line_num}")
        yield row["path"], Origin(fold, str(int(fold)))
