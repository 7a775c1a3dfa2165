"""Draw blood smears, so that everything can be rehearsed where the real data set is missing.

The pictures have the real set's layout, its unequal numbers of sources and its augmentation. They show no cells:
an accuracy measured on them says nothing about any classifier and must never be quoted.
"""

import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic
from edge_runtime.groups import COLUMNS
from train.drawing import render_field

CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
SPLITS = ("TRAIN", "TEST")

README_NAME = "README.txt"
README = b"""GENERATED PICTURES, NO CELLS.

Everything below this folder was drawn by a program (python -m train smears) to rehearse the work and to test
the software. No picture shows blood. A figure measured on them is not an accuracy: never quote one.
"""

# The real set's augmentation.
_ROTATION_DEG = 20.0
_SHIFT = 0.1  # of the width and of the height
_SHEAR = 0.2  # tangent


@dataclass(frozen=True)
class SmearSettings:
    """How many pictures of how many fields, and their form.

    `images_per_class` are those of TRAIN. `sources` are the fields of TRAIN for each of CLASSES, by default
    a quarter of the real set's (75, 27, 16, 159); no class uses more of them than it has images.
    `test_fraction` is the share of TEST in all images and in all sources, at least one of each a class.
    """

    images_per_class: int = 200
    sources: tuple[int, ...] = (19, 7, 4, 40)
    test_fraction: float = 0.2
    image_width_px: int = 320
    image_height_px: int = 240
    seed: int = 0
    quality: int = 85

    def __post_init__(self) -> None:
        """Raise LeukoliteError for a value out of its range."""
        if len(self.sources) != len(CLASSES):
            raise LeukoliteError(
                expected=f"a number of sources for each of {', '.join(CLASSES)}",
                found=f"{len(self.sources)} numbers",
                remedy=f"give {len(CLASSES)}",
            )
        ranges: tuple[tuple[str, float, float, float], ...] = (
            ("images_per_class", self.images_per_class, 1, 10_000_000),
            *(("sources of each class", count, 1, 1_000_000) for count in self.sources),
            ("test_fraction", self.test_fraction, 0.01, 0.9),
            ("image_width_px", self.image_width_px, 16, 4096),
            ("image_height_px", self.image_height_px, 16, 4096),
            ("seed", self.seed, 0, 2**63 - 1),
            ("quality", self.quality, 1, 100),
        )
        for name, value, low, high in ranges:
            if not low <= value <= high:
                raise LeukoliteError(
                    expected=f"{name} from {low} to {high}", found=str(value), remedy="choose one in that range"
                )

    @property
    def images(self) -> int:
        """How many images all classes have in both splits together."""
        return len(CLASSES) * sum(self.counts(split, CLASSES[0])[0] for split in SPLITS)

    def counts(self, split: str, label: str) -> tuple[int, int]:
        """Images and sources of one class in one split."""
        part = 1.0 if split == "TRAIN" else self.test_fraction / (1 - self.test_fraction)
        images = max(1, round(self.images_per_class * part))
        sources = max(1, round(self.sources[CLASSES.index(label)] * part))
        return images, min(images, sources)


def generate(
    folder: str | os.PathLike[str],
    *,
    settings: SmearSettings = SmearSettings(),
    advance: Callable[[], None] = lambda: None,
) -> Path:
    """Write a data set of generated smears and return its folder.

    Below `folder` lie images/<SPLIT>/<CLASS>/_<n>_<random>.jpeg, README.txt and, written last, groups.csv: where
    that is missing, the run did not end. As in the real set, <n> does not tell the source. The same settings give
    the same bytes with the same numpy and Pillow. One field and one image are held in memory at a time.

    Args:
        folder: where to write; made if missing.
        settings: numbers, sizes and seed.
        advance: called after each of `settings.images` images.

    Raises LeukoliteError when `folder` is not empty or cannot be written.
    """
    top = Path(folder)
    _claim(top)
    write_atomic(top / README_NAME, [README])
    write_atomic(top / "groups.csv", _write_images(top, settings=settings, advance=advance))
    return top


def augment(field: Image.Image, *, enlarged: int = 1, rng: np.random.Generator) -> Image.Image:
    """`field` rotated, sheared, shifted and flipped at random as in the real set, with black where it ends.

    The nearest pixel is taken, so give a `field` that is `enlarged` times as wide and high as the result shall be:
    with 2 that looks like interpolation at a tenth of the time.
    """
    width, height = field.width // enlarged, field.height // enlarged
    turn, shear, right, down = rng.uniform(-1, 1, 4).tolist()
    mirror, upend = np.where(rng.random(2) < 0.5, -enlarged, enlarged).tolist()
    cosine, sine = math.cos(math.radians(turn * _ROTATION_DEG)), math.sin(math.radians(turn * _ROTATION_DEG))
    # Pillow asks where a pixel of the result comes from: about the middle, shear, then turn, then flip.
    a, b = mirror * cosine, mirror * (cosine * shear * _SHEAR - sine)
    d, e = upend * sine, upend * (sine * shear * _SHEAR + cosine)
    x, y = width * (0.5 + right * _SHIFT), height * (0.5 + down * _SHIFT)
    matrix = (a, b, field.width / 2 - a * x - b * y, d, e, field.height / 2 - d * x - e * y)
    return field.transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST)


def _claim(folder: Path) -> None:
    """Make the folder if it is missing; LeukoliteError when something lies in it already."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with os.scandir(folder) as entries:
            first = next(entries, None)
    except OSError as error:
        raise _unwritable(folder, error) from error
    if first is not None:
        raise LeukoliteError(
            expected=f"an empty folder at {show(folder)}",
            found=f"one that holds {show(first.name)}",
            remedy="name another folder or remove this one",
        )


def _write_images(top: Path, *, settings: SmearSettings, advance: Callable[[], None]) -> Iterator[bytes]:
    """Write image after image, yielding the lines of groups.csv."""
    height, width = settings.image_height_px, settings.image_width_px
    yield (",".join(COLUMNS) + "\n").encode()
    for part, split in enumerate(SPLITS):
        for kind, label in enumerate(CLASSES):
            images, sources = settings.counts(split, label)
            numbers = _shuffled(images)
            for index in range(sources):
                # Each source has its own generator, so that it does not depend on the numbers of the others.
                rng = np.random.default_rng(np.random.SeedSequence(settings.seed, spawn_key=(part, kind, index)))
                field = render_field(label, height_px=height, width_px=width, rng=rng)
                field = field.resize((2 * width, 2 * height), Image.Resampling.BILINEAR)
                source = f"{split}_{label}_{index:04d}"
                for _ in range(images // sources + (index < images % sources)):
                    name = f"images/{split}/{label}/_{next(numbers)}_{rng.integers(10_000)}.jpeg"
                    _save(augment(field, enlarged=2, rng=rng), top / name, quality=settings.quality)
                    yield f"{name},{source},{source}\n".encode()
                    advance()


def _shuffled(count: int) -> Iterator[int]:
    """0 to count - 1, each once, in an order that tells little, without a list of them."""
    step = next(step for step in range(int(count * 0.618) + 1, 2 * count + 2) if math.gcd(step, count) == 1)
    return (index * step % count for index in range(count))


def _save(picture: Image.Image, path: Path, *, quality: int) -> None:
    """Write a JPEG."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.getbuffer())
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> LeukoliteError:
    """What to tell the user when a file or folder could not be written."""
    return LeukoliteError(
        expected=f"to be able to write {show(path)}",
        found=reason(error),
        remedy="free some space or choose a folder that you may write to",
    )
