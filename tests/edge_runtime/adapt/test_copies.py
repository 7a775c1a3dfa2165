"""Copies are found however they were turned, scaled and saved; other pictures of the same kind are none."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.adapt.copies import find_copies
from edge_runtime.dataset import open_dataset
from edge_runtime.groups import read_groups
from edge_runtime.image import decode


def cell(number: int) -> np.ndarray:
    """A dark disc in a bright, grainy field: coarsely, all of them are alike."""
    random = np.random.default_rng(number)
    rows, columns = np.mgrid[:120, :160]
    disc = (rows - 60) ** 2 + (columns - 80) ** 2 < 900
    grain = random.integers(0, 60, (30, 40)).repeat(4, axis=0).repeat(4, axis=1)
    return np.repeat((200 - 120 * disc - grain)[..., np.newaxis], 3, axis=2).astype(np.uint8)


def saved(pixels: np.ndarray) -> np.ndarray:
    """Half as large again, as a JPEG of poor quality."""
    stream = io.BytesIO()
    picture = Image.fromarray(pixels)
    picture.resize((picture.width * 3 // 2, picture.height * 3 // 2)).save(stream, "JPEG", quality=40)
    return np.asarray(Image.open(stream))


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("turns", range(4))
def test_a_copy_is_found(turns, mirrored):
    pictures = [cell(0), cell(1), cell(2)]
    own = pictures[1][:, ::-1] if mirrored else pictures[1]
    assert find_copies([*pictures, saved(np.ascontiguousarray(np.rot90(own, turns)))]).tolist() == [0, 1, 2, 1]


def test_copies_of_copies_are_of_the_first():
    assert find_copies([cell(0), cell(1), saved(cell(0)), cell(0)]).tolist() == [0, 1, 0, 0]


def test_other_cells_and_pictures_without_contrast_are_no_copies():
    plain = np.full((120, 160, 3), 128, np.uint8)
    assert find_copies([cell(number) for number in range(20)]).tolist() == list(range(20))
    assert find_copies([plain, plain]).tolist() == [0, 1]
    assert find_copies([]).tolist() == []


def test_of_real_photographs_those_of_one_source_are_found(data_root):
    images = open_dataset(data_root, split="TEST_SIMPLE").images
    first = find_copies([decode(image.path, height_px=120, width_px=160) for image in images])
    found = [(number, int(original)) for number, original in enumerate(first) if number != original]
    groups = read_groups(Path(__file__).parents[3] / "train" / "facts" / "blood-cells-groups.csv")
    sources = [origin.source for origin in groups.assign(images)]
    assert [sources[one] for one, _ in found] == [sources[other] for _, other in found]
    assert len(images) - len(found) == len(set(sources))  # and none is missed
