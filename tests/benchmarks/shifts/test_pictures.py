import json

import numpy as np
import pytest

from benchmarks.shifts import pictures
from edge_runtime.dataset import open_dataset


@pytest.fixture
def grouped(picture, tmp_path):
    """TEST with two cells of RED, of five and one pictures, and one of BLUE, of two; the data set and groups file."""
    lines = ["path,source,group"]
    for label, cell, count in (("RED", "r1", 5), ("RED", "r2", 1), ("BLUE", "b", 2)):
        for number in range(count):
            name = f"TEST/{label}/{cell}-{number}.png"
            picture(f"data/{name}")
            lines.append(f"{name},{cell},{cell}")
    picture("data/TRAIN/RED/t-0.png")
    groups = tmp_path / "groups.csv"
    groups.write_text("\n".join(lines))
    return open_dataset(tmp_path / "data", split="TEST"), groups


def names(chosen):
    return [shown.name for shown in chosen]


def test_as_many_of_each_cell(grouped):
    dataset, groups = grouped
    chosen = pictures.sample(dataset, groups=groups, per_source=2, seed=1)
    assert [(shown.label, shown.source) for shown in chosen] == [("BLUE", "b")] * 2 + [("RED", "r1")] * 2 + [
        ("RED", "r2")
    ]
    assert names(chosen) == names(pictures.sample(dataset, groups=groups, per_source=2, seed=1))
    drawn = {tuple(names(pictures.sample(dataset, groups=groups, per_source=2, seed=seed))) for seed in range(9)}
    assert len(drawn) > 1


def test_fewer_of_a_cell_are_among_more(grouped):
    dataset, groups = grouped
    few, more = (set(names(pictures.sample(dataset, groups=groups, per_source=n, seed=1))) for n in (1, 3))
    assert few < more


def test_without_groups_each_picture_is_a_cell(grouped):
    chosen = pictures.sample(grouped[0], groups=None, per_source=1, seed=1)
    assert len({shown.source for shown in chosen}) == len(chosen) == 8


def test_only_those_named_whichever_way(grouped, tmp_path, refused):
    dataset, groups = grouped
    files = {
        "list.txt": "TEST/RED/r1-0.png\n\nb-1.png\n",
        "list.csv": "path,true\nTEST/RED/r1-0.png,RED\nTEST/BLUE/b-1.png,BLUE\n",
        "report.json": json.dumps({"predictions": [{"path": "TEST/RED/r1-0.png"}, {"path": "TEST/BLUE/b-1.png"}]}),
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        only = pictures.read_list(tmp_path / name)
        every = pictures.open_for(tmp_path / "data", split=None, only=only)
        for source in (dataset, every):
            chosen = pictures.sample(source, groups=groups, per_source=9, seed=1, only=only)
            assert [name.rpartition("/")[2] for name in names(chosen)] == ["b-1.png", "r1-0.png"]
    with refused("not BLUE/r1-0.png"):
        pictures.sample(dataset, groups=groups, per_source=1, seed=1, only={"BLUE/r1-0.png"})


def test_a_name_that_two_have_is_refused(picture, tmp_path, refused):
    for name in ("data/TRAIN/RED/a.png", "data/TEST/RED/a.png"):
        picture(name)
    both = pictures.open_for(tmp_path / "data", split=None, only={"a.png"})
    with refused("2 that fit"):
        pictures.sample(both, groups=None, per_source=1, seed=1, only={"RED/a.png"})
    assert len(pictures.sample(both, groups=None, per_source=1, seed=1, only={"TEST/RED/a.png"})) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("none.txt", "\n"),
        ("no.csv", "name\na.png\n"),
        ("short.csv", "true,path\nRED\n"),
        ("no.json", "{}"),
        ("list.json", "[1]"),
        ("half.json", '{"predictions": ['),
    ],
)
def test_files_that_name_no_pictures(name, text, tmp_path, refused):
    (tmp_path / name).write_text(text)
    with refused(f"names of pictures in .*{name}"):
        pictures.read_list(tmp_path / name)
    with refused("No such file"):
        pictures.read_list(tmp_path / "absent.txt")


def test_what_a_fold_held_out(tmp_path, refused):
    with refused("a finished cross-validation"):
        pictures.held_out(tmp_path, fold=0)
    rows = [{"path": f"TRAIN/RED/{number}.png"} for number in range(4)]
    (tmp_path / pictures.REPORT_NAME).write_text(
        json.dumps({"predictions": [*rows, {"path": "TRAIN/RED/no-cell.png"}]})
    )
    with refused("a finished cross-validation"):
        pictures.held_out(tmp_path, fold=0)
    np.savez(tmp_path / pictures.ANSWERS_NAME, folds=np.array([0, 1, 0, 1]))
    assert pictures.held_out(tmp_path, fold=1) == {"TRAIN/RED/1.png", "TRAIN/RED/3.png"}
    with refused("a fold from 0 to 1 .* got 2"):
        pictures.held_out(tmp_path, fold=2)
