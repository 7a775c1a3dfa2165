"""Measure the red cells of a field, without learning: they are in every field, and 7 to 8 micrometres wide.

Another microscope has another magnification; this is the ruler that every field brings along.
Measured by `tests/edge_runtime/test_scale.py` on the annotated originals of the public set.
"""

import functools
import math

import numpy as np
import numpy.typing as npt

from edge_runtime.ranks import median_and_ranked, ranked
from edge_runtime.squares import Squares

_LEAST_RADIUS = 2.0  # squares; smaller discs are not told from specks
_LEAST_WIDE_RADIUS = 1.5  # squares twice as wide, whose noise is less
_MOST_RADIUS = 0.3  # of a usual field's shorter side; of larger cells that holds too few
_USUAL = 160 * 120  # squares: the rings for more are not kept
_STEP = 1.2  # from a radius to the next; the peak between them is interpolated
_CLEAR_RADIUS = 2.8  # squares twice as wide; of smaller discs, and where these say nothing, finer ones are asked
_STAINED = 0.5  # between the field's middle and its strongest stain, as in `locate`
_LEAST_STAIN = 0.2  # of the brightness above the middle; less is no nucleus
_BLACK = 0.4  # of the brightness, in every channel; darker is fill beside the picture, or its edge
_STRONGEST = 0.995  # quantile of stain: the darkest nucleus covers more
_GLASS = 0.9  # quantile of green that is the field's brightness: glass, be it as little as a tenth of the field
_LEAST_CONTRAST = 0.05  # of the brightness, between glass and red cells; less is noise, or a blank field
_RIM = 0.35  # of the way from glass to the darkness of red cells: pale ones count as well
_SOFTNESS = 1 / 3  # of that way, over which a square goes from glass to cell: keeps parts of squares
_LEAST_COVER = 0.05  # of the field by red cells; less are too few to go by
_HOLE, _SURROUND = 0.5, 1.2  # radii: red cells may be pale inside _HOLE; around them, glass up to _SURROUND
_SMALLER = 0.1  # exponent of the preference for smaller discs: clumps of cells look like larger ones
_RIVAL, _APART = 0.92, 1.4  # another peak so strong, by a ratio of radii so far away, leaves the answer open

Means = npt.NDArray[np.float32]
Reals = npt.NDArray[np.float64]


def red_cell_diameter(squares: Squares) -> float | None:
    """The diameter of a field's red cells in pixels of the field; None where it cannot be told.

    Each radius of a series answers as strongly as rims of dark discs of that radius lie on glass: the mean of a ring
    inside it less that of a ring outside it, so that no radius is favoured (automatic scale selection, Lindeberg 1998,
    doi:10.1023/A:1008045108935). The strongest is taken, unless another, far from it, is nearly as strong. Squares
    twice as wide as those that cells are found in tell most fields in a fraction of the time.

    Fourier transforms differ in their last bits from one build of numpy to another, and so do answers.

    Args:
        squares: what `coarsen` makes of the field, at least 60 x 60. Found are diameters from 4/60 to 6/10 of the
            shorter side of a usual field, the first and the last of the series of radii left out.
    """
    wide = Squares(_halved(squares.means), 2 * squares.side_px, squares.times)
    found = _measured(wide, least=_LEAST_WIDE_RADIUS)
    if found is None or found < 2 * _CLEAR_RADIUS * wide.side_px:
        found = _measured(squares, least=_LEAST_RADIUS)
    return found


def _halved(means: Means) -> Means:
    """Means of 2 x 2 squares, [rows // 2, columns // 2, 3], a plane a channel as `shrink` lays them out."""
    rows, columns = means.shape[0] // 2 * 2, means.shape[1] // 2 * 2
    planes = means[:rows, :columns].transpose(2, 0, 1)
    bands = planes[:, ::2] + planes[:, 1::2]
    quarters: Means = (bands[..., ::2] + bands[..., 1::2]) * np.float32(0.25)
    return quarters.transpose(1, 2, 0)


def _measured(squares: Squares, *, least: float) -> float | None:
    """What these squares say, of radii of so many squares at least."""
    red = _red(squares)
    if red is None:
        return None
    find = _rings if red.size <= _USUAL else _rings.__wrapped__  # those of closer looks would keep some 10 MB each
    radii, rings = find(*red.shape, least, squares.times)
    peak = _peak(_strengths(red, rings) * radii**-_SMALLER)
    return None if peak is None else 2 * squares.side_px * float(radii[0]) * _STEP**peak


def _red(squares: Squares) -> Reals | None:
    """How much of each square a red cell covers, 0 to 1; None where there are too few.

    Cells are dark in green. Stain, as in `locate`, is taken off, since red cells have none; nuclei count as glass.
    Fill beside the picture gets the mean of the rest, which answers to no radius.
    """
    stain, green = squares.stain, squares.planes[1]
    middle, strongest = map(float, median_and_ranked(stain, _place(stain, _STRONGEST)))
    brightness = ranked(green, _place(green, _GLASS))
    stained = stain > middle + max(_STAINED * (strongest - middle), _LEAST_STAIN * brightness)
    fill = squares.planes.max(axis=0) <= _BLACK * brightness
    darkness = np.maximum(stain - middle, 0)
    darkness *= -0.5
    darkness -= green
    seen = darkness[~(stained | fill)]
    if not len(seen):
        return None
    glass, cell = _two_levels(seen)
    if cell - glass <= _LEAST_CONTRAST * brightness:
        return None
    darkness -= glass + (_RIM - _SOFTNESS / 2) * (cell - glass)
    darkness /= _SOFTNESS * (cell - glass)
    # Of float32, numpy 2 makes other Fourier transforms than 1.
    cover = np.minimum(np.maximum(darkness, 0), 1).astype(np.float64)
    cover[stained] = 0
    rest = cover[~fill]
    cover[fill] = mean = rest.sum() / len(rest)
    return cover if mean >= _LEAST_COVER else None


