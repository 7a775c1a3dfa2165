"""A small network of ours as the peers read it, and a data set of plain colours for it."""

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from benchmarks.peers.entrants import Bundles
from convert.metadata import embed
from edge_runtime.card import attach
from edge_runtime.golden import golden_record
from edge_runtime.model import Model
from tests import tiny_model
from tests.train import tiny

COLORS = {"BLUE": (0, 0, 250), "DARK": (3, 3, 3), "GREEN": (0, 250, 0), "RED": (250, 0, 0)}


@pytest.fixture(scope="session")
def bundles(tmp_path_factory):
    """The colour classifier of both kinds, with the metadata that MediaPipe names classes by."""
    folder, paths = tmp_path_factory.mktemp("peers"), {}
    for variant in ("int8_ptq", "float32"):
        content = tiny_model.model_bytes(quantized=variant != "float32")
        golden = golden_record(Model(content))
        card = replace(tiny_model.CARD, variant=variant, golden=golden)
        (folder / variant).mkdir()
        paths[variant] = tiny_model.save(folder / variant / "model.tflite", attach(embed(content, card), card))
    return Bundles(paths["int8_ptq"], paths["float32"], None)


@pytest.fixture(scope="session")
def colored(tmp_path_factory):
    """TRAIN and TEST with two pictures of each class; the second GREEN of TEST is labelled RED."""
    root = tmp_path_factory.mktemp("colored")
    for split in ("TRAIN", "TEST"):
        for label, color in COLORS.items():
            for number in range(2):
                wrong = (split, label, number) == ("TEST", "GREEN", 1)
                path = root / split / ("RED" if wrong else label) / f"{label}{number}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.new("RGB", (32, 24), color).save(path)
    return root


@pytest.fixture(scope="session", autouse=True)
def settled():
    """TensorFlow computes as the tests of training want it, which may come later in this process."""
    tiny.settle()


@pytest.fixture(autouse=True)
def _environment():
    """What the commands tell TensorFlow is gone after each test."""
    with patch.dict(os.environ):
        yield


@pytest.fixture
def until():
    """Closes what a test opened."""
    with ExitStack() as stack:
        yield stack


def plain(color):
    """A picture of one colour as the colour classifier sees it."""
    return np.full((tiny_model.HEIGHT_PX, tiny_model.WIDTH_PX, 3), color, np.uint8)


@pytest.fixture(scope="session")
def shown() -> list:
    """One picture of each class, in their order."""
    return [plain(color) for color in COLORS.values()]


@pytest.fixture
def scratch(tmp_path) -> Path:
    """An empty folder."""
    return tmp_path
