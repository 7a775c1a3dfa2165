"""Another microscope in front of the sensor: how large, how sharp, how evenly lit, and how the cell lies.

Lengths are in pixels of a picture whose shorter side is REFERENCE_PX, as in the public set: larger pictures are blurred
by more pixels, so that the same field looks the same.
"""

import math

import numpy as np
from PIL import Image, ImageFilter

from benchmarks.shifts.colour import DISPLAY_GAMMA, to_pixels
from edge_runtime.image import Pixels
from edge_runtime.locate import locate

REFERENCE_PX = 240
SHARPENED_PX = 1.5  # the radius of sharpening

Point = tuple[float, float]  # x and y in pixels from the left and upper edge


def main_cell(pixels: Pixels) -> Point:
    """The middle of the cell that the picture is about, the one with the largest nucleus; of the picture if none."""
    for cell in locate(pixels)[:1]:
        return (cell.left_px + cell.right_px) / 2, (cell.top_px + cell.bottom_px) / 2
    return pixels.shape[1] / 2, pixels.shape[0] / 2


def magnify(pixels: Pixels, *, times: float, around: Point) -> Pixels:
    """So many times as large, with one point where it was; the size of the picture stays.

    What comes into view from beyond the edge is the picture mirrored: glass and red cells as there are beside it.

    Args:
        pixels: uint8 [height, width, 3], RGB; so is what is returned, here and below.
        times: above 1 shows a part, below 1 more than there was.
    """
    height, width = pixels.shape[:2]
    (x, y), shown = around, 1 / times
    box = (x - x * shown, y - y * shown, x + (width - x) * shown, y + (height - y) * shown)
    wide, left, top = _surround(pixels, *box)
    placed = (box[0] + left, box[1] + top, box[2] + left, box[3] + top)
    return np.asarray(Image.fromarray(wide).resize((width, height), Image.Resampling.BICUBIC, box=placed))


def widen(pixels: Pixels, *, times: float) -> Pixels:
    """So many times as wide and as high, with the picture as it was in the middle, and mirrored all around it."""
    height, width = pixels.shape[:2]
    across, down = width * (times - 1) / 2, height * (times - 1) / 2
    return _surround(pixels, -across, -down, width + across, height + down)[0]


def turn(pixels: Pixels, *, degrees: float, mirrored: bool, around: Point) -> Pixels:
    """Turned clockwise about a point, and mirrored left to right before if asked; mirrored beyond the edges."""
    height, width = pixels.shape[:2]
    (x, y), radians = around, math.radians(degrees)
    cosine, sine, flip = math.cos(radians), math.sin(radians), -1.0 if mirrored else 1.0
    # A place (u, v) shows what was at (a u + b v + c, d u + e v + f).
    a, b, d, e = flip * cosine, flip * sine, -sine, cosine
    c, f = x - a * x - b * y, y - d * x - e * y
    corners = [(a * u + b * v + c, d * u + e * v + f) for u in (0, width) for v in (0, height)]
    (across, down) = zip(*corners, strict=True)
    wide, left, top = _surround(pixels, min(across), min(down), max(across), max(down))
    matrix = (a, b, c + left, d, e, f + top)
    turned = Image.fromarray(wide).transform((width, height), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)
    return np.asarray(turned)


def blur(pixels: Pixels, *, deviation_px: float) -> Pixels:
    """Out of focus: a Gaussian of that standard deviation."""
    radius = deviation_px * _pixel(pixels)
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def sharpen(pixels: Pixels, *, amount: float) -> Pixels:
    """What cameras do to look sharp: value' = value + amount (value - blurred), with SHARPENED_PX (unsharp masking)."""
    radius = SHARPENED_PX * _pixel(pixels)
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.UnsharpMask(radius, round(100 * amount), 0)))


def vignette(pixels: Pixels, *, loss: float, middle: Point) -> Pixels:
    """Uneven light: 1 - loss (r / R)^2 of it, r from the brightest place and R from there to the farthest corner.

    The even polynomial of which vignetting is modelled (Goldman 2010, doi:10.1109/TPAMI.2010.55), of second order;
    with the brightest place beside the middle it is a lamp out of line.

    Args:
        loss: the share of the light that the farthest corner lacks, 0 to 1.
        middle: the brightest place, as shares of width and height.
    """
    height, width = pixels.shape[:2]
    x = np.arange(width) + 0.5 - middle[0] * width
    y = np.arange(height)[:, np.newaxis] + 0.5 - middle[1] * height
    square = x**2 + y**2
    light = 1 - loss * square / square.max()
    return to_pixels(pixels * light[..., np.newaxis] ** (1 / DISPLAY_GAMMA))


def _pixel(pixels: Pixels) -> float:
    """How many of the picture's pixels are as long as one of the reference."""
    return float(min(pixels.shape[:2]) / REFERENCE_PX)


def _surround(pixels: Pixels, left: float, top: float, right: float, bottom: float) -> tuple[Pixels, int, int]:
    """The picture mirrored at its edges as far as that box reaches beyond; and how far it was moved right and down."""
    height, width = pixels.shape[:2]
    margins = [max(0, math.ceil(beyond)) for beyond in (-top, bottom - height, -left, right - width)]
    wide = np.pad(pixels, ((margins[0], margins[1]), (margins[2], margins[3]), (0, 0)), mode="symmetric")
    return wide, margins[2], margins[0]
