import numpy as np
import pytest

from benchmarks.shifts import GRADES, KINDS, shift
from benchmarks.shifts.kinds import MICROSCOPE
from edge_runtime.image import decode
from edge_runtime.sample import HEIGHT_PX, WIDTH_PX, sample_jpeg


@pytest.fixture(scope="module")
def pixels():
    return decode(sample_jpeg(), height_px=HEIGHT_PX, width_px=WIDTH_PX)


def differs(pixels, **changes):
    """Mean difference in levels between the picture and its shift."""
    shifted = shift(pixels, **{"seed": 1, "name": "a.png", **changes}).astype(int)
    return np.abs(shifted - pixels).mean()


@pytest.mark.parametrize("kind", KINDS)
def test_grade_0_is_the_picture_and_every_other_changes_it(pixels, kind):
    before = pixels.copy()
    assert (shift(pixels, kind=kind, grade=0, seed=1, name="a.png") == before).all()
    for grade in (1, GRADES):
        shifted = shift(pixels, kind=kind, grade=grade, seed=1, name="a.png")
        assert shifted.dtype == np.uint8
        if kind == "wider":
            assert shifted.size > 2 * before.size
            continue
        assert shifted.shape == before.shape
        assert (shifted != before).mean() > 0.01
    assert (pixels == before).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_arguments_give_the_same_picture(pixels, kind):
    first, second = (shift(pixels, kind=kind, grade=2, seed=3, name="b.png") for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("kind", ["stain", "light", "vignetting", "noise", "rotation", MICROSCOPE])
def test_another_seed_or_name_gives_another_picture(pixels, kind):
    pictures = {
        shift(pixels, kind=kind, grade=3, seed=seed, name=name).tobytes()
        for seed in range(3)
        for name in ("a.png", "b.png", "c\udcff.png")
    }
    assert len(pictures) > 3  # a turn either way, mirrored or not, is one of four


@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"rotation", "larger", "smaller", "wider", MICROSCOPE}))
def test_a_stronger_grade_does_more_in_the_same_way(pixels, kind):
    done = [differs(pixels, kind=kind, grade=grade) for grade in range(GRADES + 1)]
    assert done == sorted(done)
    assert done[0] == 0
    assert done[1] < done[GRADES]


def test_a_grade_between_two_lies_between_them():
    jpeg = KINDS["jpeg"]
    assert [jpeg.level(grade) for grade in (0, 1, 1.5, GRADES)] == [95, 60, 50, 8]


def test_every_kind_has_all_grades_and_they_go_one_way():
    for kind in KINDS.values():
        assert len(kind.levels) == GRADES + 1
        assert (np.diff(kind.levels) > 0).all() or (np.diff(kind.levels) < 0).all()


def test_one_name_is_one_microscope(pixels):
    brighter = np.minimum(pixels, 200)
    first, second = (shift(each, kind="exposure", grade=2, seed=0, name="lab") for each in (pixels, brighter))
    same = pixels == brighter
    assert (first[same] == second[same]).all()
