"""How much larger a field shows its cells than the fields that a network learned from.

Measured by `tests/edge_runtime/test_magnification.py` on fields of the public set, at other magnifications.
"""

import math

from edge_runtime.locate import Cell
from edge_runtime.squares import Squares

# The width of a nucleus, the root of its area, in diameters of red cells: 2 % to 98 % of the source cells of the public
# set's TRAIN folder whose nucleus no edge of the field cuts.
LEAST_NUCLEUS, MOST_NUCLEUS = 0.80, 1.45

_GROSS = 1.5  # times beyond that range: what was measured was no red cells
NO_NUCLEUS = _GROSS * MOST_NUCLEUS
"""The width, in diameters of red cells, from which a stained region is a clump or a blot, and no nucleus."""

_STEPS = 16  # of an octave: answers that differ in their last bits give the same crop
_DEAD = 3  # steps to either side, up to 1.164 times, in which the crop stays as it is: the ruler is off by as much
_MOST = 21  # steps to either side, 2.48 times; cells in more need are no cells, or hopeless


def magnification(squares: Squares, cell: Cell, *, red_cell_px: float) -> float:
    """How many times as large a field shows its cells as fields whose red cells are `red_cell_px` wide: 0.40 to 2.48.

    It is told by the red cells, as far as the nucleus leaves it plausible: that is in every picture, but its width says
    no more than a range. Where red cells cannot be told, or contradict it grossly, as what lies around a cell in a crop
    of nothing else may, a nucleus within the range changes nothing, and one beyond is taken for one of middling width.

    The answer is exactly 1 in the dead zone, and else a whole number of steps: a field next to a step's limit, one in
    thousands, may still be cut otherwise by another build of numpy, whose Fourier transforms end in other bits.

    Args:
        squares: of the field.
        cell: its main one.
        red_cell_px: the diameter that `red_cell_diameter` gives for what the network learned from, in pixels of the
            field, above 0.
    """
    rows, columns = squares.means.shape[:2]
    nucleus = math.sqrt(cell.area * rows * columns) / squares.times * squares.side_px / red_cell_px
    smallest = nucleus / MOST_NUCLEUS
    # Of one that the edge cuts it is not known how small it makes the others.
    largest = math.inf if _is_cut(cell, squares) else nucleus / LEAST_NUCLEUS
    red_cells = squares.red_cell_px
    told = 0.0 if red_cells is None else red_cells / red_cell_px
    if not smallest / _GROSS <= told <= largest * _GROSS:
        told = 1.0 if smallest <= 1 <= largest else nucleus / math.sqrt(LEAST_NUCLEUS * MOST_NUCLEUS)
    steps = round(_STEPS * math.log2(min(max(told, smallest), largest)))
    return 1.0 if abs(steps) <= _DEAD else 2.0 ** (min(max(steps, -_MOST), _MOST) / _STEPS)


def _is_cut(cell: Cell, squares: Squares) -> bool:
    """Whether a cell's box touches the edge of the field."""
    bottom, right = (squares.side_px * count for count in squares.means.shape[:2])
    return cell.left_px == 0 or cell.top_px == 0 or cell.right_px == right or cell.bottom_px == bottom
