"""Take the colour of the light out of a picture: another lamp or camera must not look like another stain.

Between the cells of every field is empty glass, so that no reference slide is needed.
"""

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.squares import Squares

WHITE = 220.0  # what empty glass becomes in each channel: bright, with room above it for what is brighter
_BLACK = 20.0  # mean of the channels; darker squares are fill beside the picture, or no light at all
_BRIGHTEST = 0.25  # of the squares are taken for glass: a crowded field has no more
DARKEST_GLASS = 60.0  # a channel darker than that is not made brighter any further, but for its noise

Color = npt.NDArray[np.float32]


def glass(squares: Squares) -> Color:
    """The colour of the empty glass in a field, float32 [3], RGB, 0 to 255; WHITE where all of it is black.

    It is the median, channel by channel, of the quarter of the field that is brightest in green, which every stain and
    every cell takes up.
    """
    means = squares.means[::2, ::2].reshape(-1, 3)  # glass is large: every fourth square tells as much
    lit = means[means.sum(axis=1) > 3 * _BLACK]
    if not len(lit):
        return np.full(3, WHITE, np.float32)
    count = max(1, round(_BRIGHTEST * len(lit)))
    # All that are as green as the last of them: which of equals np.argpartition takes depends on the processor.
    brightest = lit[lit[:, 1] >= np.partition(lit[:, 1], -count)[-count]]
    return np.asarray(np.median(brightest, axis=0), np.float32)


def balance(pixels: Pixels, glass_color: Color) -> Pixels:
    """Pixels of a field with that glass, uint8 of any shape [..., 3], each channel scaled so that glass is WHITE."""
    gains = WHITE / np.maximum(glass_color, DARKEST_GLASS)
    tables = np.arange(256, dtype=np.float32)[:, np.newaxis] * gains
    tables = np.minimum(np.rint(tables), 255).astype(np.uint8)
    return np.stack([tables[pixels[..., channel], channel] for channel in range(3)], axis=-1)
