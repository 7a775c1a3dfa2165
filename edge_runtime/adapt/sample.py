"""The user's labelled cells: looked at once, and what speaks against them said before anything is learned from them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.adapt.copies import find_copies
from edge_runtime.adapt.embedding import Embedder, Embedding
from edge_runtime.dataset import Dataset, LabelledImage
from edge_runtime.errors import LeukoliteError, listed, show
from edge_runtime.evaluation import check_labels
from edge_runtime.groups import Groups

FEWEST, FEW = 5, 10  # cells of a class: with fewer than the first nothing is done, with fewer than the second warned


@dataclass(frozen=True)
class Sample:
    """Labelled cells, and how the bundle sees them.

    `maxima` float32 [n, channels] and `probabilities` float32 [n, classes], as in Embedding, and so `reads`, float32
    [n, rows, columns, channels] a tower; `classes` int64 [n];
    `groups` int64 [n], alike for pictures that show one cell, and `group_names` as many names. `unusable` and
    `warnings` are lines for the user: pictures that are left out, and what else is not as it should be. `refused` is
    whether the bundle's own limits refuse some of the pictures a label.
    """

    images: tuple[LabelledImage, ...]
    maxima: npt.NDArray[np.float32]
    probabilities: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int64]
    group_names: tuple[str, ...]
    unusable: tuple[str, ...]
    warnings: tuple[str, ...]
    reads: tuple[npt.NDArray[np.float32], ...] = ()
    refused: bool = False


def take(
    dataset: Dataset,
    embedder: Embedder,
    *,
    labels: Sequence[str],
    groups: Groups | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Sample:
    """Look at every picture of a data set; of those that are copies of one another the first is kept.

    Args:
        dataset: pictures by class.
        embedder: the bundle.
        labels: the bundle's, in the order of its output.
        groups: which pictures show the same cell; without it each is taken to show one of its own.
        advance: called after each picture.

    Raises LeukoliteError when the class folders are not among the labels, a class has fewer than FEWEST cells, two
    copies have different labels, or `groups` lacks a picture.
    """
    check_labels(dataset, labels)
    seen, unusable = _look(dataset, embedder, advance)
    first = find_copies([embedding.picture for _, embedding in seen])
    _check_contradictions([image for image, _ in seen], first)
    kept = [each for number, each in enumerate(seen) if first[number] == number]
    images = tuple(image for image, _ in kept)
    names = [origin.group for origin in groups.assign(images)] if groups else [image.name for image in images]
    classes = np.array([labels.index(image.label) for image in images], np.int64)
    counts = {label: len({name for name, own in zip(names, classes, strict=True) if labels[own] == label})
              for label in labels}  # fmt: skip
    _check_counts(counts)
    return Sample(
        images=images,
        maxima=np.stack([embedding.maxima for _, embedding in kept]),
        probabilities=np.stack([embedding.probabilities for _, embedding in kept]),
        classes=classes,
        groups=np.unique(names, return_inverse=True)[1].astype(np.int64),
        group_names=tuple(names),
        unusable=tuple(unusable),
        warnings=(*_warnings(counts, [image.name for image, _ in seen], first), *_refusals(kept)),
        reads=tuple(np.stack(own) for own in zip(*(embedding.reads for _, embedding in kept), strict=True)),
        refused=any(embedding.complaint for _, embedding in kept),
    )


def _look(
    dataset: Dataset, embedder: Embedder, advance: Callable[[], None]
) -> tuple[list[tuple[LabelledImage, Embedding]], list[str]]:
    """Each picture with its embedding, and a line for each that has none."""
    seen, unusable = [], []
    for image in dataset.images:
        try:
            seen.append((image, embedder.embed(image.path)))
        except LeukoliteError as error:
            unusable.append(f"{show(image.name)}: {error}")
        advance()
    return seen, unusable


def _check_contradictions(images: Sequence[LabelledImage], first: npt.NDArray[np.int64]) -> None:
    """Raise LeukoliteError where a copy has another label than what it is a copy of."""
    pairs = [(images[original], image) for original, image in zip(first, images, strict=True)]
    found = [
        f"{show(one.name)} and {show(other.name)}, the same picture" for one, other in pairs if one.label != other.label
    ]
    if found:
        raise LeukoliteError(
            expected="one label for each cell",
            found=listed(found),
            remedy="delete the wrong one",
        )


def _check_counts(counts: dict[str, int]) -> None:
    """Raise LeukoliteError where a class has too few cells to learn from and be tested on."""
    if min(counts.values()) < FEWEST:
        raise LeukoliteError(
            expected=f"at least {FEWEST} different cells of each class, better 25",
            found=", ".join(f"{show(label)} {count}" for label, count in counts.items()),
            remedy="label more cells",
        )


def _refusals(kept: Sequence[tuple[LabelledImage, Embedding]]) -> list[str]:
    """What is to be said of pictures that a bundle would have refused a label, though somebody could tell the cell."""
    found = [f"{show(image.name)}: {seen.complaint}" for image, seen in kept if seen.complaint]
    if not found:
        return []
    return [f"{len(found)} pictures would get no label ({listed(found)}); an adapted bundle refuses no picture"]


def _warnings(counts: dict[str, int], names: Sequence[str], first: npt.NDArray[np.int64]) -> list[str]:
    """What can be done, but not as it would be best."""
    lines = []
    few = [f"{show(label)} {count}" for label, count in counts.items() if count < FEW]
    if few:
        lines.append(f"few cells: {', '.join(few)}; figures are rough below {FEW}, and 25 are better")
    copies = [
        f"{show(names[number])} of {show(names[original])}"
        for number, original in enumerate(first)
        if number != original
    ]
    if copies:
        lines.append(f"{len(copies)} pictures are copies, and count once: {listed(copies)}")
    return lines
