"""Find the stained white cells in a field, without learning: their nuclei take up far more dye than all else.

Measured by `tests/edge_runtime/test_locate.py` on the annotated originals of the public set.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.squares import Squares, coarsen

_BRIGHTEST = 0.005  # of the field's squares: what the darkest nucleus covers at least
_HALFWAY = 0.5  # between the field's middle and its strongest stain: adapts to the dye and the exposure
_LEAST_STAIN = 0.2  # of the background's brightness above the field's middle: less is red cells, or an empty field
_LEAST_AREA = 0.01  # of the field; platelets are smaller
_LEAST_CUT_AREA = 0.004  # of the field, of a nucleus that its edge cuts


@dataclass(frozen=True)
class Cell:
    """A stained nucleus: its box in pixels of the picture, right and bottom excluded, and its share of the field."""

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
    side, stain, green = squares.side_px, squares.stain, squares.means[..., 1]
    count = max(1, round(_BRIGHTEST * stain.size))
    middle, strongest = _middle_and(stain, -count)
    brightness, _ = _middle_and(green, -1)
    above = max(_HALFWAY * (strongest - middle), _LEAST_STAIN * brightness)
    stained = stain > middle + above
    regions = _regions(stained)
    found = [region for region in regions if region[4] >= _LEAST_AREA] or [
        region for region in regions if region[4] >= _LEAST_CUT_AREA and _is_cut(region, stained.shape)
    ]
    cells = [
        Cell(left * side, top * side, right * side, bottom * side, area) for left, top, right, bottom, area in found
    ]
    return tuple(sorted(cells, key=lambda cell: -cell.area))


def _middle_and(values: npt.NDArray[np.float32], place: int) -> tuple[np.float32, np.float32]:
    """The median, and the value at a place from the end when all are sorted; at half of np.median's cost."""
    low, high = (values.size - 1) // 2, values.size // 2
    parted = np.partition(values.ravel(), [low, high, values.size + place])
    return parted[low : high + 1].mean(), parted[place]


def _is_cut(region: tuple[int, int, int, int, float], shape: tuple[int, ...]) -> bool:
    """Whether a region's box (left, top, right, bottom) touches the edge of a field of so many rows and columns."""
    left, top, right, bottom, _ = region
    return left == 0 or top == 0 or right == shape[1] or bottom == shape[0]


def _regions(stained: npt.NDArray[np.bool_]) -> list[tuple[int, int, int, int, float]]:
    """Regions of stained squares, gaps of two squares bridged: left, top, right, bottom, share of all squares."""
    height, width = stained.shape
    grown = np.zeros((height, width + 2), np.bool_)  # an empty column at both ends keeps the runs of rows apart
    inner = grown[:, 1:-1]
    inner |= stained
    inner[1:] |= stained[:-1]
    inner[:-1] |= stained[1:]
    inner[:, 1:] |= stained[:, :-1]
    inner[:, :-1] |= stained[:, 1:]
    edges = np.flatnonzero(np.diff(grown.ravel().view(np.int8))) + 1
    starts, ends = edges[::2].tolist(), edges[1::2].tolist()
    regions = []
    for runs in _connect(starts, ends, stride=width + 2):
        rows = [starts[run] // (width + 2) for run in runs]
        top, bottom = min(rows), max(rows) + 1
        own = np.zeros((bottom - top, width + 2), np.bool_)
        for run, row in zip(runs, rows, strict=True):
            first = row * (width + 2)
            own[row - top, starts[run] - first : ends[run] - first] = True
        ys, xs = np.nonzero(own[:, 1:-1] & stained[top:bottom])
        box = (int(xs.min()), top + int(ys.min()), int(xs.max()) + 1, top + int(ys.max()) + 1)
        regions.append((*box, len(xs) / stained.size))
    return regions


def _connect(starts: list[int], ends: list[int], *, stride: int) -> list[list[int]]:
    """Which runs of squares touch, also corner to corner: their indices, region by region.

    Runs are half-open ranges of a flat picture of `stride` squares a row, in order; none touches a row's end.
    """
    parent = list(range(len(starts)))

    def find(run: int) -> int:
        while parent[run] != run:
            parent[run] = parent[parent[run]]
            run = parent[run]
        return run

    above = 0
    for run, (start, end) in enumerate(zip(starts, ends, strict=True)):
        while above < run and ends[above] + stride < start:
            above += 1
        other = above
        while other < run and starts[other] + stride <= end:
            one, two = sorted((find(run), find(other)))
            parent[two] = one
            other += 1
    regions: dict[int, list[int]] = {}
    for run in range(len(starts)):
        regions.setdefault(find(run), []).append(run)
    return list(regions.values())
