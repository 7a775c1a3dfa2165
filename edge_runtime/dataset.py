"""Find labelled images in the folders that people have: <SPLIT>/<CLASS>/*, <CLASS>/*, or the Kaggle download."""

import hashlib
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import sha256
from edge_runtime.image import read_bytes
from edge_runtime.inputs import is_image_name

# Where the splits lie in the Kaggle download, seen from its root, from a folder below it, or unpacked flat. The
# deepest first: the download's other folders hold pictures too, unlabelled ones.
_NESTED = ("dataset2-master/dataset2-master/images", "dataset2-master/images", "dataset2-master", "images", ".")


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """One image: where it is, its path below the data root, and the class whose folder it lies in."""

    path: str
    name: str
    label: str


class Images(Sequence[LabelledImage]):
    """Labelled images, each made when it is asked for: kept are the bytes of its file's name and 20 more.

    As objects they would take ten times as much, and a hundred thousand of them show in the memory of a training.
    """

    def __init__(self, folders: Iterable[tuple[LabelledImage, Sequence[str]]]) -> None:
        """The files of some folders: each folder described as its images are, and its files' names."""
        self._folders: list[LabelledImage] = []
        names, counts = [], []
        for folder, files in folders:
            self._folders.append(folder)
            names.append([os.fsencode(file) for file in files])
            counts.append(len(files))
        self._names = b"".join(b"".join(files) for files in names)
        self._ends = np.cumsum([len(name) for files in names for name in files], dtype=np.int64)
        self._folder = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        self._rows = np.arange(len(self._ends))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> LabelledImage: ...
    @overload
    def __getitem__(self, index: slice) -> "Images": ...
    def __getitem__(self, index: int | slice) -> "LabelledImage | Images":
        if isinstance(index, slice):
            return self._with(self._rows[index])
        row = int(self._rows[index])
        folder = self._folders[self._folder[row]]
        file = os.fsdecode(self._names[self._ends[row - 1] if row else 0 : self._ends[row]])
        return LabelledImage(os.path.join(folder.path, file), os.path.join(folder.name, file), folder.label)

    def take(self, indices: npt.ArrayLike) -> "Images":
        """The images at some indices, in that order."""
        return self._with(self._rows[np.asarray(indices, np.int64)])

    @property
    def paths(self) -> Sequence[str]:
        """Where each image is; these, too, are made one by one."""
        return _Paths(self)

    def _with(self, rows: npt.NDArray[np.int64]) -> "Images":
        """Others of the same files."""
        other = copy(self)
        other._rows = rows
        return other


class _Paths(Sequence[str]):
    """The paths of images, without a list of them."""

    def __init__(self, images: Images) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> "_Paths": ...
    def __getitem__(self, index: int | slice) -> "str | _Paths":
        return _Paths(self._images[index]) if isinstance(index, slice) else self._images[index].path


