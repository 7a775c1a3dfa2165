"""Find labelled images in the folders that people have: <SPLIT>/<CLASS>/*, <CLASS>/*, or the Kaggle download."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import sha256
from edge_runtime.image import read_bytes
from edge_runtime.inputs import is_image_name

# Where the splits lie in the Kaggle download, seen from its root, from a folder below it, or unpacked flat. The
# deepest first: the download's other folders hold pictures too, unlabelled ones.
_NESTED = ("dataset2-master/dataset2-master/images", "dataset2-master/images", "dataset2-master", "images", ".")


@dataclass(frozen=True)
class LabelledImage:
    """One image: where it is, its path below the data root, and the class whose folder it lies in."""

    path: str
    name: str
    label: str


@dataclass(frozen=True)
class Dataset:
    """The labelled images of one split.

    `labels` are the class folders' names, sorted; a class whose folder is empty is among them.
    `ignored` are the files in class folders that do not have an image's name.
    """

    root: Path
    split: str | None
    labels: tuple[str, ...]
    images: tuple[LabelledImage, ...]
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
    top = Path(root)
    if not top.is_dir():
        found = "a file" if top.exists() else "nothing"
        raise LeukoliteError(
            expected=f"a data set folder at {show(top)}",
            found=found,
            remedy="give the folder of <SPLIT>/<CLASS>/* or <CLASS>/*",
        )
    for nested in _NESTED:
        folder = top / nested
        splits = _splits(folder)
        if split not in splits and _is_class_root(folder):  # a class folder may hold a folder of pictures too
            return _read(folder, base=folder, split=None)
        if splits:
            name = _choose_split(splits, split, root=folder)
            return _read(folder / name, base=folder, split=name)
    raise LeukoliteError(
        expected=f"<SPLIT>/<CLASS>/* or <CLASS>/* with images below {show(top)}",
        found="no class folder with an image in it",
        remedy="check the path",
    )


def digest(images: Sequence[LabelledImage], *, advance: Callable[[], None] = lambda: None) -> str:
    """SHA-256 over the sorted list of each image's name and content digest, one `name sha256` a line.

    An image that cannot be read counts with an empty content digest. `advance` is called after each image.
    """
    whole = hashlib.sha256()
    for image in sorted(images, key=lambda image: image.name):
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
    images: list[LabelledImage] = []
    ignored: list[str] = []
    classes = _folders(folder)
    for child in classes:
        for entry in sorted(os.scandir(child), key=lambda entry: entry.name):
            name = os.path.relpath(entry.path, base)
            if is_image_name(entry.name):
                images.append(LabelledImage(path=entry.path, name=name, label=child.name))
            elif not entry.name.startswith("."):
                ignored.append(name)
    return Dataset(
        root=base,
        split=split,
        labels=tuple(child.name for child in classes),
        images=tuple(images),
        ignored=tuple(ignored),
    )
