"""Is a picture one that an answer can be had from? Light, colours, stain and focus, seen in coarse squares.

A network names a class whatever it is shown. What no smear under a microscope can be is refused, with a reason; where
there is doubt the picture passes, since other laboratories' stains, lamps and magnifications must.
Each limit is far outside of what TRAIN shows; `python -m benchmarks refusals` measures how many of its pictures, of
their degradations and of other things are refused (docs/refusals.md).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.ranks import highest, ranked
from edge_runtime.squares import Squares, stain_of

UNDEREXPOSED = "underexposed: the glass between the cells is dark"
OVEREXPOSED = "overexposed: most of the picture is blown out"
NO_SMEAR = "no stained smear: colours that no stain gives in transmitted light"
NO_CELL = "no stained cell in the picture"
BLURRED = "out of focus"
COMPLAINTS = (UNDEREXPOSED, OVEREXPOSED, NO_SMEAR, NO_CELL, BLURRED)

_BLACK = 20.0  # of green; what is darker is fill beside the picture, to which there is no edge
_LEAST_LIT = 0.02  # of the squares: less is no picture
_WHITE_OUT = 250.0  # in every channel: the sensor can tell no more
_STAINED = 0.2  # of the glass, as in `locate`: above that a square is stained
_MOST_STAINED = 0.01  # of a usual field's squares are looked at for stain: platelets cover less, a cut nucleus more
_EDGES = 0.002  # of a usual field's steps between neighbouring squares are edges: half of a lone nucleus has as many
_DARK, _BRIGHT = 0.01, 0.95  # quantiles of green that contrast is between
_LEAST_CONTRAST = 8.0  # grey levels; less is noise, of which no edges are measured

Values = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Limits:
    """What a picture must keep to; a card may hold others. All colours are relative to the field's glass.

    least_glass: grey level of the brightest channel of the glass; TRAIN has 196 and more. No laboratory means darker.
    least_grey: of that channel, the darkest one: no lamp for microscopes is so coloured.
    most_white_out, most_white_out_stain: of the lit squares, and the stain of the most stained hundredth: where both
        are crossed, what should be dark is washed out too. White glass alone is usual elsewhere.
    least_stain: 1.5 blue - 0.5 red - green of the most stained hundredth; fields of red cells alone have 0.1 to 0.22,
        TRAIN 0.5 and more but for pictures that a cell was shifted out of.
    brighter, most_brighter: stain and cells only take light away, so that no more than that share of the squares can
        be so many times as bright as glass in a channel.
    least_violet: of the stained squares, that take up as much green as red, by `violet_margin`. Blood's stains give
        violet; in the blue of sky or paper red is missing.
    least_edge, least_edge_of_cell: the steepest steps between squares, of the contrast, and that times the square root
        of the stained share, which is the same at any magnification. Below both, edges are wider than is told of any
        cell: a large cell has soft edges in squares, but not for its size.
    """

    least_glass: float = 100.0
    least_grey: float = 0.25
    most_white_out: float = 0.75
    most_white_out_stain: float = 0.45
    least_stain: float = 0.22
    brighter: float = 1.3
    most_brighter: float = 0.10
    violet_margin: float = 0.08
    least_violet: float = 0.03
    least_edge: float = 0.28
    least_edge_of_cell: float = 0.072

    @classmethod
    def from_json(cls, values: Any) -> "Limits":
        """Read what a card holds, names to numbers; ValueError or TypeError for anything else."""
        if not isinstance(values, Mapping):
            raise ValueError(f"limits of pictures {str(values)[:40]!r}, no object")
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ValueError(f"limits of pictures {unknown}")
        limits = cls(**{name: float(value) for name, value in values.items()})
        if not all(np.isfinite(value) for value in asdict(limits).values()):
            raise ValueError("limits of pictures that are no numbers")
        return limits


def complaint(squares: Squares, limits: Limits) -> str | None:
    """Why a picture can have no answer, one of COMPLAINTS; None where it can.

    Args:
        squares: of the whole field.
        limits: the model's.
    """
    lit, glass, usual = squares.lit, squares.glass, squares.times**2
    darkest, brightest = float(glass.min()), float(glass.max())
    if lit.shape[1] < _LEAST_LIT * squares.few.shape[1] or brightest < limits.least_glass:
        return UNDEREXPOSED
    if darkest < limits.least_grey * brightest:
        return NO_SMEAR
    relative = lit / glass[:, np.newaxis]
    stain = stain_of(relative)
    strongest = highest(stain, _MOST_STAINED / usual)
    if strongest < limits.most_white_out_stain and _share(lit.min(axis=0) >= _WHITE_OUT) > limits.most_white_out:
        return OVEREXPOSED
    if _share(relative.max(axis=0) > limits.brighter) > limits.most_brighter:
        return NO_SMEAR
    if strongest < limits.least_stain:
        return NO_CELL
    stained = stain > _STAINED
    red, green, _ = relative.compress(stained, axis=1)
    if _share(red > green - limits.violet_margin) < limits.least_violet:
        return NO_SMEAR
    edge = _edge(squares.planes[1], lit[1], share=_EDGES / usual, enough=limits.least_edge)
    soft = edge < limits.least_edge and edge * np.sqrt(_share(stained)) < limits.least_edge_of_cell
    return BLURRED if soft else None


def _edge(green: Values, lit: Values, *, share: float, enough: float) -> float:
    """The steepest steps in green, [rows, columns], from a square to the next, of the contrast of the lit ones.

    Every second row and column is looked at; where the rows alone have `enough`, as in most pictures, these only: the
    columns could but add to it. Fill has no edges.
    """
    contrast = max(highest(lit, 1 - _BRIGHT) - highest(lit, 1 - _DARK), _LEAST_CONTRAST)
    dim = green <= _BLACK
    across = _steps(green[::2, :-1], green[::2, 1:], dim[::2, :-1] | dim[::2, 1:])
    count = max(1, round(share * (across.size + green[1:, ::2].size)))
    if count <= across.size and (edge := ranked(across, across.size - count) / contrast) >= enough:
        return edge
    down = _steps(green[:-1, ::2], green[1:, ::2], dim[:-1, ::2] | dim[1:, ::2])
    steps = np.concatenate([across, down])
    return ranked(steps, steps.size - count) / contrast


def _steps(before: Values, after: Values, dim: npt.NDArray[np.bool_]) -> Values:
    """From squares to those after them, flat; none where either is dim."""
    steps: Values = np.abs(after - before)
    steps[dim] = 0
    return steps.ravel()


def _share(which: npt.NDArray[np.bool_]) -> float:
    """The share that is true, 0 to 1."""
    return float(np.count_nonzero(which)) / max(1, len(which))
