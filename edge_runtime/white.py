"""Take the colour of the light out of a picture: another lamp or camera must not look like another stain.

Between the cells of every field is empty glass, so that no reference slide is needed.
"""

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.squares import Squares, median

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
    planes = squares.means[::2, ::2].transpose(2, 0, 1).reshape(3, -1)  # glass is large: every fourth tells as much
    red, green, blue = planes
    lit = red + green + blue > 3 * _BLACK
    if not lit.any():
        return np.full(3, WHITE, np.float32)
    if not lit.all():
        planes = planes[:, lit]
        green = planes[1]
    place = len(green) - max(1, round(_BRIGHTEST * len(green)))
    # All that are as green as the last of them: which of equals np.argpartition takes depends on the processor.
    return median(planes[:, green >= np.partition(green, place)[place]])


def balance(pixels: Pixels, glass_color: Color) -> Pixels:
    """Pixels of a field with that glass, uint8 [..., width, 3], each channel scaled so that glass is WHITE."""
    gains = WHITE / np.maximum(glass_color, DARKEST_GLASS)
    width = pixels.shape[-2]
    scaled = pixels.reshape(-1, 3 * width) * np.full((width, 3), gains).reshape(-1)  # long rows are fast
    np.minimum(np.rint(scaled, out=scaled), 255, out=scaled)
    balanced: Pixels = scaled.astype(np.uint8).reshape(pixels.shape)
    return balanced
