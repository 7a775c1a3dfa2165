"""Measure the red cells of a field, without learning: they are in every field, and 7 to 8 micrometres wide.

Another microscope has another magnification; this is the ruler that every field brings along.
Measured by `tests/edge_runtime/test_scale.py` on the annotated originals of the public set.
"""

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.squares import Squares, coarsen

_LEAST_RADIUS = 2.0  # squares; smaller discs are not told from specks
_MOST_RADIUS = 0.3  # of the shorter side; of larger cells a field holds too few
_STEP = 1.15  # from a radius to the next; the peak between them is interpolated
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
_POWER = 4  # of the responses in their mean: a few clear cells count for more than many vague ones
_SMALLER = 0.1  # exponent of the preference for smaller discs: clumps of cells look like larger ones
_RIVAL, _APART = 0.94, 1.4  # another peak so strong, by a ratio of radii so far away, leaves the answer open

Means = npt.NDArray[np.float32]


def red_cell_diameter(pixels: Pixels) -> float | None:
    """The diameter of a field's red cells in pixels of the field; None where it cannot be told.

    Each radius of a series answers as strongly as rims of dark discs of that radius lie on glass: the mean of a ring
    inside it less that of a ring outside it, so that no radius is favoured (automatic scale selection, Lindeberg 1998,
    doi:10.1023/A:1008045108935). The strongest is taken, unless another, far from it, is nearly as strong.

    Args:
        pixels: uint8 [height, width, 3], RGB, at least 60 x 60. Found are diameters from 4/60 to 6/10 of the shorter
            side, the first and the last of the series of radii left out.
    """
    squares = coarsen(pixels)
    red = _red(squares)
    if red is None:
        return None
    count = int(np.log(_MOST_RADIUS * min(red.shape) / _LEAST_RADIUS) / np.log(_STEP)) + 1
    radii = _LEAST_RADIUS * _STEP ** np.arange(count, dtype=np.float64)
    peak = _peak(_strengths(red, radii) * radii**-_SMALLER)
    return None if peak is None else 2 * squares.side_px * _LEAST_RADIUS * _STEP**peak


def _red(squares: Squares) -> Means | None:
    """How much of each square a red cell covers, 0 to 1; None where there are too few.

    Cells are dark in green. Stain, as in `locate`, is taken off, since red cells have none; nuclei count as glass.
    Fill beside the picture gets the mean of the rest, which answers to no radius.
    """
    stain, green = squares.stain, squares.means[..., 1]
    middle, strongest = np.quantile(stain, (0.5, _STRONGEST))
    brightness = np.quantile(green, _GLASS)
    stained = stain > middle + max(_STAINED * (strongest - middle), _LEAST_STAIN * brightness)
    fill = squares.means.max(axis=-1) <= _BLACK * brightness
    if (stained | fill).all():
        return None
    darkness = -green - 0.5 * np.maximum(stain - middle, 0)
    glass, cell = _two_levels(darkness[~(stained | fill)])
    if cell - glass <= _LEAST_CONTRAST * brightness:
        return None
    red = (((darkness - glass) / (cell - glass) - _RIM) / _SOFTNESS + 0.5).clip(0, 1)
    red[stained] = 0
    red[fill] = cover = red[~fill].mean()
    return red if cover >= _LEAST_COVER else None


def _two_levels(values: Means) -> tuple[float, float]:
    """The means of the lower and the higher values, parted halfway between them (Ridler and Calvard 1978)."""
    low = high = float(values.mean())
    for _ in range(8):  # it settles within that; one step more or less moves no answer
        halfway = min(max((low + high) / 2, values.min()), values.max())  # rounding must not leave a side empty
        low, high = float(values[values <= halfway].mean()), float(values[values >= halfway].mean())
    return low, high


def _strengths(red: Means, radii: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How strongly each radius, in squares, answers. Beyond the field lies its mean, which answers to none."""
    margin = int(_SURROUND * radii[-1]) + 1
    height, width = (-(-(length + margin) // 8) * 8 for length in red.shape)  # sizes that are fast to transform
    spectrum = np.fft.rfft2(red - red.mean(), s=(height, width))
    frequency = 2 * np.pi * np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    table, steps = _rings()
    strengths = []
    for radius in radii:
        ring = table[np.minimum(frequency * (radius * steps), len(table) - 1).astype(np.intp)]
        response = np.fft.irfft2(spectrum * ring, s=(height, width))[: red.shape[0], : red.shape[1]]
        strengths.append(np.mean(np.maximum(response, 0) ** _POWER) ** (1 / _POWER))
    return np.array(strengths)


def _rings() -> tuple[npt.NDArray[np.float64], float]:
    """The Fourier transform of the ring inside less the ring outside radius 1, and its entries by unit of frequency.

    A disc's is 2 J1(x) / x = 4 / pi times the integral of cos(t)^2 cos(x sin(t)) from 0 to pi / 2 (DLMF 10.9.4).
    """
    steps, angles = 20.0, (np.arange(48) + 0.5) / 48 * np.pi / 2
    x = np.arange(0, 48, 1 / steps)  # what lies above is finer than the rims and as good as 0
    places = np.arange(0, 48 * _SURROUND + 0.25, 0.25)
    disc = 2 * np.mean(np.cos(angles) ** 2 * np.cos(places[:, np.newaxis] * np.sin(angles)), axis=1)
    hole, whole, surround = (size**2 * np.interp(size * x, places, disc) for size in (_HOLE, 1, _SURROUND))
    return (whole - hole) / (1 - _HOLE**2) - (surround - whole) / (_SURROUND**2 - 1), steps


def _peak(strengths: npt.NDArray[np.float64]) -> float | None:
    """The place of the strongest between its neighbours, by a parabola; None at an end, or where there is a rival."""
    best = int(strengths.argmax())
    if best in (0, len(strengths) - 1):
        return None
    padded = np.pad(strengths, 1)
    peaks = (strengths >= padded[:-2]) & (strengths >= padded[2:])
    far = np.abs(np.arange(len(strengths)) - best) > np.log(_APART) / np.log(_STEP)
    if (strengths[peaks & far] > _RIVAL * strengths[best]).any():
        return None
    before, at, after = strengths[best - 1 : best + 2]
    bend = before - 2 * at + after
    return best + (0.5 * float((before - after) / bend) if bend else 0.0)