@dataclass(frozen=True)
class Dataset:
    """The labelled images of one split.

    `labels` are the class folders' names, sorted; a class whose folder is empty is among them.
    `ignored` are the files in class folders that do not have an image's name.
    """

    root: Path
    split: str | None
    labels: tuple[str, ...]
    images: Images
    ignored: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Images of each class, zeros included."""
        counter = Counter(image.label for image in self.images)
        return {label: counter[label] for label in self.labels}


def open_dataset(root: str | os.PathLike[str], *, split: str | None = None) -> Dataset:
    """The labelled images below `root`.

    Args:
        root: one of the roots that the module's first line names.
        split: the folder of the split, such as TEST. It may be left out where there is only one; a `root`
            that holds class folders directly has none, and then any name is accepted.

    Raises LeukoliteError when there are no class folders, or not that split.
    """
    top = _existing(root)
    for nested in _NESTED:
        folder = top / nested
        splits = _splits(folder)
        if split not in splits and _is_class_root(folder):  # a class folder may hold a folder of pictures too
            return _read(folder, base=folder, split=None)
        if splits:
            name = _choose_split(splits, split, root=folder)
            return _read(folder / name, base=folder, split=name)
    raise _no_classes(top)


def open_all(root: str | os.PathLike[str]) -> tuple[Dataset, ...]:
    """Every split below `root`, or the images of its class folders as one data set; see `open_dataset`.

    A folder of images and nothing else is one data set too, with the label "" alone.

    Raises LeukoliteError when there are no images in any of these places.
    """
    top = _existing(root)
    for nested in _NESTED:
        folder = top / nested
        if _is_class_root(folder):
            return (_read(folder, base=folder, split=None),)
        if splits := _splits(folder):
            return tuple(_read(folder / name, base=folder, split=name) for name in splits)
    if not _holds_images(top):
        raise _no_classes(top)
    names = [name for name in sorted(os.listdir(top)) if is_image_name(name)]
    images = Images([(LabelledImage(path=str(top), name="", label=""), names)])
    return (Dataset(root=top, split=None, labels=("",), images=images, ignored=()),)


def join(datasets: Sequence[Dataset]) -> Dataset:
    """Several splits as one data set, in which each image's name begins with its split's as `open_all` gave it."""
    folders: list[tuple[LabelledImage, list[str]]] = []
    for image in itertools.chain.from_iterable(dataset.images for dataset in datasets):
        folder = LabelledImage(os.path.dirname(image.path), os.path.dirname(image.name), image.label)
        if not folders or folders[-1][0] != folder:
            folders.append((folder, []))
        folders[-1][1].append(os.path.basename(image.path))
    names = [dataset.split for dataset in datasets if dataset.split]
    return Dataset(
        root=datasets[0].root.parent if names else datasets[0].root,
        split="+".join(names) or None,
        labels=tuple(sorted({label for dataset in datasets for label in dataset.labels})),
        images=Images(folders),
        ignored=tuple(name for dataset in datasets for name in dataset.ignored),
    )


def _existing(root: str | os.PathLike[str]) -> Path:
    """The root, if it is a folder."""
    top = Path(root)
    if not top.is_dir():
        found = "a file" if top.exists() else "nothing"
        raise LeukoliteError(
            expected=f"a data set folder at {show(top)}",
            found=found,
            remedy="give the folder of <SPLIT>/<CLASS>/* or <CLASS>/*",
        )
    return top


def _no_classes(top: Path) -> LeukoliteError:
    """What is said of a root without class folders."""
    return LeukoliteError(
        expected=f"<SPLIT>/<CLASS>/* or <CLASS>/* with images below {show(top)}",
        found="no class folder with an image in it",
        remedy="check the path",
    )


def digest(images: Sequence[LabelledImage], *, advance: Callable[[], None] = lambda: None) -> str:
    """SHA-256 over the sorted list of each image's name and content digest, one `name sha256` a line.

    An image that cannot be read counts with an empty content digest. `advance` is called after each image.
    """
    whole = hashlib.sha256()
    for index in sorted(range(len(images)), key=lambda index: images[index].name):
        image = images[index]
        try:
            content = sha256(read_bytes(image.path))
        except LeukoliteError:
            content = ""
        whole.update(f"{image.name} {content}\n".encode("utf-8", "surrogateescape"))
        advance()
    return whole.hexdigest()


def _folders(folder: Path) -> list[Path]:
    """Visible folders directly below, sorted; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(child for child in folder.iterdir() if child.is_dir() and not child.name.startswith("."))


def _holds_images(folder: Path) -> bool:
    """Whether an image lies directly in the folder."""
    return any(is_image_name(child.name) for child in folder.iterdir())


def _is_class_root(folder: Path) -> bool:
    """Whether some folder directly below holds images."""
    return any(_holds_images(child) for child in _folders(folder))


def _splits(folder: Path) -> list[str]:
    """Names of the folders below that hold class folders."""
    return [child.name for child in _folders(folder) if _is_class_root(child)]


def _choose_split(splits: list[str], wanted: str | None, *, root: Path) -> str:
    """The split asked for, or the only one."""
    if wanted is None and len(splits) == 1:
        return splits[0]
    if wanted in splits:
        return str(wanted)
    raise LeukoliteError(
        expected=f"a split {wanted or 'to be named'} below {show(root)}",
        found=", ".join(splits),
        remedy="choose one with --split",
    )


def _read(folder: Path, *, base: Path, split: str | None) -> Dataset:
    """All images in the class folders directly below `folder`, sorted by class and name."""
    classes = _folders(folder)
    found: list[tuple[LabelledImage, list[str]]] = []
    ignored: list[str] = []
    for child in classes:
        own = LabelledImage(path=str(child), name=os.path.relpath(child, base), label=child.name)
        names = sorted(os.listdir(child))
        found.append((own, [name for name in names if is_image_name(name)]))
        others = (name for name in names if not is_image_name(name) and not name.startswith("."))
        ignored += [os.path.join(own.name, name) for name in others]
    return Dataset(
        root=base,
        split=split,
        labels=tuple(child.name for child in classes),
        images=Images(found),
        ignored=tuple(ignored),
    )
