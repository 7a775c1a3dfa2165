"""A fixed picture and the model's answer to it: whether this device computes what the maker's machine did."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from edge_runtime.files import sha256
from edge_runtime.image import Pixels
from edge_runtime.model import Model


def golden_input(*, height_px: int, width_px: int) -> Pixels:
    """A fixed picture, uint8 [height_px, width_px, 3]: three waves and a hash-like grain, by integers alone."""
    count = height_px * width_px * 3
    position = np.arange(count, dtype=np.uint64)
    grain = (position * np.uint64(2654435761)) >> np.uint64(13)
    wave = position // np.uint64(3 * max(1, width_px // 16)) * np.uint64(29)
    return ((grain % np.uint64(61)) + wave % np.uint64(195)).astype(np.uint8).reshape(height_px, width_px, 3)


def golden_record(model: Model) -> dict[str, Any]:
    """What the card keeps: SHA-256 of the picture, and the raw output in the output tensor's own units."""
    picture = golden_input(height_px=model.height_px, width_px=model.width_px)
    return {"input_sha256": sha256(picture.tobytes()), "output": model.invoke(picture).tolist()}


def matches(record: Mapping[str, Any], model: Model, *, tolerance: float) -> bool:
    """Whether this model gives the recorded output here, each value within `tolerance` of the output's units."""
    found = golden_record(model)
    if found["input_sha256"] != record.get("input_sha256"):
        return False
    expected = np.asarray(record.get("output"), float)
    output = np.asarray(found["output"], float)
    return expected.shape == output.shape and bool((np.abs(expected - output) <= tolerance).all())
