"""The images to train on: which there are, which show the same cell, and who may be validated on which."""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.dataset import Dataset, Images, LabelledImage, digest, open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.groups import Groups, Origin, read_groups, sample
from edge_runtime.view import FIELD, View, see

GROUPS_NAME = "groups.csv"
KNOWN_GROUPS = Path(__file__).parent / "facts" / "blood-cells-groups.csv"

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """Labelled images in an order that depends on their names only.

    `unseen` are those that show no stained cell to a view that needs one: nothing can be learned from them, and each
    counts as missed where cells are held out.
    `classes` int64 [n] indexes `labels`; `folds` int64 [n], from 0, is the same for all images of a group.
    `source_share` float64 [len(labels)] is each class's share of the sources.
    """

    labels: tuple[str, ...]
    images: Images
    classes: Indices
    origins: tuple[Origin, ...]
    folds: Indices
    source_share: npt.NDArray[np.float64]
    digest: str
    unseen: tuple[LabelledImage, ...] = ()
    unseen_origins: tuple[Origin, ...] = ()

    def sources(self) -> dict[str, int]:
        """How many sources each class has."""
        return {label: len(self._sources(number)) for number, label in enumerate(self.labels)}

    def group_numbers(self) -> Indices:
        """Each image's group as a number from 0, int64 [n]."""
        return np.unique([origin.group for origin in self.origins], return_inverse=True)[1].astype(np.int64)

    def _sources(self, number: int) -> set[str]:
        """The sources of one class."""
        return {origin.source for origin, own in zip(self.origins, self.classes, strict=True) if own == number}


def open_training_data(root: str | os.PathLike[str]) -> Dataset:
    """The TRAIN split of a data root (or its only split), checked: at least two classes, none empty."""
    dataset = open_dataset(root, split="TRAIN")
    empty = [label for label, count in dataset.counts().items() if count == 0]
    if empty or len(dataset.labels) < 2:
        raise LeukoliteError(
            expected=f"images of at least two classes below {show(dataset.root)}",
            found=f"no image in {', '.join(empty)}" if empty else f"the class {', '.join(dataset.labels)} alone",
            remedy="add images, or remove the empty class folder",
        )
    return dataset


def find_groups(dataset: Dataset, given: str | None) -> tuple[Groups | None, Path | None]:
    """The groups that apply to a data set, and their file.

    That is the file given; or groups.csv beside the images or a folder above them; or the committed facts
    about the public set, where they name every image; or none.
    """
    if given:
        return read_groups(given), Path(given)
    for folder in (dataset.root, dataset.root.parent):
        if (folder / GROUPS_NAME).is_file():
            return read_groups(folder / GROUPS_NAME), folder / GROUPS_NAME
    known = read_groups(KNOWN_GROUPS)
    if all(known.find(image) for image in dataset.images):
        return known, KNOWN_GROUPS
    return None, None


def check(
    images: Images, view: View, *, advance: Callable[[], None]
) -> tuple[Images, npt.NDArray[np.bool_], list[str]]:
    """Read every image once.

    Returns:
        The readable ones; bool [their number], whether each shows something to this view; a line for each other one.
    """
    readable, shows, complaints = [], [], []
    for index, image in enumerate(images):
        try:
            shows.append(see(image.path, view) is not None)
            readable.append(index)
        except LeukoliteError as error:
            complaints.append(f"{image.name}: {error}")
        advance()
    return images.take(np.array(readable, np.int64)), np.array(shows, bool), complaints


def gather(
    dataset: Dataset,
    images: Images,
    *,
    groups: Groups | None,
    folds: int,
    per_class: int,
    seed: int,
    shows: npt.NDArray[np.bool_] | None = None,
) -> Cells:
    """Cells from the readable images of a data set.

    Args:
        dataset: where the labels come from.
        images: the readable images among the data set's.
        groups: which images show the same cell; None takes each for its own.
        folds: how many parts to deal the groups into.
        per_class: at most this many images a class, spread over its sources; 0 is all.
        seed: of the sample and the folds.
        shows: bool [len(images)], which of them show something to the network's view; None is all.
    """
    everything = groups.assign(images) if groups else [Origin(image.name, image.name) for image in images]
    chosen = sample(images, everything, per_class=per_class, seed=seed) if per_class else range(len(images))
    unseen = [] if shows is None else [index for index in chosen if not shows[index]]
    chosen = [index for index in chosen if shows is None or shows[index]]
    kept = images.take(chosen)
    origins = tuple(everything[index] for index in chosen)
    number = {label: position for position, label in enumerate(dataset.labels)}
    classes = np.array([number[image.label] for image in kept], np.int64)
    share = _source_share(classes, origins, labels=dataset.labels)
    return Cells(
        labels=dataset.labels,
        images=kept,
        classes=classes,
        origins=origins,
        folds=deal(classes, [origin.group for origin in origins], folds=folds, seed=seed),
        source_share=share,
        digest=digest(kept),
        unseen=tuple(images[index] for index in unseen),
        unseen_origins=tuple(everything[index] for index in unseen),
    )


