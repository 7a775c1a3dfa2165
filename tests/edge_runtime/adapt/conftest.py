"""What the tests of adapting share: a bundle that takes green for red, and pictures that it is to be fitted to."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.__main__ import main
from tests import tiny_maxima, tiny_model
from tests.conftest import COLORS


@pytest.fixture
def base(request, tmp_path_factory):
    """The bundle; int8, unless a test asks for another variant."""
    folder, variant = tmp_path_factory.mktemp("base"), getattr(request, "param", "int8_ptq")
    return tiny_model.save(folder / "base.tflite", tiny_maxima.bundle_bytes(variant=variant))


@pytest.fixture(scope="session")
def pixels():
    """Makes a picture of a colour with a pattern of its own, no copy of any other: pixels("RED", 3)."""

    def make(color: str, number: int) -> np.ndarray:
        random = np.random.default_rng([*color.encode(), number])
        coarse = random.integers(0, 60, (6, 8, 3)).repeat(4, axis=0).repeat(4, axis=1)
        return np.clip(np.array(COLORS[color]) * 0.6 + coarse, 0, 255).astype(np.uint8)

    return make


@pytest.fixture
def cells(tmp_path: Path, pixels):
    """Writes labelled pictures, so many of each class: cells(6), cells(6, RED=3)."""

    def write(count: int, **others: int) -> Path:
        for color in COLORS:
            (tmp_path / "cells" / color).mkdir(parents=True)
            for number in range(others.get(color, count)):
                Image.fromarray(pixels(color, number)).save(tmp_path / "cells" / color / f"{number:02}.png")
        return tmp_path / "cells"

    return write


@pytest.fixture
def adapt(base, tmp_path, capsys):
    """Runs `leukolite adapt` on pictures: (status, stdout, stderr's lines); what it writes is `adapted.tflite`."""

    def call(data, *arguments, output=None):
        settings = ["-m", str(base), "--data", str(data), "-o", str(output or tmp_path / "adapted.tflite")]
        status = main(["adapt", *settings, *map(str, arguments)])
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    return call
