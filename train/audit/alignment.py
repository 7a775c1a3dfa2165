"""Whether two pictures show the same field, and how one lies on the other."""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge_runtime.image import Pixels
from train.audit.features import HEIGHT_PX, WIDTH_PX, Features, brightness, shown

_RATIO = 0.9  # of the best distance to the second best (Lowe 2004 has 0.8): the affine sorts out what is wrong
_REACH_PX = 4.0  # from where the affine puts a point; enlarged copies are blurred by more than one pixel
_SCALE = (0.4, 2.5)  # of a copy to its photograph, along either axis
_FEWEST = 6  # matches and inliers; three always fit an affine
# Brown and Lowe 2007, section 3.2: shares of matches that fit, for true and false pairs, and the odds of a true one.
_FITS_TRUE, _FITS_FALSE, _TRUE = 0.6, 0.1, 1e-6
_LEAST_SHARED = 0.1  # of the picture: less cannot be correlated


@dataclass(frozen=True)
class Alignment:
    """How a photograph lies on an image.

    `affine` float64 [2, 3] takes the photograph's pixels to the image's. Of `matches` features where the two overlap,
    `inliers` fit it; `probability` is that the two show the same field, by these numbers. `correlation` is that of the
    two pictures where both show something, -1 to 1, and `covered` how much of what the image shows that is, 0 to 1.
    """

    affine: npt.NDArray[np.float64]
    matches: int
    inliers: int
    probability: float
    correlation: float = 0.0
    covered: float = 0.0

    @property
    def likeness(self) -> float:
        """By which photographs of one field are compared: a copy is like its own, and shows nothing beside it."""
        return self.correlation * self.covered


def align(image: Features, photo: Features) -> Alignment | None:
    """The affine that most features agree on, by RANSAC; None where none does."""
    if min(len(image), len(photo)) < _FEWEST:
        return None
    own, other = _matches(image.descriptors, photo.descriptors)
    if len(own) < _FEWEST:
        return None
    # RANSAC draws from OpenCV's global generator: the same pair must give the same answer in any order of pairs.
    cv2.setRNGSeed(0)
    affine, fits = cv2.estimateAffine2D(
        photo.points[other], image.points[own], method=cv2.RANSAC, ransacReprojThreshold=_REACH_PX, maxIters=1000
    )
    if affine is None:
        return None
    inliers = int(fits.sum())
    scales = np.linalg.svd(affine[:, :2], compute_uv=False)
    plausible = _SCALE[0] <= scales.min() and scales.max() <= _SCALE[1] and np.linalg.det(affine[:, :2]) > 0
    if inliers < _FEWEST or not plausible:
        return None
    # Where they do not overlap, matches are false for certain and say nothing against the pair.
    matches = inliers + int((_both_show(image.points[own], photo.points[other], affine) & (fits.ravel() == 0)).sum())
    return Alignment(affine, matches, inliers, match_probability(matches, inliers))


def match_probability(matches: int, inliers: int) -> float:
    """How probable a true pair is when so many of its matches fit one affine: Brown and Lowe 2007, equation 7."""
    evidence = inliers * math.log(_FITS_TRUE / _FITS_FALSE)
    evidence += (matches - inliers) * math.log((1 - _FITS_TRUE) / (1 - _FITS_FALSE))
    evidence += math.log(_TRUE / (1 - _TRUE))
    return 1 / (1 + math.exp(-evidence)) if evidence > -700 else 0.0


def overlay(image: Pixels, photo: Pixels, affine: npt.NDArray[np.float64]) -> tuple[float, float]:
    """How well a photograph, laid on an image, agrees with it: Pearson's correlation, and the share it covers.

    Args:
        image: uint8 [height, width, 3].
        photo: uint8 [any, any, 3].
        affine: float64 [2, 3], from the photograph's pixels to the image's.

    Returns:
        the correlation where both show something, -1 to 1, and how much of what the image shows that is, 0 to 1.
        The correlation is 0 where that is less than a tenth of the picture, or one of them is blank.
    """
    size, shows = (image.shape[1], image.shape[0]), shown(image) > 0
    both = (cv2.warpAffine(shown(photo), affine, size, flags=cv2.INTER_NEAREST) > 0) & shows
    covered = float(both.sum() / max(1, shows.sum()))
    if both.mean() < _LEAST_SHARED:
        return 0.0, covered
    laid = cv2.warpAffine(brightness(photo), affine, size, flags=cv2.INTER_LINEAR)[both]
    own = brightness(image)[both]
    spread = float(laid.std() * own.std())
    return (float(((laid - laid.mean()) * (own - own.mean())).mean()) / spread if spread > 0 else 0.0), covered


def _both_show(
    own: npt.NDArray[np.float32], other: npt.NDArray[np.float32], affine: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Which pairs of points lie within both pictures, when one is laid on the other: bool [n]."""
    frame = np.array([WIDTH_PX, HEIGHT_PX])
    laid = other @ affine[:, :2].T + affine[:, 2]
    back = (own - affine[:, 2]) @ np.linalg.inv(affine[:, :2]).T
    inside = (laid >= 0) & (laid < frame) & (back >= 0) & (back < frame)
    return inside[:, 0] & inside[:, 1]


def _matches(
    own: npt.NDArray[np.float32], other: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices of features that are each other's nearest, clearly nearer than the next."""
    likeness = own @ other.T
    nearest = likeness.argmax(axis=1)
    rows = np.arange(len(own))
    best = likeness[rows, nearest]
    mutual = likeness.argmax(axis=0)[nearest] == rows
    likeness[rows, nearest] = -1
    # Of vectors of length 1, the squared distance is twice what the product lacks of 1.
    clear = 1 - best < _RATIO**2 * (1 - likeness.max(axis=1))
    chosen = np.flatnonzero(mutual & clear)
    return chosen, nearest[chosen]
