import shutil
from dataclasses import replace

import pytest

from tests.train.tiny import SETTINGS
from train.loading import load_cells


@pytest.fixture
def own_root(smear_root, tmp_path):
    """A copy of the generated pictures that a test may spoil."""
    return shutil.copytree(smear_root, tmp_path / "smears")


def load(root, *, settings=SETTINGS, groups=None):
    """The cells, where their groups come from, and what was told."""
    said = []
    cells, origin = load_cells(str(root), settings=settings, groups=groups, tell=said.append)
    return cells, origin, said


def test_unreadable_and_ignored_files_are_told_and_the_rest_is_kept(own_root):
    folder = own_root / "images" / "TRAIN" / "MONOCYTE"
    cut, empty = sorted(folder.iterdir())[:2]
    cut.write_bytes(cut.read_bytes()[:200])
    empty.write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    cells, origin, said = load(own_root)
    assert said[0].startswith("TRAIN/MONOCYTE/notes.txt: ignored")
    assert [line.split(":")[:2] for line in said[1:3]] == [
        ["left out", f" TRAIN/MONOCYTE/{path.name}"] for path in (cut, empty)
    ]
    assert said[3] == (
        "30 images; source cells: EOSINOPHIL 4, LYMPHOCYTE 3, MONOCYTE 2, NEUTROPHIL 6 (groups: groups.csv)"
    )
    assert (len(cells.images), origin) == (30, "groups.csv")


def test_missing_groups_are_told(own_root):
    (own_root / "groups.csv").unlink()
    cells, origin, said = load(own_root)
    assert said[-1].endswith("NEUTROPHIL 8 (groups: none, so that each image is taken for a cell of its own)")
    assert origin == "none, so that each image is taken for a cell of its own"
    assert len({entry.group for entry in cells.origins}) == 32


def test_groups_may_be_named(own_root):
    named = (own_root / "groups.csv").rename(own_root / "mine.csv")
    cells, origin, said = load(own_root, groups=str(named))
    assert (origin, len(said)) == ("mine.csv", 1)
    assert len({entry.group for entry in cells.origins}) == 4 + 3 + 2 + 6


def test_settings_decide_size_folds_and_sample(smear_root):
    settings = replace(SETTINGS, per_class=3, network=replace(SETTINGS.network, towers=5))
    cells, _, said = load(smear_root, settings=settings)
    assert [sum(image.label == label for image in cells.images) for label in cells.labels] == [3] * 4
    assert set(cells.folds) == set(range(5))
    assert said[0].startswith("12 images; ")
    again, *_ = load(smear_root, settings=settings)
    assert [image.name for image in again.images] == [image.name for image in cells.images]
    assert (again.folds.tolist(), again.digest) == (cells.folds.tolist(), cells.digest)
    other, *_ = load(smear_root, settings=replace(settings, seed=4))
    assert other.digest != cells.digest


def test_seed_deals_other_folds(smear_root):
    folds = [load(smear_root, settings=replace(SETTINGS, seed=seed))[0].folds.tolist() for seed in (3, 3, 4)]
    assert folds[0] == folds[1] != folds[2]


def test_images_are_checked_at_the_size_of_the_network(own_root):
    # A picture that is read whole when shrunk to the network's size may not be read whole otherwise, and the reverse.
    settings = replace(SETTINGS, network=replace(SETTINGS.network, image_height_px=48, image_width_px=64))
    assert len(load(own_root, settings=settings)[0].images) == 32


@pytest.mark.parametrize(
    ("spoil", "match"),
    [
        (lambda root: shutil.rmtree(root), "a data set folder at"),
        (lambda root: (root / "groups.csv").write_text("what is this"), "a CSV with the columns"),
        (lambda root: [path.write_bytes(b"") for path in root.rglob("TRAIN/MONOCYTE/*")], "got none of MONOCYTE;"),
        (lambda root: [path.unlink() for path in root.rglob("TRAIN/MONOCYTE/*")], "got no image in MONOCYTE;"),
    ],
    ids=["no folder", "no groups file", "unreadable", "empty"],
)
def test_data_that_cannot_be_trained_on_are_refused(refused, own_root, spoil, match):
    spoil(own_root)
    with refused(match):
        load(own_root)


@pytest.mark.parametrize("name", ["MONO\nCYTE", "MONO\udcffCYTE", "MONO\tCYTE"])
def test_classes_that_no_card_can_name_are_refused_before_training(own_root, refused, name):
    folder = own_root / "images" / "TRAIN" / "MONOCYTE"
    folder.rename(folder.with_name(name))
    with refused(r"names can be printed on one line.*got MONO\\"):
        load(own_root)
