import csv
from collections import defaultdict

import numpy as np
import pytest

from tests.train.tiny import SETTINGS
from train.folds import Split
from train.rundir import folds_digest


@pytest.fixture
def write(tmp_path):
    """Writes rows (path, fold) as a validation split; its path."""

    def write(rows, header=("path", "fold")):
        path = tmp_path / "split.csv"
        with path.open("w", newline="") as stream:
            csv.writer(stream).writerows([header, *rows])
        return str(path)

    return write


def own(cells):
    """The split that deals the cells' own folds, turned round."""
    return [(image.name, 1 - fold) for image, fold in zip(cells.images, cells.folds.tolist(), strict=True)]


def cutting(cells):
    """The same, but for one image of the first group of several; and that group."""
    members = defaultdict(list)
    for index, origin in enumerate(cells.origins):
        members[origin.group].append(index)
    group, first = next((name, rows[0]) for name, rows in members.items() if len(rows) > 1)
    rows = own(cells)
    rows[first] = (rows[first][0], 1 - rows[first][1])
    return rows, group


def test_a_split_of_whole_groups_is_taken(cells, write):
    said = []
    dealt = Split(write(own(cells))).deal(cells, folds=2, tell=said.append)
    assert np.array_equal(dealt.folds, 1 - cells.folds)
    assert folds_digest(dealt) != folds_digest(cells)
    assert said == []


def test_a_split_that_cuts_a_group_is_refused(cells, write, refused):
    rows, group = cutting(cells)
    with refused(rf"keeps all pictures of a cell in one fold, got 1 of 15 groups .* {group} in the folds 0, 1; leave"):
        Split(write(rows)).deal(cells, folds=2, tell=print)


def test_unless_told_otherwise(cells, write):
    rows, group = cutting(cells)
    said = []
    dealt = Split(write(rows), may_cut=True).deal(cells, folds=2, tell=said.append)
    assert (dealt.folds != 1 - cells.folds).sum() == 1
    (line,) = said
    assert group in line
    assert line.endswith("the held-out figures are of cells that were learned from")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda rows: rows[1:], "a row .* got none for 1, the first"),
        (lambda rows: [(name, 0) for name, _ in rows], "and 2 folds, got no fold 1"),
        (lambda rows: [(rows[0][0], 2), *rows[1:]], "folds from 0 to 1, got .*fold '2' of .* in line 2"),
        (lambda rows: [(rows[0][0], "TEST"), *rows[1:]], "got .*fold 'TEST'"),
        (lambda rows: [(rows[0][0], "-1"), *rows[1:]], "got .*fold '-1'"),
    ],
)
def test_what_is_no_split_of_these_images_is_refused(cells, write, refused, change, complaint):
    with refused(complaint):
        Split(write(change(own(cells)))).deal(cells, folds=2, tell=print)


def test_other_columns_and_no_file_are_refused(cells, write, tmp_path, refused):
    with refused("columns path, fold at .* got .*the columns path, part"):
        Split(write(own(cells), header=("path", "part"))).deal(cells, folds=2, tell=print)
    with refused("No such file"):
        Split(str(tmp_path / "none.csv")).deal(cells, folds=2, tell=print)


def test_a_run_knows_its_split(write):
    split = Split("some.csv", may_cut=True)
    assert Split.from_inputs(split.to_inputs()) == split
    assert Split.from_inputs({"data": "d", "groups": None}) is None


def test_command_refuses_a_split_that_cuts_a_group_before_it_trains(cells, smear_root, write, tmp_path, capsys):
    from train.__main__ import main

    rows, group = cutting(cells)
    command = ["float", "--data", str(smear_root), "--preset", "quick", "--validation-split", write(rows)]
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert f"{group} in the folds 0, 1" in line
    assert "--allow-cut-groups" in line
    assert not (tmp_path / "run").exists()
    assert SETTINGS.network.towers == 2  # as the preset's, or the split would not fit


def test_command_refuses_a_split_where_no_tower_is_blind(smear_root, cells, write, tmp_path, capsys):
    from train.__main__ import main

    command = ["float", "--data", str(smear_root), "--validation-split", write(own(cells))]
    assert main([*command, "--out", str(tmp_path / "run")]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert "got towers that learn from every source cell; leave --validation-split out" in line
    assert not (tmp_path / "run").exists()


def test_stages_and_reproduce_go_by_the_split_of_the_float_run(cells, smear_root, write, tmp_path):
    from edge_runtime.files import read_json
    from train.reproduce import reproduce
    from train.stages import Call, train_float, train_qat

    split = Split(write(own(cells)))
    data, call = str(smear_root), Call(tell=print, split=split)
    train_float(data, tmp_path / "float", settings=SETTINGS, call=call)
    run = read_json(tmp_path / "float" / "run.json", what="a run")
    assert run["inputs"] == {"data": data, "groups": None, **split.to_inputs()}
    assert run["data"]["folds_sha256"] == folds_digest(split.deal(cells, folds=2, tell=print))
    train_qat(data, tmp_path / "float", tmp_path / "qat", call=Call(tell=print))
    assert reproduce(tmp_path / "float", None, data=None, groups=None, tell=print).identical
