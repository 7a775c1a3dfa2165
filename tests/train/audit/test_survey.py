import shutil

import pytest
from PIL import Image

from edge_runtime.dataset import open_all
from tests.train.audit.conftest import draw_copy, draw_field
from train.audit.originals import Original, find_originals, read_originals
from train.audit.survey import survey


@pytest.fixture(scope="session")
def against(smear_set):
    return survey(open_all(smear_set), read_originals(find_originals(smear_set)))


@pytest.fixture(scope="session")
def among(smear_set):
    return survey(open_all(smear_set))


def number_of(finding) -> int:
    """The photograph that a copy was drawn from: the last digit but one of its name."""
    return int(finding.image.name.split(".")[0][-2])


def test_each_image_is_assigned_to_its_photograph(against):
    assert len(against.findings) == 24
    assert [f.source for f in against.findings] == [f"BloodImage_{number_of(f):05d}.jpg" for f in against.findings]
    assert all(f.group == f.source and f.confidence > 0.999 and f.correlation > 0.9 for f in against.findings)
    assert {f.split for f in against.findings} == {"TRAIN", "TEST"}


def test_without_originals_images_are_grouped_among_themselves(among):
    groups = {}
    for finding in among.findings:
        groups.setdefault(finding.group, set()).add(number_of(finding))
    assert sorted(map(sorted, groups.values())) == [[number] for number in range(8)]
    assert all(finding.source == finding.group for finding in among.findings)
    names = {finding.image.name for finding in among.findings}
    assert set(groups) <= names


def test_a_survey_is_the_same_again(smear_set, among):
    assert survey(open_all(smear_set)) == among


def test_what_matches_no_photograph_is_unknown_with_one_group_a_class(write_copy, tmp_path):
    for number in (1, 2, 5):
        write_copy(f"data/{'AB'[number % 2]}/{number}.png", number)
    draw_field(2).save(tmp_path / "photo.png")
    found = survey(open_all(tmp_path / "data"), [Original(str(tmp_path / "photo.png"), "photo.png", ())])
    by_name = {f.image.name: (f.source, f.group, f.confidence > 0.99) for f in found.findings}
    assert by_name == {
        "A/2.png": ("photo.png", "photo.png", True),
        "B/1.png": (None, "unknown-B", False),
        "B/5.png": (None, "unknown-B", False),
    }


def test_a_picture_with_nothing_to_see_is_unknown_among_others_too(write_copy, tmp_path):
    write_copy("data/A/1.png", 1)
    Image.new("RGB", (320, 240), (220, 215, 210)).save(tmp_path / "data/A/blank.png")
    one, blank = survey(open_all(tmp_path / "data")).findings
    assert (one.source, blank.source, blank.group) == ("A/1.png", None, "unknown-A")
    assert (one.cells > 0, blank.cells) == (True, 0)


def test_overlapping_photographs_make_one_group(write_copy, tmp_path):
    field = draw_field(4)
    field.crop((0, 0, 600, 450)).save(tmp_path / "left.png")
    field.crop((40, 30, 640, 480)).save(tmp_path / "right.png")
    draw_field(5).save(tmp_path / "other.png")
    names = ("left.png", "other.png", "right.png")
    originals = [Original(str(tmp_path / name), name, ()) for name in names]
    for copy in range(3):
        write_copy(f"data/A/{copy}.png", 4, copy=copy)
    write_copy("data/B/5.png", 5)
    found = survey(open_all(tmp_path / "data"), originals)
    assert [each.photos for each in found.overlaps] == [("left.png", "right.png")]
    assert [finding.group for finding in found.findings] == ["left.png"] * 3 + ["other.png"]


def test_of_two_photographs_nearly_alike_the_one_with_the_images_label_is_the_source(write_copy, tmp_path):
    for name in ("a.png", "b.png"):
        draw_field(3).save(tmp_path / name)
    write_copy("data/A/1.png", 3)
    write_copy("data/B/2.png", 3, copy=1)
    originals = [Original(str(tmp_path / "a.png"), "a.png", ("b",)), Original(str(tmp_path / "b.png"), "b.png", ("a",))]
    found = survey(open_all(tmp_path / "data"), originals)
    assert [(finding.source, finding.group) for finding in found.findings] == [("b.png", "a.png"), ("a.png", "a.png")]


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(smear_set, tmp_path):
    shutil.copytree(smear_set, tmp_path / "set")
    images = tmp_path / "set/dataset2-master/dataset2-master/images/TRAIN/MONOCYTE"
    (images / "broken.jpeg").write_bytes(b"\xff\xd8\xff")
    originals = find_originals(tmp_path / "set")
    (originals / "JPEGImages/BloodImage_00008.jpg").write_bytes(b"")
    found = survey(open_all(tmp_path / "set"), read_originals(originals))
    (broken,) = [finding for finding in found.findings if finding.error]
    assert (broken.image.name, broken.source, broken.digest) == ("TRAIN/MONOCYTE/broken.jpeg", None, None)
    assert list(found.unreadable_originals) == ["BloodImage_00008.jpg"]
    assert sum(finding.source is not None for finding in found.findings) == 24


def test_images_that_are_there_twice_are_near_duplicates(write_copy, tmp_path):
    write_copy("data/A/1.png", 1)
    draw_copy(1, 0).save(tmp_path / "data/A/2.jpeg", quality=70)
    write_copy("data/A/3.png", 1, copy=1)
    ((one, other, likeness),) = survey(open_all(tmp_path / "data")).near_duplicates
    assert (one, other) == (0, 1)
    assert likeness > 0.998