def seen_by(view: View, cells: Cells) -> Cells:
    """The cells as a network of another view has them: what shows it nothing is unseen; nothing comes back that was."""
    shown = shows(view, cells.images)
    if shown.all():
        return cells
    rest = np.flatnonzero(~shown)
    return replace(
        _taken(cells, np.flatnonzero(shown)),
        unseen=(*cells.unseen, *cells.images.take(rest)),
        unseen_origins=(*cells.unseen_origins, *(cells.origins[index] for index in rest)),
    )


def shows(view: View, images: Images) -> npt.NDArray[np.bool_]:
    """Which images show something to a view, bool [n]."""
    return np.array([view.kind == FIELD or _shows_a_cell(view, path) for path in images.paths], bool)


@functools.cache
def _shows_a_cell(view: View, path: str) -> bool:
    """Whether an image does; every fold of a cross-validation asks."""
    return see(path, view) is not None


def without(cells: Cells, fold: int, *, folds: int, seed: int) -> Cells:
    """The images of all folds but one, dealt anew into `folds`; nothing that shows no cell is among them.

    Raises LeukoliteError when a class has no other.
    """
    kept = np.flatnonzero(cells.folds != fold)
    lacking = set(range(len(cells.labels))) - set(cells.classes[kept].tolist())
    if lacking:
        raise LeukoliteError(
            expected="source cells of each class in at least two folds",
            found=f"those of {cells.labels[min(lacking)]} in one alone",
            remedy="add cells of that class, or leave it out",
        )
    own = _taken(cells, kept)
    groups = [origin.group for origin in own.origins]
    dealt = deal(own.classes, groups, folds=folds, seed=seed)
    return replace(own, folds=dealt, unseen=(), unseen_origins=())


def _taken(cells: Cells, kept: Indices) -> Cells:
    """Some of the images, and the share of the sources that they leave each class."""
    images, classes = cells.images.take(kept), cells.classes[kept]
    origins = tuple(cells.origins[index] for index in kept)
    return replace(
        cells,
        images=images,
        classes=classes,
        origins=origins,
        folds=cells.folds[kept],
        source_share=_source_share(classes, origins, labels=cells.labels),
        digest=digest(images),
    )


def _source_share(classes: Indices, origins: Sequence[Origin], *, labels: Sequence[str]) -> npt.NDArray[np.float64]:
    """Each class's share of the sources, float64 [len(labels)]; LeukoliteError when one has none."""
    sources = [len({o.source for o, c in zip(origins, classes, strict=True) if c == own}) for own in range(len(labels))]
    if min(sources) == 0:
        lacking = labels[sources.index(0)]
        raise LeukoliteError(
            expected="of each class an image that can be read and, in the cell view, shows a stained cell",
            found=f"none of {lacking}",
            remedy="replace its files, or choose a preset that looks at whole fields and has no teacher, as blind",
        )
    return np.array(sources) / sum(sources)


def deal(classes: Indices, groups: Sequence[str], *, folds: int, seed: int) -> Indices:
    """Deal whole groups into folds of about equal numbers of images of each class.

    Args:
        classes: int64 [n], each image's class.
        groups: each image's group.
        folds: how many; of 1 it is all of them.
        seed: shuffles groups of equal size.

    Returns:
        int64 [n], 0 to folds - 1. A group with several classes is dealt as one of its most frequent class.

    Raises LeukoliteError when there are fewer groups than folds: then some fold would be empty.
    """
    names, members = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < folds:
        raise LeukoliteError(
            expected=f"at least {folds} source cells to hold some out", found=str(len(names)), remedy="add images"
        )
    counts = np.zeros((len(names), int(classes.max()) + 1), np.int64)
    np.add.at(counts, (members, classes), 1)
    random = np.random.default_rng(seed)
    fold_of = np.zeros(len(names), np.int64)
    load = np.zeros((folds, counts.shape[1]), np.int64)
    shuffled = random.permutation(len(names))
    for group in shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]:
        own = counts[group].argmax()
        # The emptiest fold of this class; among equals the one with the fewest images of all classes.
        fold_of[group] = min(range(folds), key=lambda fold: (load[fold, own], load[fold].sum()))
        load[fold_of[group]] += counts[group]
    return fold_of[members]
