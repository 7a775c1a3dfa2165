"""Take the colour of the light out of a picture: another lamp or camera must not look like another stain.

Between the cells of every field is empty glass, so that no reference slide is needed.
"""

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.ranks import highest, median

WHITE = 220.0  # what empty glass becomes in each channel: bright, with room above it for what is brighter
_BRIGHTEST = 0.25  # of the squares are taken for glass: a crowded field has no more
DARKEST_GLASS = 60.0  # a channel darker than that is not made brighter any further, but for its noise

Color = npt.NDArray[np.float32]


def glass(lit: npt.NDArray[np.float32]) -> Color:
    """The colour of the empty glass in a field, float32 [3], RGB, 0 to 255; WHITE where all of it is black.

    It is the median, channel by channel, of the quarter of the field that is brightest in green, which every stain and
    every cell takes up.

    Args:
        lit: the field's squares that are not black, float32 [3, n], as `Squares.lit` has them.
    """
    green = lit[1]
    if not len(green):
        return np.full(3, WHITE, np.float32)
    # All that are as green as the last of them: which of equals np.argpartition takes depends on the processor.
    return median(lit.compress(green >= highest(green, _BRIGHTEST), axis=1))


def balance(pixels: Pixels, glass_color: Color) -> Pixels:
    """Pixels of a field with that glass, uint8 [..., width, 3], each channel scaled so that glass is WHITE."""
    gains = WHITE / np.maximum(glass_color, DARKEST_GLASS)
    width = pixels.shape[-2]
    scaled = pixels.reshape(-1, 3 * width) * np.full((width, 3), gains).reshape(-1)  # long rows are fast
    np.minimum(np.rint(scaled, out=scaled), 255, out=scaled)
    balanced: Pixels = scaled.astype(np.uint8).reshape(pixels.shape)
    return balanced
