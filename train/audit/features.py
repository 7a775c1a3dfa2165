"""Local features of a picture: what is recognised again after turning, shifting, shearing and a new exposure."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels

HEIGHT_PX, WIDTH_PX = 240, 320
"""All pictures are compared at this size; larger ones have more detail than copies keep."""

_GREEN = 1  # of RGB: where red cells and stained nuclei stand out most from the background
_CONTRAST = 0.02  # half of SIFT's own threshold: smears are pale
_BLACK = 12  # at most, in all channels: fill beside a turned or fitted picture, with a JPEG's noise
_EDGE_PX = 7  # so far from fill, features are made by its edge


@dataclass(frozen=True)
class Features:
    """Corners and blobs of a picture, the strongest first.

    `points` float32 [n, 2], x and y in pixels; `descriptors` float32 [n, 128], of length 1.
    """

    points: npt.NDArray[np.float32]
    descriptors: npt.NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.points)

    def strongest(self, count: int) -> "Features":
        """At most so many of them."""
        return Features(self.points[:count], self.descriptors[:count])


def describe(pixels: Pixels, *, keep: int) -> Features:
    """The strongest SIFT features of a picture (Lowe 2004), as RootSIFT (Arandjelovic and Zisserman 2012).

    Args:
        pixels: uint8 [height, width, 3], RGB; black areas are taken for fill and hold no features.
        keep: at most so many.
    """
    detector = cv2.SIFT.create(contrastThreshold=_CONTRAST)
    channel = np.ascontiguousarray(pixels[..., _GREEN])
    # SIFT's own limit would count features in the fill, and does not sort the others.
    strongest = sorted(detector.detect(channel, shown(pixels)), key=lambda point: -point.response)[:keep]
    if not strongest:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32))
    keypoints, raw = detector.compute(channel, strongest)
    points = np.array([point.pt for point in keypoints], np.float32)
    shares = raw / np.maximum(raw.sum(axis=1, keepdims=True), 1e-7)
    return Features(points, np.sqrt(shares).astype(np.float32))


def shown(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Where a picture shows something: uint8 [height, width], 255, and 0 in fill and near it."""
    lit = (pixels.max(axis=2) > _BLACK).astype(np.uint8) * 255
    # Fill is an area: a dark spot of a few pixels is part of the picture.
    lit = cv2.morphologyEx(lit, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return cv2.erode(lit, np.ones((2 * _EDGE_PX + 1, 2 * _EDGE_PX + 1), np.uint8))


def brightness(pixels: Pixels) -> npt.NDArray[np.float32]:
    """The channel that pictures are compared by, smoothed against JPEG noise: float32 [height, width]."""
    return cv2.GaussianBlur(pixels[..., _GREEN].astype(np.float32), (0, 0), 1.0)
