"""Look more closely at a picture that shows much more of a smear than the fields that a network learned from.

Such a picture, fitted into a field, has its cells too small to be found or read; its file has the pixels.
"""

import math
from dataclasses import replace

from edge_runtime.image import Field, decode_field, resize
from edge_runtime.scale import red_cell_diameter
from edge_runtime.squares import coarsen

MOST_TIMES = 8
"""As large, in either direction, a field may become: cameras of 5 to 8 megapixels have no more to show."""

_MOST_PIXELS = 6_000_000  # of a field: what lies beside a long picture counts, too
_FINE = 4  # times as many squares as of a usual field, by which the ruler is read: more cost much and tell no more


def closer(content: bytes, field: Field, *, smaller: float | None, red_cell_px: float) -> tuple[Field, int]:
    """A field in which red cells are about as wide as they should be, and how many times as large it is.

    It becomes a whole number of times as large, at most MOST_TIMES and no more than the file has pixels for; the rest
    is left to the zoom of each crop (edge_runtime/magnification.py). 1, and the field as it is, where nothing is to be
    had by that. What was not told yet is told by the red cells alone, seen as finely as the file has them: in a
    coarser picture of small cells the ruler takes clumps for cells.

    Args:
        content: the bytes of the image file.
        field: what it was decoded to, at half of its size or less.
        smaller: how many times as small as they should be the field shows its cells; None where that is not told.
        red_cell_px: how wide red cells should be, in pixels of the field, above 0.
    """
    height, width = field.pixels.shape[:2]
    most = min(MOST_TIMES, int(1 / field.scale), math.isqrt(_MOST_PIXELS // (height * width)))
    if most < 2:
        return field, 1
    finest = field
    if smaller is None:
        finest = _times(content, field, most)
        # Of any size: what is seen so finely may be large.
        squares = replace(coarsen(finest.pixels, times=min(most, _FINE)), times=1)
        diameter = red_cell_diameter(squares)
        if diameter is None:
            return field, 1
        smaller = most * red_cell_px / diameter
    times = min(most, round(smaller))
    if times < 2:
        return field, 1
    if finest is field:
        return _times(content, field, times), times
    return replace(finest, pixels=resize(finest.pixels, height_px=times * height, width_px=times * width)), times


def _times(content: bytes, field: Field, times: int) -> Field:
    """The file decoded to a field so many times as large."""
    height, width = field.pixels.shape[:2]
    return decode_field(content, height_px=times * height, width_px=times * width)
