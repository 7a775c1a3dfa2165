import numpy as np
import pytest
from PIL import Image

from tests.train.audit.conftest import draw_copy, draw_field, pixels
from train.audit.alignment import align, match_probability, overlay
from train.audit.catalogue import SURE
from train.audit.features import describe


def turn(degrees: float, *, scale: float = 1.0, right: float = 0.0, down: float = 0.0) -> np.ndarray:
    """An affine about the middle of 320 x 240."""
    cosine, sine = scale * np.cos(np.radians(degrees)), scale * np.sin(np.radians(degrees))
    x, y = 160, 120
    return np.array(
        [[cosine, -sine, x - cosine * x + sine * y + right], [sine, cosine, y - sine * x - cosine * y + down]]
    )


@pytest.mark.parametrize(
    "affine", [turn(0), turn(15, right=20), turn(-20, scale=0.8, down=-12), turn(170, scale=1.2)], ids=str
)
def test_the_affine_is_found(affine):
    import cv2

    photo = pixels(draw_field(3))
    image = cv2.warpAffine(photo, affine, (320, 240))
    found = align(describe(image, keep=200), describe(photo, keep=350))
    corners = np.array([[60, 60, 1], [260, 60, 1], [160, 180, 1.0]])
    # Half a pixel is what SIFT places a feature by, at the scales that it finds in so small a picture.
    assert corners @ found.affine.T == pytest.approx(corners @ affine.T, abs=1.0)
    assert found.probability > SURE
    assert overlay(image, photo, found.affine)[0] > 0.95


@pytest.mark.parametrize(("one", "other"), [(0, 4), (1, 5), (2, 6), (3, 7)])
def test_fields_of_the_same_class_do_not_match(one, other):
    found = align(describe(pixels(draw_copy(one, 0)), keep=200), describe(pixels(draw_field(other)), keep=350))
    assert found is None or found.probability < 0.5


def test_matches_count_where_the_pictures_overlap_only():
    """Marks on the camera's glass are in the same place of every photograph, and speak against each shifted pair."""
    field = np.asarray(draw_field(3).resize((480, 360), Image.Resampling.BOX)).copy()
    one, other = field[:240, :320].copy(), field[110:350, 140:460].copy()
    marks = [(8 + 30 * step, 225) for step in range(10)]
    for x, y in marks:
        for picture in (one, other):
            picture[y - 3 : y + 4, x - 3 : x + 4] = (40 + 15 * (x % 7), 90, 60)
    found = align(describe(one, keep=200), describe(other, keep=350))
    assert found.affine[:, 2] == pytest.approx([140, 110], abs=1)
    # Those of the left of the one are beyond the other.
    assert found.matches - found.inliers <= sum(x >= 140 for x, _ in marks)
    assert found.probability > SURE


def test_a_mirror_image_does_not_match():
    photo = pixels(draw_field(3))
    found = align(describe(np.ascontiguousarray(photo[:, ::-1]), keep=200), describe(photo, keep=350))
    assert found is None or found.probability < 0.5


def test_nothing_matches_a_blank_picture():
    blank = describe(np.full((240, 320, 3), 200, np.uint8), keep=50)
    assert align(blank, describe(pixels(draw_field(0)), keep=50)) is None


def test_the_same_pair_is_aligned_the_same_way_again():
    image, photo = describe(pixels(draw_copy(2, 1)), keep=200), describe(pixels(draw_field(2)), keep=350)
    mirrored = describe(np.ascontiguousarray(pixels(draw_field(2))[:, ::-1]), keep=350)
    first, second = ([align(image, each) for each in (photo, mirrored)] for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert (one is None and other is None) or np.array_equal(one.affine, other.affine)


@pytest.mark.parametrize(
    ("matches", "inliers", "expected"),
    [
        # Odds by hand: 1e-6 * 6**inliers * (4/9)**(matches - inliers).
        (8, 8, 1e-6 * 6**8 / (1 + 1e-6 * 6**8)),
        (20, 8, 1e-6 * 6**8 * (4 / 9) ** 12 / (1 + 1e-6 * 6**8 * (4 / 9) ** 12)),
        (100, 90, 1.0),
        (2000, 6, 0.0),
    ],
)
def test_probability_is_that_of_brown_and_lowe(matches, inliers, expected):
    assert match_probability(matches, inliers) == pytest.approx(expected, rel=1e-3, abs=1e-12)


def test_a_picture_agrees_with_itself_and_not_with_another():
    own, other = pixels(draw_field(0)), pixels(draw_field(4))
    assert overlay(own, own, turn(0)) == pytest.approx((1, 1), abs=1e-5)
    assert abs(overlay(own, other, turn(0))[0]) < 0.5


def test_a_shifted_photograph_covers_a_part():
    own = pixels(draw_field(0))
    correlation, covered = overlay(own[:, 160:], own[:, :240].copy(), turn(0, right=-160))
    assert correlation == pytest.approx(1, abs=1e-3)  # the cut edge is smoothed differently
    assert covered == pytest.approx(0.5, abs=0.05)


def test_fill_need_not_be_covered():
    own = pixels(draw_field(0))
    cut = own.copy()
    cut[:, 160:] = 0
    assert overlay(cut, cut, turn(0)) == pytest.approx((1, 1), abs=1e-5)


def test_correlation_of_hardly_overlapping_or_blank_pictures_is_zero():
    own = pixels(draw_field(0))
    assert overlay(own, own, turn(0, right=310))[0] == 0
    assert overlay(np.full_like(own, 100), own, turn(0))[0] == 0
    assert overlay(np.zeros_like(own), own, turn(0)) == (0, 0)
