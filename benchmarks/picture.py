"""The picture that every measurement of a run decodes or classifies."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.image import decode, read_bytes
from edge_runtime.sample import HEIGHT_PX, WIDTH_PX, sample_jpeg

GENERATED = "generated"


@dataclass(frozen=True)
class Picture:
    """The bytes of an image file and what it is called in the results."""

    name: str
    content: bytes

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the bytes: runs on other pictures do not compare."""
        return hashlib.sha256(self.content).hexdigest()


def load(path: str | os.PathLike[str]) -> Picture:
    """The picture at `path`; LeukoliteError when it cannot be read or decoded."""
    try:
        content = read_bytes(path)
        decode(content, height_px=HEIGHT_PX, width_px=WIDTH_PX)
    except LeukoliteError as error:
        found = str(error).partition(", got ")[2].partition(";")[0]
        raise LeukoliteError(expected=f"an image at {show(path)}", found=found, remedy="name another one") from error
    return Picture(name=Path(path).name, content=content)


def choose(data: str | os.PathLike[str] | None) -> Path | None:
    """The first JPEG of split TEST of the data set at `data`; None where there is no data set."""
    if data is None:
        return None
    for image in open_dataset(data, split="TEST").images:
        if image.path.lower().endswith((".jpg", ".jpeg")):
            return Path(image.path)
    raise LeukoliteError(
        expected=f"a JPEG in the data set at {show(data)}", found="none", remedy="name another data set"
    )


def spread(data: str | os.PathLike[str], count: int) -> list[str]:
    """The paths of so many images of split TEST, or of all where there are fewer, evenly over the data set."""
    paths = [image.path for image in open_dataset(data, split="TEST").images]
    return paths[:: max(1, len(paths) // count)][:count]


def generate() -> Picture:
    """The made-up field of edge_runtime/sample.py."""
    return Picture(name=GENERATED, content=sample_jpeg())


def pick(data: str | os.PathLike[str] | None) -> Picture:
    """The first JPEG of split TEST, or the made-up field where there is no data set."""
    chosen = choose(data)
    return load(chosen) if chosen else generate()