def _place(values: Means, share: float) -> int:
    """That of the value that a share of all, from 0 to 1, is no greater than, were they sorted."""
    return min(values.size - 1, int(share * values.size))


def _two_levels(values: Means) -> tuple[float, float]:
    """The means of the lower and the higher values, parted halfway between them (Ridler and Calvard 1978)."""
    ordered = np.sort(values).astype(np.float64)
    sums = np.cumsum(ordered)
    low = high = float(sums[-1]) / len(sums)
    lower = -1
    for _ in range(8 if len(sums) > 1 else 0):  # it settles within that; one step more or less moves no answer
        before, lower = lower, int(ordered.searchsorted((low + high) / 2))
        if lower == before:
            break
        lower = min(max(lower, 1), len(sums) - 1)  # rounding must not leave a side empty
        below = float(sums[lower - 1])
        low, high = below / lower, (float(sums[-1]) - below) / (len(sums) - lower)
    return low, high


def _strengths(red: Reals, rings: Reals) -> Reals:
    """How strongly each radius answers, the fourth mean: a few clear cells count for more than many vague ones.

    Beyond the field lies its mean, which answers to none.
    """
    height, width = red.shape
    columns, rows = 2 * (rings.shape[1] - 1), rings.shape[2]
    # As rfft2 and irfft2, in fewer steps: frequencies lie along the lines that are transformed, and what of the
    # margin comes out is left out in between.
    spectrum = np.fft.fft(np.fft.rfft(red - red.sum() / red.size, n=columns).T, n=rows)
    by_row = np.fft.ifft(spectrum * rings)[..., :height]
    responses = np.fft.irfft(by_row, n=columns, axis=1)[:, :width]
    squared = np.maximum(responses, 0).reshape(len(rings), -1)
    squared *= squared
    strengths: Reals = (np.einsum("ij,ij->i", squared, squared) / red.size) ** 0.25
    return strengths


@functools.lru_cache(maxsize=8)  # of some 400 kB at most; a model has two
def _rings(height: int, width: int, least: float, times: int) -> tuple[Reals, Reals]:
    """The radii for so many squares, [n], and the Fourier transforms of their rings, [n, columns // 2 + 1, rows]."""
    most = _MOST_RADIUS * min(height, width) / times
    radii = most * _STEP ** np.arange(-int(math.log(most / least) / math.log(_STEP)), 1.0)
    # The margin keeps most of a ring off what lies at the opposite edge; multiples of 8 are fast to transform.
    rows, columns = (-(-(length + int(0.8 * most)) // 8) * 8 for length in (height, width))
    frequency = 2 * np.pi * np.hypot(np.fft.rfftfreq(columns)[:, np.newaxis], np.fft.fftfreq(rows))
    return radii, _ring(frequency * radii[:, np.newaxis, np.newaxis])


def _ring(x: Reals) -> Reals:
    """The Fourier transform of the ring inside less the ring outside radius 1, at angular frequencies from 0.

    A disc's is 2 J1(x) / x = 4 / pi times the integral of cos(t)^2 cos(x sin(t)) from 0 to pi / 2 (DLMF 10.9.4).
    """
    finest = 48.0  # what lies above is finer than the rims and as good as 0
    angles = (np.arange(48) + 0.5) / 48 * np.pi / 2
    places = np.arange(0, finest * _SURROUND + 0.25, 0.25)
    disc = 2 * np.mean(np.cos(angles) ** 2 * np.cos(places[:, np.newaxis] * np.sin(angles)), axis=1)
    x = np.minimum(x, finest)
    hole, whole, surround = (size**2 * np.interp(size * x, places, disc) for size in (_HOLE, 1, _SURROUND))
    rings: Reals = (whole - hole) / (1 - _HOLE**2) - (surround - whole) / (_SURROUND**2 - 1)
    return rings


def _peak(strengths: Reals) -> float | None:
    """The place of the strongest between its neighbours, by a parabola; None at an end, or where there is a rival."""
    values: list[float] = strengths.tolist()
    best = int(strengths.argmax())
    if best in (0, len(values) - 1):
        return None
    far = math.log(_APART) / math.log(_STEP)
    for place, value in enumerate(values):
        is_strong = abs(place - best) > far and value > _RIVAL * values[best]
        if is_strong and value >= max(values[max(0, place - 1) : place + 2]):
            return None
    before, at, after = values[best - 1 : best + 2]
    bend = before - 2 * at + after
    return best + (0.5 * (before - after) / bend if bend else 0.0)
