"""Give every picture the same stain: another laboratory's dyes must not look like other cells.

No reference slide is needed: red cells, which take up the acid dye, are in every field, and so is the nucleus that is
to be classified, which takes up the basic one. What both look like says how a field was stained.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.locate import Cell
from edge_runtime.ranks import median, ranked
from edge_runtime.squares import Squares
from edge_runtime.white import DARKEST_GLASS, WHITE, Color

# Densities (-ln of the share of the glass' light that is let through; red, green, blue) that red cells and nuclei get:
# the medians of the public set's TRAIN folder, of each source cell as much (tests/edge_runtime/test_stain.py).
RED_CELL = (0.120, 0.263, 0.187)
NUCLEUS = (0.364, 0.661, -0.059)

_HOLD = 0.03  # squared density by which a field's own colours are held to: two dyes do not tell about a third
_MOST = 4.0  # times a density; more is made of noise
_BLACK = 12  # levels; what is darker in every channel is fill, and stays black
_DARK = 1 / 20  # of the squares beside the cell: red cells are as dark as the lightest of these
_LEAST_CONTRAST = 0.05  # of the glass' green; less is no red cell

_STEPS = 512  # of a density by 1: a third of a level of brightness
_BITS = 20  # of the sum of a channel's three parts
_BIAS = 1 << 14  # keeps each part above 0
_ONE_SUM = (1 << _BITS) - 1
_EACH = 1 + (1 << _BITS) + (1 << 2 * _BITS)  # times a number: that number for each channel
_LARGEST = ((3 << 15) - 1) * _EACH  # sums of each channel that look black

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Dyes:
    """The densities of a field's red cells and of its main nucleus, float64 [3]; `red_cell` None where it has none."""

    red_cell: Matrix | None
    nucleus: Matrix


def dyes(squares: Squares, cell: Cell) -> Dyes:
    """How a field is stained.

    Args:
        squares: of the field.
        cell: its main one.
    """
    side, clear = squares.side_px, float(squares.glass[1])
    inside = np.s_[cell.top_px // side : cell.bottom_px // side, cell.left_px // side : cell.right_px // side]
    stain = squares.stain[inside].ravel()
    stained = stain >= (stain.min() + stain.max()) / 2
    nucleus = median(squares.planes[:, *inside].reshape(3, -1).compress(stained, axis=1))
    beside = np.ones(squares.stain.shape, np.bool_)
    beside[inside] = False
    others = squares.few.compress(beside[::2, ::2].ravel() & squares.are_lit, axis=1)
    green = others[1]
    dark = ranked(green, int(_DARK * len(green))) if len(green) else clear
    if clear - dark < _LEAST_CONTRAST * clear:
        return Dyes(None, _density(nucleus, squares.glass))
    red_cell = median(others.compress(green <= (clear + dark) / 2, axis=1))
    return Dyes(*_density(np.stack([red_cell, nucleus]), squares.glass))


def normalization(found: Dyes) -> Matrix:
    """The matrix that a row of densities is multiplied by, so that red cells and nuclei get theirs, float64 [3, 3].

    Like Macenko et al. 2009 (doi:10.1109/ISBI.2009.5193250) it takes one pair of dyes for another in the space of
    densities, but the pair is looked up where it is known to be, and other colours are kept as far as that lets them:
    the least |D M - D0|^2 + _HOLD |M - I|^2, for D the densities found and D0 those wanted, a row each. That is
    M = I + D^T (D D^T + _HOLD I)^-1 (D0 - D), with two rows and in plain numbers the same on every processor.
    """
    nothing = (0.0, 0.0, 0.0)  # a row that changes nothing
    red, wanted_red = (nothing, nothing) if found.red_cell is None else (found.red_cell.tolist(), RED_CELL)
    nucleus, wanted_nucleus = found.nucleus.tolist(), NUCLEUS
    rr, rn, nn = _HOLD + _dot(red, red), _dot(red, nucleus), _HOLD + _dot(nucleus, nucleus)
    determinant = rr * nn - rn * rn
    columns = []
    for channel in range(3):
        off, nucleus_off = wanted_red[channel] - red[channel], wanted_nucleus[channel] - nucleus[channel]
        of_red, of_nucleus = (nn * off - rn * nucleus_off) / determinant, (rr * nucleus_off - rn * off) / determinant
        column = [of_red * one + of_nucleus * other for one, other in zip(red, nucleus, strict=True)]
        column[channel] += 1
        columns.append([min(max(value, -_MOST), _MOST) for value in column])
    return np.array(columns, np.float64).T


def _dot(one: Sequence[float], other: Sequence[float]) -> float:
    """The scalar product of three numbers each."""
    return one[0] * other[0] + one[1] * other[1] + one[2] * other[2]


def normalize(pixels: Pixels, matrix: Matrix, *, glass: Color) -> Pixels:
    """Pixels of a field with that glass, uint8 of any shape [..., 3], stained anew; glass becomes WHITE.

    All in whole numbers, so that every processor gives the same: each channel's part in the densities of all three is
    looked up, as one number of 3 x 20 bits, and so is what their sum looks like.
    """
    parts = _parts(matrix, glass)  # none is beyond its table, so that numpy need not look: "wrap" is fastest
    sums = parts[0].take(pixels[..., 0], mode="wrap")
    for channel in (1, 2):
        sums += parts[channel].take(pixels[..., channel], mode="wrap")
    sums[sums >= 3 << 3 * _BITS] = _LARGEST
    look, seen = _look(), np.empty(pixels.shape, np.uint8)
    for channel in range(3):
        seen[..., channel] = look.take(sums & _ONE_SUM, mode="wrap")
        sums >>= _BITS
    return seen


def _density(color: Color, glass: Color) -> Matrix:
    """Densities of levels, float64, above those of the glass, which are broadcast against them."""
    clear = np.maximum(glass, DARKEST_GLASS).astype(np.float64)
    levels = np.minimum(color * (WHITE / clear), 255)  # as the white balance has them
    density: Matrix = -np.log(np.maximum(levels, 1) / WHITE)
    return density


def _parts(matrix: Matrix, glass: Color) -> npt.NDArray[np.int64]:
    """What each level of each channel adds to all densities, int64 [3, 256]; bit 60 counts the black ones."""
    density = _density(np.arange(256, dtype=np.float32), glass[:, np.newaxis])
    steps = _STEPS * density[:, np.newaxis] * matrix[:, :, np.newaxis]
    red, green, blue = np.rint(steps, out=steps).astype(np.int64).transpose(1, 0, 2)
    packed: npt.NDArray[np.int64] = red + (green << _BITS) + (blue << 2 * _BITS) + _BIAS * _EACH
    packed[:, :_BLACK] += 1 << 3 * _BITS
    return packed


@functools.cache
def _look() -> npt.NDArray[np.uint8]:
    """The level of each sum of parts, uint8."""
    density = (np.arange(3 << 15) - 3 * _BIAS) / _STEPS
    return np.minimum(np.rint(WHITE * np.exp(-np.maximum(density, -1))), 255).astype(np.uint8)
