import hashlib
import os
from pathlib import Path

import pytest

from edge_runtime.dataset import LabelledImage, digest, open_all, open_dataset

KAGGLE = "dataset2-master/dataset2-master/images"
CLASSES = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")


@pytest.fixture
def kaggle(tmp_path):
    """The download's layout, with empty files: the other folders hold pictures as well."""
    for split, count in (("TRAIN", 3), ("TEST", 2), ("TEST_SIMPLE", 1)):
        for label in CLASSES:
            for number in range(count):
                touch(tmp_path / KAGGLE / split / label / f"_{number}_{split}.jpeg")
    touch(tmp_path / "dataset2-master/dataset2-master/labels.csv")
    touch(tmp_path / "dataset-master/dataset-master/JPEGImages/BloodImage_00001.jpg")
    touch(tmp_path / "dataset-master/JPEGImages/BloodImage_00001.jpg")
    touch(tmp_path / "dataset-master/dataset-master/Annotations/BloodImage_00001.xml")
    return tmp_path


def touch(path: Path, content: bytes = b"") -> None:
    """A file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "root", [".", "dataset2-master", "dataset2-master/dataset2-master", KAGGLE, "dataset2-master/../dataset2-master"]
)
@pytest.mark.parametrize(("split", "each"), [("TRAIN", 3), ("TEST", 2), ("TEST_SIMPLE", 1)])
def test_kaggle_download_from_any_of_its_folders(kaggle, root, split, each):
    dataset = open_dataset(kaggle / root, split=split)
    assert (dataset.labels, dataset.split, dataset.ignored) == (CLASSES, split, ())
    assert dataset.counts() == dict.fromkeys(CLASSES, each)
    assert {image.name for image in dataset.images} >= {f"{split}/MONOCYTE/_0_{split}.jpeg"}


def test_kaggle_download_unpacked_flat(kaggle):
    (kaggle / KAGGLE).rename(kaggle / "flat")
    touch(kaggle / "fresh/dataset-master/JPEGImages/a.jpg")
    (kaggle / "fresh/dataset2-master").mkdir()
    (kaggle / "flat").rename(kaggle / "fresh/dataset2-master/images")
    assert open_dataset(kaggle / "fresh", split="TEST").counts() == dict.fromkeys(CLASSES, 2)


def test_every_label_is_the_folders_name(kaggle):
    for image in open_dataset(kaggle, split="TRAIN").images:
        assert Path(image.path).parent.name == image.label
        assert image.path.endswith(image.name)


@pytest.mark.parametrize("split", [None, "TEST", "anything"])
def test_class_folders_alone_need_no_split(kaggle, split):
    dataset = open_dataset(kaggle / KAGGLE / "TEST", split=split)
    assert (dataset.split, dataset.labels) == (None, CLASSES)
    assert dataset.images[0].name == "EOSINOPHIL/_0_TEST.jpeg"


def test_classes_are_any_number_of_any_names(tmp_path):
    for name in ("TEST/b/x.png", "TEST/a/x.png", "TEST/images/x.png"):
        touch(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert (dataset.labels, dataset.split) == (("a", "b", "images"), "TEST")


def test_one_class_only(tmp_path):
    touch(tmp_path / "RED" / "x.png")
    assert open_dataset(tmp_path).counts() == {"RED": 1}


def test_images_are_sorted_and_others_named(tmp_path):
    for name in ("B/2.jpg", "B/10.JPG", "A/z.png", "A/notes.txt", "A/.hidden.png", ".git/x.png", "A/sub/deep.png"):
        touch(tmp_path / name)
    dataset = open_dataset(tmp_path)
    assert [image.name for image in dataset.images] == ["A/z.png", "B/10.JPG", "B/2.jpg"]
    assert dataset.ignored == ("A/notes.txt", "A/sub")
    assert dataset.labels == ("A", "B")


def test_picture_beside_the_class_folders_of_a_split_is_no_class(kaggle):
    touch(kaggle / KAGGLE / "TEST" / "preview.png")
    assert open_dataset(kaggle, split="TEST").counts() == dict.fromkeys(CLASSES, 2)


def test_empty_class_folder_counts_as_a_class(tmp_path):
    touch(tmp_path / "TEST" / "A" / "x.png")
    (tmp_path / "TEST" / "B").mkdir()
    assert open_dataset(tmp_path, split="TEST").counts() == {"A": 1, "B": 0}


def test_images_are_a_sequence(kaggle):
    images = open_dataset(kaggle, split="TRAIN").images
    names = [f"TRAIN/{label}/_{number}_TRAIN.jpeg" for label in CLASSES for number in range(3)]
    assert [image.name for image in images] == [images[index].name for index in range(len(images))] == names
    assert (images[-1].name, images[-12].name) == (names[-1], names[0])
    assert [image.name for image in images[2:9:3]] == names[2:9:3]
    assert [image.name for image in images[::-1]] == names[::-1]
    assert images[3] in images
    assert LabelledImage(images[3].path, images[3].name, "other") not in images
    assert not images[:0]


@pytest.mark.parametrize("index", [12, -13])
def test_no_image_beyond_the_ends(kaggle, index):
    with pytest.raises(IndexError):
        open_dataset(kaggle, split="TRAIN").images[index]


def test_images_can_be_taken_in_any_order_and_again(kaggle):
    images = open_dataset(kaggle, split="TRAIN").images
    taken = images[2:].take([5, 0, 5])
    assert list(taken) == [images[7], images[2], images[7]]
    assert list(taken.take([2])) == list(taken[2:]) == [images[7]]
    assert list(images.take([])) == []


def test_paths_are_those_of_the_images(kaggle):
    images = open_dataset(kaggle, split="TRAIN").images.take([7, 1, 4])
    assert list(images.paths) == [image.path for image in images]
    assert (images.paths[1], len(images.paths), list(images.paths[:1])) == (images[1].path, 3, [images[0].path])
    assert all(Path(path).is_file() for path in images.paths)


def test_names_that_are_not_utf8_lead_to_their_files(tmp_path):
    folder = os.fsencode(tmp_path / "A")
    os.mkdir(folder)
    for name in (b"\xffgr\xfc\xdf.png", "größe.png".encode(), b"plain.png"):
        Path(os.fsdecode(os.path.join(folder, name))).write_bytes(name)
    images = open_dataset(tmp_path).images
    assert [Path(image.path).read_bytes() for image in images] == sorted(
        (os.fsencode(image.name).removeprefix(b"A/") for image in images), key=os.fsdecode
    )
    assert len(images) == 3


def test_missing_split_is_refused_and_the_others_named(kaggle, refused):
    with refused("expected a split VALID below .*, got TEST, TEST_SIMPLE, TRAIN"):
        open_dataset(kaggle, split="VALID")
    with refused("expected a split to be named below .*, got TEST, TEST_SIMPLE, TRAIN"):
        open_dataset(kaggle)


@pytest.mark.parametrize(
    ("root", "found"),
    [("file.txt", "got a file"), ("none", "got nothing"), ("empty", "no class folder"), ("a\0b", "got nothing")],
)
def test_no_data_set_is_refused(tmp_path, root, found, refused):
    touch(tmp_path / "file.txt")
    (tmp_path / "empty" / "TEST" / "A").mkdir(parents=True)
    with refused(found):
        open_dataset(tmp_path / root)


def test_pictures_without_class_folders_are_refused(tmp_path, refused):
    touch(tmp_path / "x.png")
    with refused("no class folder with an image in it"):
        open_dataset(tmp_path)


def test_all_splits_can_be_opened(kaggle):
    found = {dataset.split: dataset.counts() for dataset in open_all(kaggle)}
    assert found == {name: open_dataset(kaggle, split=name).counts() for name in found}
    assert {"TRAIN", "TEST"} <= set(found)


def test_class_folders_alone_are_all(tmp_path):
    touch(tmp_path / "A/1.png")
    touch(tmp_path / "B/2.png")
    (dataset,) = open_all(tmp_path)
    assert (dataset.split, dataset.counts()) == (None, {"A": 1, "B": 1})


def test_a_folder_of_images_is_one_data_set_without_labels(tmp_path):
    for name in ("b.png", "a.jpeg", "notes.txt"):
        touch(tmp_path / name)
    (dataset,) = open_all(tmp_path)
    assert [(each.name, each.label, each.path) for each in dataset.images] == [
        ("a.jpeg", "", str(tmp_path / "a.jpeg")),
        ("b.png", "", str(tmp_path / "b.png")),
    ]


@pytest.mark.parametrize("name", ["empty", "missing"])
def test_nothing_to_open_is_refused(tmp_path, name, refused):
    (tmp_path / "empty").mkdir()
    with refused("below|a data set folder at"):
        open_all(tmp_path / name)


def test_real_data_set_is_whole(data_root):
    assert list(open_dataset(data_root, split="TEST").counts().values()) == [623, 620, 620, 624]
    assert list(open_dataset(data_root, split="TRAIN").counts().values()) == [2497, 2483, 2478, 2499]
    assert open_dataset(data_root, split="TEST").labels == CLASSES


@pytest.fixture
def images(tmp_path):
    """Three labelled images."""
    for name in ("A/1.png", "A/2.png", "B/1.png"):
        touch(tmp_path / name, name.encode())
    return list(open_dataset(tmp_path).images)


def test_digest_is_that_of_the_sorted_names_and_contents(images):
    lines = [f"{name} {hashlib.sha256(name.encode()).hexdigest()}\n" for name in ("A/1.png", "A/2.png", "B/1.png")]
    assert digest(images) == hashlib.sha256("".join(lines).encode()).hexdigest()


def test_digest_does_not_depend_on_the_order(images):
    assert digest(images[::-1]) == digest(images)


def test_digest_does_not_depend_on_where_the_data_lies(images, tmp_path):
    before = digest(images)
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    assert digest(open_dataset(moved).images) == before


def test_digest_depends_on_contents_names_and_number(images):
    whole = digest(images)
    renamed = [LabelledImage(images[0].path, "A/other.png", "A"), *images[1:]]
    assert len({whole, digest(images[1:]), digest(renamed), digest([])}) == 4
    Path(images[1].path).write_bytes(b"other")
    assert digest(images) != whole


@pytest.mark.timeout(20)  # a pipe that is opened would wait for its writer for ever
def test_digest_counts_what_cannot_be_read(images):
    whole = digest(images)
    os.unlink(images[0].path)
    missing = digest(images)
    os.mkfifo(images[0].path)
    assert digest(images) == missing != whole


def test_digest_reports_progress_and_takes_names_that_are_not_utf8(images):
    steps = []
    odd = LabelledImage(images[0].path, "A/not-utf8-\udcff.png", "A")
    assert len(digest([*images, odd], advance=lambda: steps.append(1))) == 64
    assert len(steps) == 4
