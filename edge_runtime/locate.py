"""Find the stained white cells in a field, without learning: their nuclei take up far more dye than all else.

Measured by `tests/edge_runtime/test_locate.py` on the annotated originals of the public set.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.ranks import median, median_and_ranked
from edge_runtime.squares import Squares, coarsen

_BRIGHTEST = 0.005  # of a usual field's squares: what the darkest nucleus covers at least
_HALFWAY = np.float32(0.5)  # between the field's middle and its strongest stain: adapts to the dye and the exposure
_LEAST_STAIN = np.float32(0.2)  # of the glass's brightness above the field's middle: less is red cells, or nothing
_FULL = np.float32(255)  # no picture is brighter
LEAST_AREA = 0.01  # of a usual field; platelets are smaller
_LEAST_CUT_AREA = 0.004  # of a usual field, of a nucleus that its edge cuts
_MARGIN = 2  # empty columns beside the squares: one to grow into, one that keeps the runs of rows apart


@dataclass(frozen=True)
class Cell:
    """A stained nucleus: its box in pixels of the field, right and bottom excluded, and its share of a usual field.

    An area below LEAST_AREA has one that is told from a platelet only because the edge of the field cuts it.
    """

    left_px: int
    top_px: int
    right_px: int
    bottom_px: int
    area: float


def locate(pixels: Pixels, *, squares: Squares | None = None) -> tuple[Cell, ...]:
    """The stained cells of a field, the largest first; nothing where there is none.

    Where no nucleus is whole enough to be told from a platelet by its size, one that the edge of the field cuts is.

    Args:
        pixels: uint8 [height, width, 3], RGB, at least 60 x 60.
        squares: what `coarsen` makes of them, by whom has it.
    """
    squares = squares or coarsen(pixels)
    side, stain = squares.side_px, squares.stain
    usual = stain.size / squares.times**2  # squares of a usual field
    middle, strongest = median_and_ranked(stain, stain.size - max(1, round(_BRIGHTEST * usual)))
    above = _HALFWAY * (strongest - middle)
    if above < _LEAST_STAIN * _FULL:  # else no brightness could ask for more
        above = max(above, _LEAST_STAIN * np.float32(median(squares.planes[1].ravel())))
    regions = _regions(stain > middle + above, usual=usual)
    found = [region for region in regions if region[4] >= LEAST_AREA] or [
        region for region in regions if region[4] >= _LEAST_CUT_AREA and _is_cut(region, stain.shape)
    ]
    cells = [
        Cell(left * side, top * side, right * side, bottom * side, area) for left, top, right, bottom, area in found
    ]
    return tuple(sorted(cells, key=lambda cell: -cell.area))


def _is_cut(region: tuple[int, int, int, int, float], shape: tuple[int, ...]) -> bool:
    """Whether a region's box (left, top, right, bottom) touches the edge of a field of so many rows and columns."""
    left, top, right, bottom, _ = region
    return left == 0 or top == 0 or right == shape[1] or bottom == shape[0]


def _regions(stained: npt.NDArray[np.bool_], *, usual: float) -> list[tuple[int, int, int, int, float]]:
    """Regions of stained squares, gaps of two squares bridged: left, top, right, bottom, share of a usual field's."""
    height, width = stained.shape
    stride = width + 2 * _MARGIN
    padded = np.zeros((height, stride), np.bool_)
    padded[:, _MARGIN:-_MARGIN] = stained
    flat = padded.reshape(-1)
    grown = flat.copy()
    for step in (1, stride):
        grown[step:] |= flat[:-step]
        grown[:-step] |= flat[step:]
    edges = (grown[1:] != grown[:-1]).nonzero()[0] + 1
    bounds: list[int] = edges.tolist()
    before: list[int] = flat.nonzero()[0].searchsorted(edges).tolist()  # how many are stained before each of them
    starts, ends = bounds[::2], bounds[1::2]
    counts = [after - until for until, after in zip(before[::2], before[1::2], strict=True)]
    regions = []
    for runs in _connect(starts, ends, stride=stride):
        # What has grown sideways is one square wider at both ends than what is stained; runs without any only bridge.
        left = min(starts[run] % stride for run in runs) + 1 - _MARGIN
        right = max(ends[run] % stride for run in runs) - 1 - _MARGIN
        rows = [starts[run] // stride for run in runs if counts[run]]
        regions.append((left, rows[0], right, rows[-1] + 1, sum(counts[run] for run in runs) / usual))
    return regions


def _connect(starts: list[int], ends: list[int], *, stride: int) -> list[list[int]]:
    """Which runs of squares touch, also corner to corner: their indices, region by region.

    Runs are half-open ranges of a flat picture of `stride` squares a row, in order; none touches a row's end.
    """
    region_of: list[list[int]] = []
    above = 0
    for run, start in enumerate(starts):
        while above < run and ends[above] + stride < start:
            above += 1
        own: list[int] = []
        other, last = above, ends[run] - stride
        while other < run and starts[other] <= last:
            touched = region_of[other]
            if not own or own is touched:
                own = touched
            else:
                own, touched = sorted((own, touched))
                own[:] = sorted(own + touched)
                for each in touched:
                    region_of[each] = own
            other += 1
        own.append(run)
        region_of.append(own)
    return [region for run, region in enumerate(region_of) if region[0] == run]
