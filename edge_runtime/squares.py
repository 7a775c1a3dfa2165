"""A picture in coarse squares, for what needs no more than that and must be fast."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.kept import kept
from edge_runtime.white import Color, glass

GRID = 60  # squares along the field's shorter side: fine enough for lobes of a nucleus, coarse enough to be fast
_DIM = 20.0  # mean of the channels; darker squares are fill beside the picture, or no light at all

Planes = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Squares:
    """The means of a picture's squares of `side_px` pixels, float32 [rows, columns, 3], RGB, 0 to 255.

    What is left at the right and the bottom is cut off. `times` is how many times as many there are along either side
    as of a usual field, of a picture that is looked at more closely: a cell covers no more of them than of that.
    What several ask for is worked out from these means when it is first asked for, and kept: threads that ask at once
    get the same.
    """

    means: npt.NDArray[np.float32]
    side_px: int
    times: int = 1

    @property
    def planes(self) -> Planes:
        """The means as `shrink` lays them out in memory, [3, rows, columns]."""
        return self.means.transpose(2, 0, 1)

    @kept
    def stain(self) -> npt.NDArray[np.float32]:
        """`stain_of` them, [rows, columns]."""
        return stain_of(self.planes)

    @kept
    def few(self) -> Planes:
        """Every second square of every second row, [3, n]: of what is large or frequent they tell as much."""
        return self.planes[:, ::2, ::2].reshape(3, -1)

    @kept
    def are_lit(self) -> npt.NDArray[np.bool_]:
        """Which of these few are neither fill beside the picture nor without any light, [n]."""
        red, green, blue = self.few
        lit: npt.NDArray[np.bool_] = red + green + blue > 3 * _DIM
        return lit

    @kept
    def lit(self) -> Planes:
        """The few that are, [3, lit ones]."""
        lit: Planes = self.few.compress(self.are_lit, axis=1)
        return lit

    @kept
    def glass(self) -> Color:
        """The colour of the empty glass in the field (edge_runtime/white.py)."""
        return glass(self.lit)

    @kept
    def red_cell_px(self) -> float | None:
        """The diameter of the field's red cells in pixels of the field; None where it cannot be told."""
        from edge_runtime.scale import red_cell_diameter  # here: most views need no Fourier transforms

        return red_cell_diameter(self)


def stain_of(colors: Planes) -> npt.NDArray[np.float32]:
    """0.5 (blue - red) + (blue - green) of [3, ...]: 0 for grey, below for red cells, high for a nucleus."""
    red, green, blue = colors
    stain: npt.NDArray[np.float32] = 1.5 * blue - 0.5 * red - green
    return stain


def coarsen(pixels: Pixels, *, times: int = 1) -> Squares:
    """A picture, uint8 [height, width, 3], in at least `times` GRID squares along its shorter side, where it can be."""
    side = max(1, min(pixels.shape[:2]) // (times * GRID))
    return Squares(shrink(pixels, side), side, times)


def shrink(pixels: Pixels, side: int) -> npt.NDArray[np.float32]:
    """The means of squares of `side` pixels, float32 [height // side, width // side, 3], 0 to 255.

    In memory it is a plane a channel, as those are looked at one by one.
    """
    rows, columns = pixels.shape[0] // side, pixels.shape[1] // side
    # Adding slices, rows first, is several times as fast as a mean over two short axes; 255 x 16 x 16 fits 16 bits.
    sums: type[np.unsignedinteger[Any]] = np.uint16 if side <= 16 else np.uint32
    whole = pixels[: rows * side, : columns * side]
    bands: npt.NDArray[np.unsignedinteger[Any]] = whole[::side].astype(sums)
    for row in range(1, side):
        bands += whole[row::side]
    # So is adding all neighbours, of which most are then left out, to adding every few of them. By twos while that
    # goes, two sums of two making one of four; by ones what is then left of `side`.
    runs, wide, more = bands.reshape(-1), 1, side
    while more % 2 == 0:
        runs = runs[: -3 * wide] + runs[3 * wide :]
        wide, more = 2 * wide, more // 2
    ones, runs = runs, runs[: max(0, runs.size - 3 * wide * (more - 1))]
    for number in range(1, more):
        runs = runs + ones[3 * wide * number :][: runs.size]
    planes = np.empty((3, rows, columns), np.float32)
    for channel, plane in enumerate(planes.reshape(3, -1)):
        plane[:] = runs[channel :: 3 * side]
    planes /= side * side
    return planes.transpose(1, 2, 0)
