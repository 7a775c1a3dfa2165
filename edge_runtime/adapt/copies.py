"""Which pictures are copies of one another, mirrored or turned ones too: two of a cell are no two cells."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels, resize

SIDE_PX, COARSE_PX = 48, 6
# Correlation from which two pictures count as one. Of 133,616 pairs of TRAIN's different photographs the closest reach
# 0.93; pictures against themselves at 5/4 of the size, turned and of JPEG quality 40, 0.999.
ALIKE = 0.97


def find_copies(pictures: Sequence[Pixels]) -> npt.NDArray[np.int64]:
    """The first picture of which each is a copy, int64 [n]: its own number where it is a copy of none before it.

    Compared are small grey versions by their correlation, in the eight ways in which a square can be mirrored and
    turned. A part of a picture, or one shifted by a few pixels, is not recognised: name such ones in a groups file.

    Args:
        pictures: uint8 [height, width, 3] each.
    """
    plain = np.array([_grey(picture) for picture in pictures]).reshape(-1, SIDE_PX, SIDE_PX)
    first = np.arange(len(plain))
    if not len(plain):
        return first
    flat = _normalised(plain)
    turned = (np.rot90(each, turns, axes=(1, 2)) for each in (plain, plain[:, :, ::-1]) for turns in range(4))
    # Not by BLAS: its threads wait for one another where other programs run, a second instead of a hundredth.
    likeness = np.max([np.einsum("ik,jk->ij", flat, _normalised(each)) for each in turned], axis=0)
    for number in range(len(plain)):
        same = np.flatnonzero(likeness[number, :number] >= ALIKE)
        if len(same):
            joined = {int(first[each]) for each in same}
            first[np.isin(first, list(joined))] = min(joined)
            first[number] = min(joined)
    return first


def _grey(picture: Pixels) -> npt.NDArray[np.float64]:
    """Small and grey without what is coarse, float64 [SIDE_PX, SIDE_PX], whatever the shape was.

    Coarsely, a dark cell in the middle of a bright field, all cells are alike.
    """
    small = resize(picture, height_px=SIDE_PX, width_px=SIDE_PX)
    coarse = resize(resize(small, height_px=COARSE_PX, width_px=COARSE_PX), height_px=SIDE_PX, width_px=SIDE_PX)
    return np.asarray(small.mean(axis=2) - coarse.mean(axis=2))


def _normalised(pictures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Each as a vector of mean 0 and length 1, so that products are correlations; one without contrast is 0."""
    flat = pictures.reshape(len(pictures), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-9))
