"""A made-up photograph, for measuring where there is no data set."""

import io

import numpy as np
from PIL import Image

WIDTH_PX, HEIGHT_PX = 320, 240  # the size of the data set's own images

_SEED = 20_240_501
_RED_CELLS = 40
_NUCLEUS_PX = 22  # its radius


def sample_jpeg() -> bytes:
    """A field of red cells with one stained nucleus, whose JPEG weighs about what a real one does (8.5 kB).

    The pixels are always the same; the bytes are as this Pillow writes them.
    """
    random = np.random.default_rng(_SEED)
    rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    pixels = np.full((HEIGHT_PX, WIDTH_PX, 3), (220.0, 200.0, 205.0))
    for _ in range(_RED_CELLS):
        row, column, radius = random.uniform(0, HEIGHT_PX), random.uniform(0, WIDTH_PX), random.uniform(15, 25)
        distance = np.hypot(rows - row, columns - column)[..., np.newaxis]
        pixels -= np.clip(radius - distance, 0, 1) * (10, 45, 35)
    distance = np.hypot(rows - HEIGHT_PX / 2, columns - WIDTH_PX / 2)[..., np.newaxis]
    inside = np.clip(_NUCLEUS_PX - distance, 0, 1)
    pixels += inside * ((105.0, 60.0, 150.0) - pixels)
    pixels += random.normal(0, 3, (HEIGHT_PX, WIDTH_PX, 1))
    buffer = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=75)
    return buffer.getvalue()
