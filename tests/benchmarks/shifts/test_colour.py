import numpy as np
import pytest

from benchmarks.shifts import colour

GLASS = (220, 215, 210)


@pytest.fixture
def smear():
    """Glass with a patch of more and more of each dye: rows 0 to 9 eosin, 10 to 19 thiazine."""
    pixels = np.full((60, 80, 3), GLASS, np.uint8)
    amounts = np.linspace(0.1, 0.9, 20)
    for row, dye in ((0, colour._EOSIN), (10, colour._THIAZINE)):
        values = np.array(GLASS) * np.exp(-amounts[:, np.newaxis] * dye)
        pixels[row : row + 10, :20] = np.rint(values)
    return pixels


def density(pixels):
    return -np.log(pixels / np.array(GLASS))


@pytest.mark.parametrize(("dye", "rows"), [("eosin", slice(0, 10)), ("thiazine", slice(10, 20))])
@pytest.mark.parametrize("times", [0.5, 1.5])
def test_a_dye_is_scaled_by_beer_and_lambert_and_the_other_left(smear, dye, rows, times):
    stained = colour.restain(smear, **{dye: times})
    own, other = density(stained[rows, :20]), density(smear[rows, :20])
    # Half a level of rounding, before and after, is 0.5 / 60 of the darkest value each, times at most 1.5.
    assert np.abs(own - times * other).max() < 0.03
    rest = np.ones(60, bool)
    rest[rows] = False
    assert np.abs(stained[rest].astype(int) - smear[rest]).max() <= 2  # levels: rounding, spread by the inverse
    assert (stained[30:] == GLASS).all()


def test_as_much_dye_or_the_unit_matrix_changes_nothing(smear):
    assert (colour.restain(smear) == smear).all()
    assert (colour.absorb(smear, matrix=np.eye(3)) == smear).all()


def test_black_stays_black(smear):
    smear[40:] = 0
    assert (colour.restain(smear, eosin=0.5, thiazine=0.5)[40:] == 0).all()


def test_a_field_without_light_in_a_channel_is_no_reason_to_fail():
    blue = np.full((60, 60, 3), (0, 0, 255), np.uint8)
    assert (colour.restain(blue, eosin=2, thiazine=2) == blue).all()


def test_a_stop_is_twice_the_light():
    pixels = np.full((2, 2, 3), (100, 100, 200), np.uint8)
    lit = colour.relight(pixels, stops=[1, -1, 1])
    assert lit[0, 0].tolist() == [round(100 * 2 ** (1 / 2.2)), round(100 / 2 ** (1 / 2.2)), 255]
    assert (colour.relight(pixels, stops=0) == pixels).all()


@pytest.mark.parametrize(("gamma", "middle"), [(1, 128), (2, 64), (0.5, 181)])
def test_the_tone_curve_keeps_black_and_white(gamma, middle):
    pixels = np.array([[[0, 128, 255]]], np.uint8)
    assert colour.bend(pixels, gamma=gamma).tolist() == [[[0, middle, 255]]]


def test_saturation_moves_from_and_to_grey():
    pixels = np.array([[[100, 120, 140], [90, 90, 90]]], np.uint8)
    luma = round(0.299 * 100 + 0.587 * 120 + 0.114 * 140)
    assert colour.saturate(pixels, times=0).tolist() == [[[luma] * 3, [90] * 3]]
    assert (colour.saturate(pixels, times=1) == pixels).all()
    assert colour.saturate(pixels, times=2)[0, 0].tolist() == [84, 124, 164]
