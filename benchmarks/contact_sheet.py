"""One picture of heat maps: a row an image, first the field and then what each model makes of it."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.explain import choose
from edge_runtime.classifier import Classifier
from edge_runtime.heatmap import draw
from edge_runtime.image import Pixels, decode, resize

WIDTH_PX, HEIGHT_PX = 200, 150  # of a tile
_QUALITY = 80
_GAP_PX = 4


def sheet(models: Sequence[Path], data: Path) -> bytes:
    """A JPEG with the first image of each class, by name, that `choose` gives: not picked for how it looks."""
    images = choose(data, per_class=1)
    classifiers = [Classifier(path).load(explaining=True) for path in models]
    rows = [
        [decode(image.path, height_px=HEIGHT_PX, width_px=WIDTH_PX)]
        + [_tile(draw(classifier.explain(image.path))) for classifier in classifiers]
        for image in images
    ]
    buffer = io.BytesIO()
    Image.fromarray(np.vstack([np.hstack([_framed(tile) for tile in row]) for row in rows])).save(
        buffer, "JPEG", quality=_QUALITY
    )
    return buffer.getvalue()


def _tile(pixels: Pixels) -> Pixels:
    """A picture at the size of a tile."""
    return resize(pixels, height_px=HEIGHT_PX, width_px=WIDTH_PX)


def _framed(tile: Pixels) -> Pixels:
    """White to the right of it and below."""
    return np.pad(tile, ((0, _GAP_PX), (0, _GAP_PX), (0, 0)), constant_values=255)
