import gc
import tracemalloc
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.groups import Origin, read_groups
from edge_runtime.view import View
from train import cells as cells_module
from train.cells import check, deal, find_groups, gather, open_training_data, without


def made_up(*counts: int, of: int = 4) -> tuple[np.ndarray, list[str]]:
    """Classes and groups: for each class so many groups of `of` images."""
    classes = np.repeat(np.arange(len(counts)), [count * of for count in counts])
    groups = [f"g{c}-{n}" for c, count in enumerate(counts) for n in range(count) for _ in range(of)]
    return classes, groups


@pytest.fixture
def folders(picture, tmp_path):
    """Writes pictures and opens them: folders("TRAIN/RED/a.png", ...)."""

    def write(*names: str):
        for name in names:
            picture(f"data/{name}", color="RED")
        return tmp_path / "data"

    return write


# deal


@pytest.mark.parametrize("folds", [2, 3, 5])
@pytest.mark.parametrize("seed", [0, 1])
def test_deal_keeps_groups_whole_and_fills_every_fold(folds, seed):
    classes, groups = made_up(7, 5, 16)
    dealt = deal(classes, groups, folds=folds, seed=seed)
    assert len({(group, fold) for group, fold in zip(groups, dealt, strict=True)}) == len(set(groups))
    assert set(dealt) == set(range(folds))


def test_deal_balances_every_class():
    classes, groups = made_up(10, 15, 5)
    dealt = deal(classes, groups, folds=5, seed=0)
    for own, each in enumerate((8, 12, 4)):  # images of 2, 3 and 1 groups of 4
        assert np.bincount(dealt[classes == own]).tolist() == [each] * 5


def test_deal_balances_groups_of_different_sizes():
    groups = [f"g{size}" for size in range(1, 13) for _ in range(size)]
    dealt = deal(np.zeros(len(groups), np.int64), groups, folds=3, seed=0)
    # 78 images: largest first into the emptiest fold leaves folds within one smallest group of each other here.
    assert sorted(np.bincount(dealt).tolist()) == [26, 26, 26]


