"""The naive way to train: all images of a folder in one array, beside TensorFlow. Only its memory is of interest.

python -m benchmarks.naive DATA uint8|float32 HEIGHT WIDTH [--empty]
"""

import sys

import numpy as np

from edge_runtime.dataset import open_dataset
from edge_runtime.image import decode


def hold(data: str, dtype: str, *, height_px: int, width_px: int, empty: bool) -> int:
    """Decode all TRAIN images into an array as training would need it; returns their number. `empty` takes none."""
    import tensorflow  # noqa: F401 - what trains is part of the memory

    paths = [image.path for image in open_dataset(data, split="TRAIN").images] if not empty else []
    pixels = np.empty((len(paths), height_px, width_px, 3), dtype)
    for row, path in zip(pixels, paths, strict=True):
        row[:] = decode(path, height_px=height_px, width_px=width_px)
        if dtype == "float32":
            row /= 255
    return len(pixels)


if __name__ == "__main__":
    DATA, DTYPE, HEIGHT, WIDTH, *EMPTY = sys.argv[1:]
    hold(DATA, DTYPE, height_px=int(HEIGHT), width_px=int(WIDTH), empty=bool(EMPTY))
