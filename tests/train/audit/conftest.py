"""What the tests of the audit share: drawn fields, and copies of them as the real set's maker made them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.image import Pixels
from train.drawing import render_field
from train.smears import augment

LABELS = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")


def draw_field(number: int) -> Image.Image:
    """A photograph, 640 x 480, of the class LABELS[number % 4]; the same for the same number."""
    rng = np.random.default_rng(number)
    field = render_field(LABELS[number % 4], height_px=240, width_px=320, rng=rng)
    return field.resize((640, 480), Image.Resampling.BICUBIC)


def draw_copy(number: int, copy: int) -> Image.Image:
    """A copy of a photograph, 320 x 240: turned, sheared, shifted, flipped."""
    return augment(draw_field(number), enlarged=2, rng=np.random.default_rng((number, copy)))


def pixels(picture: Image.Image) -> Pixels:
    """uint8 [240, 320, 3]."""
    return np.asarray(picture.resize((320, 240), Image.Resampling.BOX))


@pytest.fixture(scope="session")
def smear_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set in Kaggle's layout: eight photographs with labels.csv, and TRAIN and TEST of three copies of each.

    Photographs 0 to 5 are in TRAIN, 6 and 7 in TEST; number 8 has no copies.
    """
    root = tmp_path_factory.mktemp("audit") / "set"
    originals = root / "dataset-master/dataset-master"
    (originals / "JPEGImages").mkdir(parents=True)
    lines = [",Image,Category"]
    for number in range(9):
        draw_field(number).save(originals / "JPEGImages" / f"BloodImage_{number:05d}.jpg", quality=90)
        lines.append(f",{number},{LABELS[number % 4]}")
    (originals / "labels.csv").write_text("\n".join(lines) + "\n")
    for number in range(8):
        split = "TRAIN" if number < 6 else "TEST"
        folder = root / "dataset2-master/dataset2-master/images" / split / LABELS[number % 4]
        folder.mkdir(parents=True, exist_ok=True)
        for copy in range(3):
            draw_copy(number, copy).save(folder / f"_{number * 7 % 5}_{number}{copy}.jpeg", quality=90)
    return root


@pytest.fixture
def write_copy(tmp_path: Path) -> Callable[..., Path]:
    """Writes a copy of a photograph below tmp_path: write_copy("data/TRAIN/MONOCYTE/a.png", 2, copy=5)."""

    def write(name: str, number: int, *, copy: int = 0) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        draw_copy(number, copy).save(path)
        return path

    return write
