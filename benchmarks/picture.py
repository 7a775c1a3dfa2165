"""The picture that every measurement of a run decodes or classifies."""

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.image import decode, read_bytes

GENERATED = "generated"
WIDTH_PX, HEIGHT_PX = 320, 240  # the size of the data set's own images

_SEED = 20_240_501
_CELLS = 40


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


def generate() -> Picture:
    """A made-up field of cells, 320 x 240, whose JPEG weighs about what a real one does (8.5 kB); always the same."""
    random = np.random.default_rng(_SEED)
    rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    pixels = np.full((HEIGHT_PX, WIDTH_PX, 3), (220.0, 200.0, 205.0))
    for _ in range(_CELLS):
        row, column, radius = random.uniform(0, HEIGHT_PX), random.uniform(0, WIDTH_PX), random.uniform(15, 25)
        distance = np.hypot(rows - row, columns - column)[..., np.newaxis]
        pixels -= np.clip(radius - distance, 0, 1) * (10, 45, 35)
    pixels += random.normal(0, 3, (HEIGHT_PX, WIDTH_PX, 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=75)
    return Picture(name=GENERATED, content=buffer.getvalue())
