import numpy as np
import pytest

from tests.train.audit.conftest import draw_copy, draw_field, pixels
from train.audit.catalogue import IMAGE_FEATURES, SURE, Catalogue, Reduction
from train.audit.features import Features, describe


def features(picture) -> Features:
    return describe(picture, keep=IMAGE_FEATURES)


@pytest.fixture(scope="module")
def fields():
    return [pixels(draw_field(number)) for number in range(6)]


@pytest.fixture(scope="module")
def catalogue(fields):
    found = Catalogue(Reduction([features(each) for each in fields]))
    assert [found.add(each) for each in fields] == list(range(6))
    return found


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("copy", range(3))
def test_a_copy_finds_its_photograph_alone(catalogue, number, copy):
    picture = pixels(draw_copy(number, copy))
    assert [match.photo for match in catalogue.find(picture, features(picture))] == [number]


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_mirror_image_is_found_and_told(catalogue, fields, mirrored):
    picture = np.ascontiguousarray(fields[2][:, ::-1]) if mirrored else fields[2]
    (match,) = catalogue.find(picture, features(picture))
    assert (match.photo, match.mirrored) == (2, mirrored)
    assert match.alignment.probability > SURE
    assert match.alignment.correlation > 0.99


def test_a_field_that_was_not_taken_up_finds_nothing(catalogue):
    picture = pixels(draw_copy(7, 0))
    assert catalogue.find(picture, features(picture)) == []


def test_a_photograph_can_be_asked_about(catalogue):
    picture = pixels(draw_copy(2, 0))
    match = catalogue.compare(picture, features(picture), photo=2)
    (found,) = catalogue.find(picture, features(picture))
    assert match is not None
    assert (match.photo, match.mirrored, match.alignment.inliers) == (2, found.mirrored, found.alignment.inliers)
    assert catalogue.compare(picture, features(picture), photo=3) is None


def test_what_is_not_asked_for_is_not_found(catalogue, fields):
    assert catalogue.find(fields[3], features(fields[3]), without=3) == []


def test_a_photograph_of_the_same_field_is_second_to_the_copied_one(fields):
    shifted = np.roll(fields[1], 9, axis=1)
    shifted[:, :9] = 0
    catalogue = Catalogue(Reduction([features(each) for each in fields]))
    for each in (fields[0], shifted, fields[1]):
        catalogue.add(each)
    noisy = np.random.default_rng(0).normal(fields[1], 3).clip(0, 255).astype(np.uint8)
    found = catalogue.find(noisy, features(noisy))
    # The shifted one is as alike where it lies, but does not show all of it.
    assert [match.photo for match in found] == [2, 1]
    assert found[1].alignment.correlation > 0.95
    assert found[1].alignment.covered < found[0].alignment.covered
    assert [match.photo for match in catalogue.find(fields[1], features(fields[1]), without=2)] == [1]


def test_nothing_is_found_in_an_empty_catalogue_nor_by_a_blank_picture(catalogue, fields):
    empty = Catalogue(Reduction([]))
    assert (len(empty), empty.find(fields[0], features(fields[0]))) == (0, [])
    blank = np.full((240, 320, 3), 200, np.uint8)
    assert catalogue.find(blank, features(blank)) == []


def test_a_catalogue_grows(fields):
    catalogue = Catalogue(Reduction([features(each) for each in fields]))
    for number, each in enumerate(fields):
        catalogue.add(each)
        assert [match.photo for match in catalogue.find(fields[0], features(fields[0]))] == [0]
        assert len(catalogue) == number + 1
