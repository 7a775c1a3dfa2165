"""Another camera: its noise, its resolution, and how hard it compresses."""

import io

import numpy as np
from PIL import Image

from benchmarks.shifts.colour import to_pixels
from edge_runtime.image import Pixels, decode, resize


def add_noise(pixels: Pixels, *, deviation: float, random: np.random.Generator) -> Pixels:
    """Gaussian noise of that standard deviation, in levels of 255, drawn for each value by itself.

    Args:
        pixels: uint8 [height, width, 3], RGB; so is what is returned, here and below.
    """
    return to_pixels(pixels + np.float32(deviation) * random.standard_normal(pixels.shape, np.float32))


def compress(pixels: Pixels, *, quality: float) -> Pixels:
    """As a JPEG of that quality on libjpeg's scale, 1 to 100, with colours at half the resolution."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=round(quality), subsampling="4:2:0")
    return decode(buffer.getvalue(), height_px=pixels.shape[0], width_px=pixels.shape[1])


def coarsen(pixels: Pixels, *, times: float) -> Pixels:
    """Taken with pixels so many times as wide, and scaled up again."""
    height, width = pixels.shape[:2]
    few = resize(pixels, height_px=max(1, round(height / times)), width_px=max(1, round(width / times)))
    return resize(few, height_px=height, width_px=width)
