"""Which pictures are shifted: a few of each source cell, or those that a fold's network has not learned from."""

import csv
import hashlib
import json
import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from edge_runtime.dataset import Dataset, LabelledImage, join, open_all, open_dataset
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.groups import read_groups

ANSWERS_NAME, REPORT_NAME = "probabilities.npz", "crossval.json"  # of `python -m train crossval`


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture: its path, its name below the data root, its class, and the source cell that it shows."""

    path: str
    name: str
    label: str
    source: str


def sample(
    dataset: Dataset, *, groups: str | os.PathLike[str] | None, per_source: int, seed: int, only: Collection[str] = ()
) -> tuple[Shown, ...]:
    """So many pictures of each source cell, or all where there are fewer; the same for the same seed.

    Chosen are those whose names have the lowest digests: a picture more or less changes no others.

    Args:
        dataset: what to choose from.
        groups: a groups file; without one every picture shows a source cell of its own.
        per_source: at least 1.
        only: ends of the pictures' paths; all others are left out. None: no picture is.

    Raises LeukoliteError when `groups` lacks a picture, or one of `only` is not in the data set.
    """
    images = _only(dataset.images, only) if only else list(dataset.images)
    origins = read_groups(groups).assign(images) if groups else None
    sources = [origin.group for origin in origins] if origins else [image.name for image in images]
    shelves: dict[tuple[str, str], list[Shown]] = defaultdict(list)
    for image, source in zip(images, sources, strict=True):
        shelves[image.label, source].append(Shown(image.path, image.name, image.label, source))
    chosen = (sorted(shelf, key=lambda shown: _digest(shown, seed))[:per_source] for shelf in shelves.values())
    return tuple(sorted((shown for shelf in chosen for shown in shelf), key=lambda shown: shown.name))


def open_for(data: Path, *, split: str | None, only: Collection[str]) -> Dataset:
    """The data set of a split; where only some pictures are asked for, which name their split, of all splits."""
    return join(open_all(data)) if only and split is None else open_dataset(data, split=split)


def read_list(path: Path) -> frozenset[str]:
    """The pictures that a file names: an EvalReport (JSON), a CSV with a column `path`, or a path a line.

    Raises LeukoliteError when it is none of these, or names none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")
        if path.suffix == ".json":
            names = [row["path"] for row in json.loads(text)["predictions"]]
        elif path.suffix == ".csv":
            names = [row["path"] for row in csv.DictReader(text.splitlines())]
        else:
            names = text.splitlines()
        found = frozenset(name.strip() for name in names if name.strip())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise _no_list(path, reason(error)) from error
    if not found:
        raise _no_list(path, "none")
    return found


def held_out(crossval: Path, *, fold: int) -> frozenset[str]:
    """The pictures that the network of one fold has not learned from, as `python -m train crossval` dealt them.

    Raises LeukoliteError when the folder is not that of a finished cross-validation, or has no such fold.
    """
    report = read_json(crossval / REPORT_NAME, what="the pooled report of a finished cross-validation")
    try:
        with np.load(crossval / ANSWERS_NAME) as arrays:
            folds = arrays["folds"]
        # Behind them in the report are pictures that show no cell: no network learned from these.
        rows = report["predictions"][: len(folds)]
        found = frozenset(row["path"] for row, own in zip(rows, folds, strict=True) if own == fold)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LeukoliteError(
            expected=f"a finished cross-validation in {show(crossval)}",
            found=reason(error),
            remedy="name the --out of `python -m train crossval`",
        ) from error
    if not found:
        raise LeukoliteError(
            expected=f"a fold from 0 to {int(folds.max())} of the cross-validation in {show(crossval)}",
            found=str(fold),
            remedy="choose another --fold",
        )
    return found


def _only(images: Sequence[LabelledImage], wanted: Collection[str]) -> list[LabelledImage]:
    """The images whose path ends as one of the wanted does; LeukoliteError when one is not there, or not alone."""
    by_name: dict[str, list[tuple[str, ...]]] = defaultdict(list)
    for name in wanted:
        parts = PurePath(os.path.normpath(name)).parts
        by_name[parts[-1]].append(parts)
    chosen, found = [], set()
    for image in images:
        own = PurePath(os.path.abspath(image.path)).parts
        matching = [parts for parts in by_name.get(own[-1], ()) if own[-len(parts) :] == parts]
        chosen += [image] if matching else []
        found.update(matching)
    missing = sorted(set().union(*by_name.values()) - found)
    if missing or len(chosen) > len(found):
        raise LeukoliteError(
            expected=f"each of {len(wanted)} named pictures in the data set, once",
            found=f"not {show(os.path.join(*missing[0]))}" if missing else f"{len(chosen)} that fit",
            remedy="name their split and class as well, and the data set that they are from",
        )
    return chosen


def _digest(shown: Shown, seed: int) -> bytes:
    """What decides which of a source's pictures are chosen."""
    return hashlib.sha256(f"{seed}\n{shown.name}".encode("utf-8", "surrogateescape")).digest()


def _no_list(path: Path, found: str) -> LeukoliteError:
    """What is said of a file that names no pictures."""
    return LeukoliteError(
        expected=f"names of pictures in {show(path)}: an EvalReport, a CSV with a column `path`, or one a line",
        found=found,
        remedy="check the path",
    )
