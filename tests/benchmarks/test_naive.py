import sys
from types import ModuleType

import numpy as np
import pytest

from benchmarks import naive
from edge_runtime.image import decode


@pytest.fixture
def held(monkeypatch):
    """What `hold` keeps: its array is looked at when it is made; TensorFlow is not needed to fill it."""
    found, empty = [], np.empty

    def look(*arguments, **options):
        found.append(empty(*arguments, **options))
        return found[-1]

    monkeypatch.setattr(naive.np, "empty", look)
    monkeypatch.setitem(sys.modules, "tensorflow", ModuleType("tensorflow"))
    return found


@pytest.mark.parametrize(("dtype", "scale"), [("uint8", 1), ("float32", 255)])
def test_array_holds_every_training_image_as_decoded(picture, held, tmp_path, dtype, scale):
    paths = [picture(f"data/TRAIN/{name}") for name in ("BLUE/1.png", "GREEN/2.png", "RED/3.png")]
    picture("data/TEST/RED/4.png")
    assert naive.hold(str(tmp_path / "data"), dtype, height_px=6, width_px=8, empty=False) == 3
    (pixels,) = held
    assert (pixels.dtype, pixels.shape) == (dtype, (3, 6, 8, 3))
    wanted = np.stack([decode(path, height_px=6, width_px=8) for path in paths])
    np.testing.assert_allclose(pixels * scale, wanted, rtol=1e-6)  # a division and a product round once each


def test_empty_holds_none(picture, held, tmp_path):
    picture("data/TRAIN/RED/1.png")
    assert naive.hold(str(tmp_path / "data"), "uint8", height_px=6, width_px=8, empty=True) == 0
    assert held[0].nbytes == 0
