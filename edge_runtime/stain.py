"""Give every picture the same stain: another laboratory's dyes must not look like other cells.

No reference slide is needed: red cells, which take up the acid dye, are in every field, and so is the nucleus that is
to be classified, which takes up the basic one. What both look like says how a field was stained.
"""

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.locate import Cell
from edge_runtime.squares import Squares, median
from edge_runtime.white import DARKEST_GLASS, WHITE, Color

# Densities (-ln of the share of the glass' light that is let through; red, green, blue) that red cells and nuclei get:
# the medians of the public set's TRAIN folder, of each source cell as much (tests/edge_runtime/test_stain.py).
RED_CELL = (0.120, 0.263, 0.187)
NUCLEUS = (0.364, 0.661, -0.059)

_HOLD = 0.03  # squared density by which a field's own colours are held to: two dyes do not tell about a third
_MOST = 4.0  # times a density; more is made of noise
_DIM = 20.0  # mean of the channels; darker squares are fill beside the picture
_BLACK = 12  # levels; what is darker in every channel is fill, and stays black
_DARK = 1 / 20  # of the squares beside the cell: red cells are as dark as the lightest of these
_LEAST_CONTRAST = 0.05  # of the glass' green; less is no red cell

_STEPS = 512  # of a density by 1: a third of a level of brightness
_BITS = 20  # of the sum of a channel's three parts
_BIAS = 1 << 14  # keeps each part above 0

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Dyes:
    """The densities of a field's red cells and of its main nucleus, float64 [3]; `red_cell` None where it has none."""

    red_cell: Matrix | None
    nucleus: Matrix


def dyes(squares: Squares, cell: Cell, *, glass: Color) -> Dyes:
    """How a field is stained.

    Args:
        squares: of the field.
        cell: its main one.
        glass: the colour of its empty glass, float32 [3], 0 to 255.
    """
    side, planes = squares.side_px, squares.means.transpose(2, 0, 1)  # as they lie in memory
    inside = np.s_[cell.top_px // side : cell.bottom_px // side, cell.left_px // side : cell.right_px // side]
    stain = Squares(squares.means[inside], side).stain
    nucleus = median(planes[:, *inside][:, stain >= (stain.min() + stain.max()) / 2])
    beside = np.ones(planes.shape[1:], np.bool_)
    beside[inside] = False
    others = planes[:, ::2, ::2][:, beside[::2, ::2]]  # red cells are many: every fourth square tells as much
    others = others[:, others[0] + others[1] + others[2] > 3 * _DIM]
    green, clear = others[1], float(glass[1])
    dark = float(np.partition(green, place := int(_DARK * len(green)))[place]) if len(green) else clear
    if clear - dark < _LEAST_CONTRAST * clear:
        return Dyes(None, _density(nucleus, glass))
    return Dyes(_density(median(others[:, green <= (clear + dark) / 2]), glass), _density(nucleus, glass))


def normalization(found: Dyes) -> Matrix:
    """The matrix that a row of densities is multiplied by, so that red cells and nuclei get theirs, float64 [3, 3].

    Like Macenko et al. 2009 (doi:10.1109/ISBI.2009.5193250) it takes one pair of dyes for another in the space of
    densities, but the pair is looked up where it is known to be, and other colours are kept as far as that lets them:
    the least |D M - D0|^2 + _HOLD |M - I|^2, for D the densities found and D0 those wanted, a row each.
    """
    pairs = [(found.nucleus, NUCLEUS)] if found.red_cell is None else []
    if found.red_cell is not None:
        pairs = [(found.red_cell, RED_CELL), (found.nucleus, NUCLEUS)]
    have, want = (np.array(rows, np.float64) for rows in zip(*pairs, strict=True))
    held = _HOLD * np.eye(3)
    matrix = np.linalg.solve(have.T @ have + held, have.T @ want + held)
    return np.asarray(matrix.clip(-_MOST, _MOST), np.float64)


def normalize(pixels: Pixels, matrix: Matrix, *, glass: Color) -> Pixels:
    """Pixels of a field with that glass, uint8 of any shape [..., 3], stained anew; glass becomes WHITE.

    All in whole numbers, so that every processor gives the same: each channel's part in the densities of all three is
    looked up, as one number of 3 x 20 bits, and so is what their sum looks like.
    """
    parts = _parts(matrix, glass)
    red, green, blue = (np.take(parts[channel], pixels[..., channel]) for channel in range(3))
    sums = red + green + blue
    look, seen = _look(), np.empty(pixels.shape, np.uint8)
    for channel in range(3):
        np.take(look, (sums >> (_BITS * channel)) & ((1 << _BITS) - 1), out=seen[..., channel], mode="clip")
    seen[sums >> (3 * _BITS) == 3] = 0
    return seen


def _density(color: Color, glass: Color) -> Matrix:
    """Densities of levels, float64 [..., 3], above those of the glass."""
    clear = np.maximum(glass, DARKEST_GLASS).astype(np.float64)
    levels = np.minimum(color * (WHITE / clear), 255)  # as the white balance has them
    density: Matrix = -np.log(np.maximum(levels, 1) / WHITE)
    return density


def _parts(matrix: Matrix, glass: Color) -> npt.NDArray[np.int64]:
    """What each level of each channel adds to all densities, int64 [3, 256]; bit 60 counts the black ones."""
    levels = np.arange(256, dtype=np.float32)
    density = _density(np.repeat(levels[:, np.newaxis], 3, axis=1), glass)
    steps = np.rint(_STEPS * density.T[..., np.newaxis] * matrix[:, np.newaxis]).astype(np.int64) + _BIAS
    packed = steps @ (1 << _BITS * np.arange(3, dtype=np.int64))
    packed[:, :_BLACK] += 1 << 3 * _BITS
    return np.asarray(packed, np.int64)


@functools.cache
def _look() -> npt.NDArray[np.uint8]:
    """The level of each sum of parts, uint8."""
    density = (np.arange(3 << 15) - 3 * _BIAS) / _STEPS
    return np.minimum(np.rint(WHITE * np.exp(-np.maximum(density, -1))), 255).astype(np.uint8)
