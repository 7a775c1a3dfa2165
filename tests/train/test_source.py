import json
import os
import shutil
import sys
from types import SimpleNamespace

import pytest

from tests.train.tiny import SMEARS
from train import source
from train.source import is_rehearsal, provide


@pytest.fixture(autouse=True)
def nowhere(tmp_path, monkeypatch):
    """A working directory without data, no variable, no network, and small rehearsals."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    monkeypatch.delenv("LEUKOLITE_DATA", raising=False)
    kaggle(monkeypatch, ConnectionError("no route to host\nat all " + "x" * 500))
    monkeypatch.setattr(source, "SmearSettings", lambda: SMEARS)


def kaggle(monkeypatch, answer):
    """Lets kagglehub give a path, or raise."""

    def download(handle):
        assert handle == "paultimothymooney/blood-cells"
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    monkeypatch.setitem(sys.modules, "kagglehub", SimpleNamespace(dataset_download=download))


@pytest.fixture
def data(picture, tmp_path):
    """Writes a data set of two classes below a name, and gives its root."""

    def write(name):
        for image in ("TRAIN/A/1.png", "TRAIN/A/2.png", "TRAIN/B/1.png", "TEST/A/1.png"):
            picture(f"{name}/{image}", color="RED")
        return tmp_path / name

    return write


@pytest.fixture
def out(tmp_path):
    return tmp_path / "build" / "data"


def told(out):
    return json.loads((out / "source.json").read_text())


def silent(line):
    raise AssertionError(line)


def test_data_given_win(data, out, monkeypatch):
    monkeypatch.setenv("LEUKOLITE_DATA", str(data("other")))
    data("cwd/data/blood-cells")
    link = provide(out, given=str(data("mine")), tell=silent)
    assert (link, link.resolve()) == (out / "root", data("mine"))
    assert told(out) == {"root": str(data("mine")), "rehearsal": False, "train": {"A": 2, "B": 1}}


def test_then_the_variable(data, out, monkeypatch):
    monkeypatch.setenv("LEUKOLITE_DATA", str(data("other")))
    data("cwd/data/blood-cells")
    assert provide(out, given=None, tell=silent).resolve() == data("other")


@pytest.mark.parametrize("empty", [None, ""])
def test_then_the_usual_place(data, out, monkeypatch, empty):
    monkeypatch.setenv("LEUKOLITE_DATA", "")
    place = data("cwd/data/blood-cells")
    assert provide(out, given=empty, tell=silent).resolve() == place


def test_then_kaggle(data, out, monkeypatch):
    kaggle(monkeypatch, data("downloaded"))
    said = []
    assert provide(out, given=None, tell=said.append).resolve() == data("downloaded")
    (line,) = said
    assert line.endswith("asking Kaggle for paultimothymooney/blood-cells")
    assert not told(out)["rehearsal"]


@pytest.mark.parametrize("why", ["network", "package"])
def test_without_any_generated_smears_and_a_plain_word_about_it(out, monkeypatch, why):
    if why == "package":
        monkeypatch.setitem(sys.modules, "kagglehub", None)
    said = []
    link = provide(out, given=None, tell=said.append)
    assert link.resolve() == (out / "smears").resolve()
    assert said[-2].startswith("Kaggle's download is not to be had (")
    assert len(said[-2]) < 250
    assert said[-1].startswith("REHEARSAL on generated smears")
    assert all("\n" not in line for line in said)
    assert told(out)["rehearsal"]
    assert told(out)["train"] == dict.fromkeys(("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"), 8)
    assert is_rehearsal(str(link))


def test_smears_are_drawn_once(out, monkeypatch):
    provide(out, given=None, tell=lambda line: None)
    monkeypatch.setattr(source, "generate", None)  # raises when called
    assert provide(out, given=None, tell=lambda line: None).resolve() == (out / "smears").resolve()


def test_smears_that_were_interrupted_are_drawn_again(out):
    provide(out, given=None, tell=lambda line: None)
    (out / "smears" / "groups.csv").unlink()  # written last
    next((out / "smears" / "images" / "TRAIN" / "MONOCYTE").iterdir()).unlink()
    provide(out, given=None, tell=lambda line: None)
    assert told(out)["train"]["MONOCYTE"] == 8
    assert (out / "groups.csv").read_bytes() == (out / "smears" / "groups.csv").read_bytes()


@pytest.mark.parametrize("by", ["option", "variable", "usual place"])
def test_what_is_named_but_no_data_set_is_refused(refused, out, tmp_path, monkeypatch, by):
    (tmp_path / "cwd" / "data" / "blood-cells").mkdir(parents=True)
    (tmp_path / "cwd" / "elsewhere").mkdir()
    if by == "variable":
        monkeypatch.setenv("LEUKOLITE_DATA", "elsewhere")
    with refused("below (elsewhere|data/blood-cells)"):
        provide(out, given="elsewhere" if by == "option" else None, tell=silent)
    assert not out.exists()


def test_a_name_that_leads_nowhere_is_refused(refused, out):
    with refused("a data set folder at nowhere, got nothing;"):
        provide(out, given="nowhere", tell=silent)


def test_a_data_set_without_the_training_split_is_refused(refused, data, out):
    root = data("mine")
    (root / "TRAIN").rename(root / "VALIDATE")
    with refused("a split TRAIN"):
        provide(out, given=str(root), tell=silent)


def test_nothing_new_leaves_the_file_alone(data, out):
    root = data("mine")
    provide(out, given=str(root), tell=silent)
    os.utime(out / "source.json", ns=(1, 1))
    provide(out, given=str(root), tell=silent)
    assert (out / "source.json").stat().st_mtime_ns == 1


@pytest.mark.parametrize("change", ["another root", "another image"])
def test_another_data_set_changes_the_file(data, picture, out, change):
    root = data("mine")
    provide(out, given=str(root), tell=silent)
    os.utime(out / "source.json", ns=(1, 1))
    if change == "another root":
        root = data("other")
    else:
        picture("mine/TRAIN/B/2.png", color="RED")
    link = provide(out, given=str(root), tell=silent)
    assert (out / "source.json").stat().st_mtime_ns != 1
    assert link.resolve() == root


def test_groups_are_linked_beside_the_root_and_the_link_follows_them(data, out):
    root = data("mine")
    groups = root / "groups.csv"
    groups.write_text("path,source,group\nTRAIN/A/1.png,s,g\n")
    provide(out, given=str(root), tell=silent)
    assert (out / "groups.csv").resolve() == groups
    groups.unlink()
    provide(out, given=str(root), tell=silent)
    assert not (out / "groups.csv").is_symlink()


def test_root_may_be_relative(data, out):
    data("cwd/mine")
    assert provide(out, given="mine", tell=silent).resolve() == data("cwd/mine")


@pytest.mark.parametrize("name", ["root/mine.txt", "root", "groups.csv"])
def test_what_is_in_the_place_of_a_link_is_not_removed(refused, data, out, name):
    mine = out / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    with refused(f"nothing but a link at .*{name.partition('/')[0]}"):
        provide(out, given=str(data("mine")), tell=silent)
    assert [path for path in out.rglob("*") if path.is_file()] == [mine]


def test_the_data_set_s_own_folder_as_output_keeps_its_groups(refused, smear_root, tmp_path):
    own = shutil.copytree(smear_root, tmp_path / "own")
    with refused("nothing but a link at .*groups.csv, to be replaced, got a file"):
        provide(own, given=str(own), tell=silent)
    assert (own / "groups.csv").read_bytes() == (smear_root / "groups.csv").read_bytes()


def test_a_file_in_the_place_of_the_output_is_refused(refused, data, tmp_path):
    (tmp_path / "file").write_text("mine")
    with refused("a folder that can be written at .*file"):
        provide(tmp_path / "file", given=str(data("mine")), tell=silent)


@pytest.mark.parametrize("below", ["", "images", "images/TRAIN"])
def test_smears_are_known_for_a_rehearsal_from_any_root(smear_root, below):
    assert is_rehearsal(str(smear_root / below))


def test_real_pictures_are_no_rehearsal(data):
    root = data("mine")
    assert not is_rehearsal(str(root))
    (root / "README.txt").write_text("These are cells.")
    assert not is_rehearsal(str(root))


def test_the_real_data_set_is_no_rehearsal(data_root):
    assert not is_rehearsal(str(data_root))


def test_a_folder_goes_on_with_the_data_that_it_was_begun_with(data, out):
    """Neither a rehearsal nor the usual place takes over because DATA was left out the second time."""
    root = data("mine")
    provide(out, given=str(root), tell=silent)
    before = told(out)
    data("cwd/data/blood-cells")
    assert provide(out, given=None, tell=silent).resolve() == root.resolve()
    assert told(out) == before


def test_data_that_are_named_take_the_place_of_those_it_was_begun_with(data, out, monkeypatch):
    provide(out, given=str(data("first")), tell=silent)
    monkeypatch.setenv("LEUKOLITE_DATA", str(data("second")))
    assert provide(out, given=None, tell=silent).resolve() == data("second").resolve()
    assert told(out)["root"] == str(data("second").resolve())


def test_a_rehearsal_or_data_that_are_gone_hold_nothing_back(data, out):
    lines = []
    provide(out, given=None, tell=lines.append)
    assert told(out)["rehearsal"]
    root = data("cwd/data/blood-cells")
    assert provide(out, given=None, tell=silent).resolve() == root.resolve()
    root.rename(root.with_name("elsewhere"))
    provide(out, given=None, tell=lines.append)
    assert told(out)["rehearsal"]