def test_deal_depends_on_the_seed_alone():
    classes, groups = made_up(20, 20)
    first, again, other = (deal(classes, groups, folds=4, seed=seed).tolist() for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_deal_does_not_depend_on_the_order_of_the_images():
    classes, groups = made_up(6, 9)
    order = np.random.default_rng(0).permutation(len(classes))
    shuffled = deal(classes[order], [groups[i] for i in order], folds=3, seed=0)
    assert shuffled.tolist() == deal(classes, groups, folds=3, seed=0)[order].tolist()


def test_deal_takes_a_group_of_two_classes_whole():
    classes = np.array([0, 0, 1, 0, 0, 1, 1])
    groups = ["mixed", "mixed", "mixed", "a", "b", "c", "d"]
    dealt = deal(classes, groups, folds=2, seed=0)
    assert len(set(dealt[:3])) == 1


@pytest.mark.parametrize(("groups", "folds"), [(1, 2), (4, 5)])
def test_deal_refuses_fewer_groups_than_folds(refused, groups, folds):
    with refused(f"at least {folds} source cells.*got {groups};"):
        deal(*made_up(groups), folds=folds, seed=0)


def test_deal_accepts_as_many_groups_as_folds():
    assert sorted(set(deal(*made_up(5), folds=5, seed=0))) == [0, 1, 2, 3, 4]


# find_groups


def test_groups_given_win_over_those_beside_the_images(smear_root, tmp_path):
    given = tmp_path / "mine.csv"
    given.write_text((smear_root / "groups.csv").read_text().replace("TRAIN_EOSINOPHIL", "mine"))
    data = open_training_data(smear_root)
    groups, path = find_groups(data, str(given))
    assert path == given
    assert groups.find(data.images[0]).source.startswith("mine")


@pytest.mark.parametrize("place", ["images/groups.csv", "groups.csv"])
def test_groups_are_found_beside_the_images_and_a_folder_above(folders, place):
    root = folders("images/TRAIN/A/1.png", "images/TRAIN/B/1.png")
    (root / place).write_text("path,source,group\nTRAIN/A/1.png,s,g\nTRAIN/B/1.png,t,h\n")
    data = open_training_data(root)
    groups, path = find_groups(data, None)
    assert path == root / place
    assert groups.assign(data.images) == [Origin("s", "g"), Origin("t", "h")]


def test_groups_beside_the_images_win_over_those_above(folders):
    root = folders("images/TRAIN/A/1.png", "images/TRAIN/B/1.png")
    for folder in (root, root / "images"):
        (folder / "groups.csv").write_text("path,source,group\n")
    assert find_groups(open_training_data(root), None)[1] == root / "images" / "groups.csv"


def test_committed_facts_are_used_where_they_name_every_image(folders, monkeypatch, tmp_path):
    facts = tmp_path / "facts.csv"
    facts.write_text("path,source,group\nimages/TRAIN/A/1.png,s,g\nimages/TRAIN/B/1.png,t,h\n")
    monkeypatch.setattr(cells_module, "KNOWN_GROUPS", facts)
    data = open_training_data(folders("images/TRAIN/A/1.png", "images/TRAIN/B/1.png"))
    assert find_groups(data, None)[1] == facts
    data = open_training_data(folders("images/TRAIN/B/another.png"))
    assert find_groups(data, None) == (None, None)


def test_committed_facts_do_not_name_generated_pictures(smear_root):
    known = read_groups(cells_module.KNOWN_GROUPS)
    assert not any(known.find(image) for image in open_training_data(smear_root).images)


def test_groups_that_are_given_but_missing_are_refused(refused, smear_root, tmp_path):
    with refused("a CSV with the columns"):
        find_groups(open_training_data(smear_root), str(tmp_path / "none.csv"))


# open_training_data


def test_training_data_are_the_train_split(smear_root):
    data = open_training_data(smear_root)
    assert (data.split, len(data.images)) == ("TRAIN", 32)


def test_training_data_without_splits_are_all_images(folders):
    data = open_training_data(folders("A/1.png", "B/1.png", "B/2.png"))
    assert (data.split, data.counts()) == (None, {"A": 1, "B": 2})


def test_one_class_alone_is_refused(refused, folders):
    with refused("at least two classes.*got the class A alone"):
        open_training_data(folders("TRAIN/A/1.png", "TRAIN/A/2.png"))


def test_empty_class_folder_is_refused(refused, folders):
    root = folders("TRAIN/A/1.png", "TRAIN/B/1.png")
    (root / "TRAIN" / "C").mkdir()
    (root / "TRAIN" / "C" / "notes.txt").write_text("no image")
    with refused("got no image in C; "):
        open_training_data(root)


def test_data_with_another_split_only_is_refused(refused, folders):
    with refused("a split TRAIN.*got TEST"):
        open_training_data(folders("TEST/A/1.png", "TEST/B/1.png"))


# check


def test_unreadable_files_are_named_and_the_rest_kept(folders):
    root = folders(*(f"A/{name}.png" for name in ("whole", "cut", "empty", "text", "zzz")))
    (root / "A" / "cut.png").write_bytes((root / "A" / "whole.png").read_bytes()[:-30])
    (root / "A" / "empty.png").write_bytes(b"")
    (root / "A" / "text.png").write_text("no image at all")
    counted = []
    whole = View.whole(height_px=8, width_px=8)
    kept, shows, complaints = check(open_dataset(root).images, whole, advance=lambda: counted.append(1))
    assert shows.tolist() == [True, True]
    assert [image.name for image in kept] == ["A/whole.png", "A/zzz.png"]
    assert [line.split(":")[0] for line in complaints] == ["A/cut.png", "A/empty.png", "A/text.png"]
    assert all("\n" not in line and "expected a readable" in line for line in complaints)
    assert len(counted) == 5


def test_an_image_that_went_away_is_named(folders):
    images = open_dataset(folders("A/1.png", "B/1.png")).images
    (folders() / "A" / "1.png").unlink()
    kept, _, complaints = check(images, View.whole(height_px=8, width_px=8), advance=lambda: None)
    assert [image.name for image in kept] == ["B/1.png"]
    assert len(complaints) == 1


# gather


def test_source_share_counts_sources_and_not_images(folders, tmp_path):
    data = open_training_data(folders("A/1.png", "A/2.png", "A/3.png", "A/4.png", "B/1.png", "B/2.png"))
    path = tmp_path / "groups.csv"
    rows = ("A/1.png,s1,g1", "A/2.png,s1,g1", "A/3.png,s1,g1", "A/4.png,s1,g1", "B/1.png,s2,g2", "B/2.png,s3,g3")
    path.write_text("path,source,group\n" + "\n".join(rows) + "\n")
    found = gather(data, data.images, groups=read_groups(path), folds=2, per_class=0, seed=0)
    assert found.sources() == {"A": 1, "B": 2}
    # Thirds are no binary fractions; the division is exact to a rounding.
    assert found.source_share == pytest.approx([1 / 3, 2 / 3], rel=1e-15)
    assert found.classes.tolist() == [0, 0, 0, 0, 1, 1]
    assert len(set(found.folds[:4])) == 1


def test_two_sources_of_one_group_are_counted_as_two_and_dealt_as_one(folders, tmp_path):
    data = open_training_data(folders("A/1.png", "A/2.png", "B/1.png"))
    path = tmp_path / "groups.csv"
    path.write_text("path,source,group\nA/1.png,s1,g\nA/2.png,s2,g\nB/1.png,s3,h\n")
    found = gather(data, data.images, groups=read_groups(path), folds=2, per_class=0, seed=0)
    assert found.sources() == {"A": 2, "B": 1}
    assert found.source_share == pytest.approx([2 / 3, 1 / 3], rel=1e-15)
    assert found.folds[0] == found.folds[1] != found.folds[2]


def test_without_groups_each_image_is_its_own_source(folders):
    data = open_training_data(folders("A/1.png", "A/2.png", "A/3.png", "B/1.png"))
    found = gather(data, data.images, groups=None, folds=2, per_class=0, seed=0)
    assert found.sources() == {"A": 3, "B": 1}
    assert found.source_share.tolist() == [0.75, 0.25]


def test_a_class_of_which_a_fold_holds_all_cells_is_named_where_that_is_left_out(refused, folders):
    data = open_training_data(folders("A/1.png", "A/2.png", "A/3.png", "B/1.png"))
    found = gather(data, data.images, groups=None, folds=2, per_class=0, seed=0)
    (alone,) = found.folds[found.classes == 1].tolist()
    assert set(without(found, 1 - alone, folds=1, seed=0).classes.tolist()) == {0, 1}
    with refused("source cells of each class in at least two folds, got those of B in one alone"):
        without(found, alone, folds=1, seed=0)


def test_a_sample_is_gathered_with_its_own_digest(cells, smear_root):
    data = open_training_data(smear_root)
    groups = read_groups(smear_root / "groups.csv")
    fewer = gather(data, data.images, groups=groups, folds=2, per_class=3, seed=0)
    assert Counter(image.label for image in fewer.images) == dict.fromkeys(data.labels, 3)
    assert fewer.digest != cells.digest
    assert [fewer.labels[number] for number in fewer.classes] == [image.label for image in fewer.images]


def test_a_class_that_cannot_be_read_at_all_is_refused(refused, folders):
    data = open_training_data(folders("A/1.png", "A/2.png", "B/1.png"))
    with refused("of each class an image that can be read .*, got none of B;"):
        gather(data, data.images[:2], groups=None, folds=2, per_class=0, seed=0)


@pytest.mark.parametrize("per_class", [0, 5])
def test_no_readable_image_at_all_is_refused(refused, folders, per_class):
    data = open_training_data(folders("A/1.png", "B/1.png"))
    with refused("got none of A;"):
        gather(data, data.images[:0], groups=None, folds=2, per_class=per_class, seed=0)


def test_groups_of_another_data_set_are_refused(smear_root, folders):
    data = open_training_data(folders("A/1.png", "B/1.png"))
    with pytest.raises(LeukoliteError, match="a row in the groups file for each of 2 images"):
        gather(data, data.images, groups=read_groups(smear_root / "groups.csv"), folds=2, per_class=0, seed=0)


# Memory.


def kept_bytes(folder: Path, count: int) -> int:
    """What Python holds for the cells of so many images, empty files of eight sources."""
    rows = ["path,source,group"]
    for number in range(count):
        name = f"TRAIN/{'AB'[number % 2]}/_{number:06d}_{number % 9973}.jpeg"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        rows.append(f"{name},source{number % 8},group{number % 8}")
    (folder / "groups.csv").write_text("\n".join(rows))
    gc.collect()
    tracemalloc.start()
    try:
        data = open_training_data(folder)
        groups, _ = find_groups(data, None)
        found = gather(data, data.images, groups=groups, folds=2, per_class=0, seed=0)
        del data, groups
        gc.collect()
        assert len(found.images) == count
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def test_an_image_takes_few_bytes(tmp_path):
    kept_bytes(tmp_path / "first", 20)  # what is imported and cached once is no image's
    # Other tests' threads may allocate meanwhile, or be collecting when it is asked for: what images take is there in
    # each of several measurements.
    few, many = (min(kept_bytes(tmp_path / f"{count}-{n}", count) for n in range(3)) for count in (500, 3000))
    # The file's name takes 18, where it lies and ends 20, class and fold 16, the shared origin 8. As objects, before,
    # they took 550; 100,000 images must not show in the memory of a training, of which 1 % is 100 bytes each.
    assert (many - few) / 2500 < 100


def test_group_numbers_tell_cells_apart(cells):
    numbers = cells.group_numbers()
    names = [origin.group for origin in cells.origins]
    assert len(set(numbers.tolist())) == len(set(names)) == len(set(zip(numbers.tolist(), names, strict=True)))
    assert (numbers.min(), numbers.max()) == (0, len(set(names)) - 1)


# The real data set.


def test_real_sources_are_those_of_the_facts_and_no_group_crosses_folds(data_root):
    data = open_training_data(data_root)
    assert data.counts() == {"EOSINOPHIL": 2497, "LYMPHOCYTE": 2483, "MONOCYTE": 2478, "NEUTROPHIL": 2499}
    found = gather(data, data.images, groups=find_groups(data, None)[0], folds=5, per_class=0, seed=1)
    assert found.sources() == {"EOSINOPHIL": 75, "LYMPHOCYTE": 27, "MONOCYTE": 16, "NEUTROPHIL": 159}
    homes = {(origin.group, fold) for origin, fold in zip(found.origins, found.folds, strict=True)}
    assert len(homes) == len({origin.group for origin in found.origins})
    # A fold lacking a class could not be validated on it.
    assert all(np.bincount(found.folds[found.classes == own], minlength=5).min() > 0 for own in range(4))


@pytest.mark.parametrize(("split", "count"), [("TRAIN", 9957), ("TEST", 2487), ("TEST_SIMPLE", 71)])
def test_committed_facts_name_every_real_image(data_root, split, count):
    images = open_dataset(data_root, split=split).images
    assert len(images) == count
    assert len(read_groups(cells_module.KNOWN_GROUPS).assign(images)) == count
