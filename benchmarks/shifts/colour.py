"""Another stain, another light, another camera's colours: what changes each pixel by its own value alone.

A pixel's value is taken for the light's share to the power of 1 / DISPLAY_GAMMA, as cameras write it. So the logarithm
of a value is the light's but for that factor, and what mixes optical densities does so in either.
"""

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from edge_runtime.squares import coarsen

DISPLAY_GAMMA = 2.2  # of sRGB, nearly (IEC 61966-2-1)

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of ITU-R BT.601, as in JPEG
_DARKEST = 16.0  # values below are fill or noise, and no stain is so dense

# Optical densities of the two dyes of a Romanowsky stain in R, G and B: Landini's vectors "Giemsa" for the colour
# deconvolution of Ruifrok and Johnston 2001. The third is what neither absorbs: at right angles to both.
_THIAZINE, _EOSIN = np.array([[0.834750233, 0.513556283, 0.196330403], [0.092789, 0.954111, 0.283111]])
_DYES = np.stack([_THIAZINE, _EOSIN, np.cross(_THIAZINE, _EOSIN)])

Values = npt.NDArray[np.float64]


def restain(pixels: Pixels, *, thiazine: float = 1.0, eosin: float = 1.0) -> Pixels:
    """So many times as much of either dye: thiazines (methylene blue, azures) stain nuclei, eosin red cells.

    By Beer and Lambert a dye's optical density is proportional to its amount; the picture's densities are taken apart
    into those of the dyes (Ruifrok and Johnston 2001), and these scaled.

    Args:
        pixels: uint8 [height, width, 3], RGB; so is what is returned, here and below.
        thiazine, eosin: factors above 0.
    """
    return absorb(pixels, matrix=np.linalg.inv(_DYES) @ np.diag([thiazine, eosin, 1.0]) @ _DYES)


def absorb(pixels: Pixels, *, matrix: Values) -> Pixels:
    """Other dyes: each channel's optical density becomes a mixture of all three; empty glass stays as it is.

    value' = glass exp(-D matrix) with D = -ln(value / glass), glass being the field's own (edge_runtime/white.py).

    Args:
        matrix: float [3, 3]; a column is what the new density of a channel is mixed of.
    """
    values = np.arange(256, dtype=np.float32)[:, np.newaxis]
    density = -np.log(np.maximum(values, _DARKEST) / np.maximum(coarsen(pixels).glass, _DARKEST))
    own = np.stack([density[pixels[..., channel], channel] for channel in range(3)], axis=-1)
    return to_pixels(pixels * np.exp(-(own @ (matrix - np.eye(3)).astype(np.float32))))


def relight(pixels: Pixels, *, stops: npt.ArrayLike) -> Pixels:
    """More or less light: a channel's is 2 ^ stops times as much; what is brighter than white is cut off.

    Args:
        stops: float [3] for R, G and B: unequal ones are a lamp or white balance of another colour; or one for all.
    """
    gains = 2.0 ** (np.broadcast_to(stops, 3) / DISPLAY_GAMMA)
    return _look_up(pixels, np.arange(256.0)[:, np.newaxis] * gains)


def bend(pixels: Pixels, *, gamma: float) -> Pixels:
    """Another tone curve: value' = 255 (value / 255) ^ gamma; above 1 is darker in the middle, black and white stay."""
    return _look_up(pixels, np.repeat(255 * (np.arange(256.0)[:, np.newaxis] / 255) ** gamma, 3, axis=1))


def saturate(pixels: Pixels, *, times: float) -> Pixels:
    """Colours so many times as far from grey of the same luma (ITU-R BT.601); 0 is grey, 1 as it was."""
    grey = (pixels @ _LUMA)[..., np.newaxis]
    return to_pixels(grey + np.float32(times) * (pixels - grey))


def to_pixels(values: npt.NDArray[np.floating]) -> Pixels:
    """Values rounded and cut to 0 to 255."""
    pixels: Pixels = np.rint(values).clip(0, 255).astype(np.uint8)
    return pixels


def _look_up(pixels: Pixels, table: Values) -> Pixels:
    """Each value replaced by that of its channel's column, float [256, 3]."""
    rounded = to_pixels(table)
    return np.stack([rounded[pixels[..., channel], channel] for channel in range(3)], axis=-1)
