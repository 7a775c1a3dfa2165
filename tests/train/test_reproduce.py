import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from tests.train.tiny import SETTINGS
from train import reproduce, stages
from train.__main__ import main
from train.config import StageSettings
from train.reproduce import Outcome, compare


@pytest.fixture
def moved(runs, tmp_path):
    """Copies of both runs beside each other; where they were made there is nothing any more."""
    for run in runs:
        change(shutil.copytree(run, tmp_path / "moved" / run.name), "inputs", run="/nowhere/float")
    return tmp_path / "moved"


def change(run, part, /, **values):
    """Change fields of a part of a run.json."""
    stored = json.loads((run / "run.json").read_text())
    stored[part] |= values
    (run / "run.json").write_text(json.dumps(stored))


def spoil(run, by=0.5, count=1):
    """Add to the first weights of a run's first head."""
    with h5py.File(run / "weights.h5", "r+") as stored:
        found = []
        stored.visititems(lambda name, item: found.append(item) if isinstance(item, h5py.Dataset) else None)
        kernel = next(item for item in found if item.name.endswith("kernel:0") and "_head" in item.name)
        values = kernel[()]
        values.flat[:count] += np.float32(by)
        kernel[()] = values


@pytest.fixture(scope="module")
def again(runs, tmp_path_factory):
    """The float run done again in this process."""
    out = tmp_path_factory.mktemp("again") / "float"
    reproduce.reproduce(runs[0], out, data=None, groups=None, tell=print)
    return out


@pytest.fixture
def idle(monkeypatch):
    """No training; what the stages would be called with."""
    called = []

    def stage(*args, **options):
        called.append((args, options))
        raise BegunError

    monkeypatch.setattr(reproduce, "train_float", stage)
    monkeypatch.setattr(reproduce, "train_qat", stage)
    return called


class BegunError(Exception):
    pass


def begin(run, out=None, *, data=None, groups=None):
    """Do it again up to where training begins; what was told."""
    said = []
    with pytest.raises(BegunError):
        reproduce.reproduce(run, out, data=data, groups=groups, tell=said.append)
    return said


# The same again.


@pytest.mark.parametrize("name", ["float", "qat"])
def test_a_run_is_done_again_bit_for_bit_wherever_its_directories_are_now(capsys, moved, name):
    assert main(["reproduce", str(moved / name)]) == 0
    said = capsys.readouterr()
    assert re.fullmatch(rf"{moved / name}: the same, all [\d,]+ weights bit for bit\n", said.out)
    out = moved / f"{name}-again"
    stored = json.loads((out / "reproduced.json").read_text())
    assert stored["identical"] is True
    assert (stored["differing"], stored["largest_difference"], stored["n"], stored["agreement"]) == (0, 0.0, 32, 1.0)
    first, second = (json.loads((run / "run.json").read_text()) for run in (moved / name, out))
    for part in ("settings", "data", "held_out", "operating_point", "labels", "variant"):
        assert first[part] == second[part], part


def test_what_is_finished_is_compared_and_not_trained_again(capsys, runs, again, monkeypatch):
    monkeypatch.setattr(stages, "fit", lambda stage: pytest.fail("trains"))
    assert main(["reproduce", str(runs[0]), "--out", str(again)]) == 0
    assert f"train: {again} is finished\n" in capsys.readouterr().err


def test_what_is_unfinished_is_gone_on_with(runs, tmp_path, idle):
    begin(runs[0], tmp_path / "new")
    shutil.copytree(runs[0], tmp_path / "finished")
    begin(runs[0], tmp_path / "finished")
    assert [options["call"].resume for _, options in idle] == [None, True]


def test_run_of_other_settings_in_the_way_is_refused_and_kept(refused, runs, tmp_path):
    other = shutil.copytree(runs[0], tmp_path / "other")
    stored = json.loads((other / "settings.json").read_text())
    stored["settings"]["seed"] = 99
    (other / "settings.json").write_text(json.dumps(stored))
    before = (other / "run.json").read_bytes()
    with refused("got settings.seed 99, not 3; "):
        reproduce.reproduce(runs[0], other, data=None, groups=None, tell=print)
    assert (other / "run.json").read_bytes() == before


# Not the same.


@pytest.mark.parametrize(("by", "count"), [(0.5, 1), (-2.0, 3), (1e-6, 1)])
def test_other_weights_are_told_with_number_and_size(capsys, runs, again, tmp_path, by, count):
    spoilt = shutil.copytree(runs[0], tmp_path / "spoilt")
    spoil(spoilt, by, count)
    assert main(["reproduce", str(spoilt), "--out", str(again)]) == 1
    found = re.fullmatch(
        rf"{spoilt}: not the same, ([\d,]+) of ([\d,]+) weights differ, by (\S+) at most; "
        r"the same label on 100\.00% of 32 images\n",
        capsys.readouterr().out,
    )
    assert int(found[1]) == count
    assert int(found[2].replace(",", "")) == json.loads((runs[0] / "run.json").read_text())["parameters"]
    # The weights are float32 of about one.
    assert float(found[3]) == pytest.approx(abs(by), rel=0.2 if abs(by) < 1e-3 else 1e-2)
    assert json.loads((again / "reproduced.json").read_text())["identical"] is False


def test_other_answers_are_counted(runs, tmp_path):
    other = shutil.copytree(runs[0], tmp_path / "other")
    with np.load(other / "held_out_logits.npz") as stored:
        arrays = dict(stored)
    answers = arrays["plain"].argmax(axis=1)
    for image in range(8):
        arrays["plain"][image, (answers[image] + 1) % 4] = 1000
    np.savez(other / "held_out_logits.npz", **arrays)
    outcome = compare(runs[0], other)
    assert (outcome.agreement, outcome.n, outcome.identical) == (24 / 32, 32, True)


def test_weights_that_are_no_number_are_not_the_same(runs, tmp_path):
    other = shutil.copytree(runs[0], tmp_path / "other")
    spoil(other, np.nan)
    assert not compare(runs[0], other).identical
    assert not compare(other, runs[0]).identical


def test_bits_are_compared_and_not_values_alone(runs, tmp_path):
    pair = [shutil.copytree(runs[0], tmp_path / name) for name in ("plus", "minus")]
    for run, zero in zip(pair, (0.0, -0.0), strict=True):
        with h5py.File(run / "weights.h5", "r+") as stored:
            found = []
            stored.visititems(lambda name, item, found=found: found.append(item) if "bias" in name else None)
            item = next(item for item in found if isinstance(item, h5py.Dataset))
            item[()] = np.full(item.shape, zero, np.float32)
    assert not compare(*pair).identical


def test_outcome_says_all_of_it_as_json():
    outcome = Outcome("r", 1234, 0, 0.0, 32, 1.0, ("numpy was 1, is 2",))
    assert outcome.identical
    assert outcome.describe() == "r: the same, all 1,234 weights bit for bit"
    assert json.loads(json.dumps(outcome.to_json()))["differences"] == ["numpy was 1, is 2"]
    assert not replace(outcome, differing=1).identical


def test_runs_of_other_networks_cannot_be_compared(refused, runs):
    with refused("the weights of the network in .*, got others in"):
        compare(*runs)


@pytest.mark.parametrize("content", [None, b"", b"not HDF5"], ids=["missing", "empty", "text"])
def test_weights_that_cannot_be_read_are_one_line(refused, runs, tmp_path, content):
    other = shutil.copytree(runs[0], tmp_path / "other")
    (other / "weights.h5").unlink()
    if content is not None:
        (other / "weights.h5").write_bytes(content)
    with refused("the weights of a finished run at"):
        compare(runs[0], other)


# What is known to differ before.


def test_nothing_is_told_where_nothing_differs(runs, tmp_path, idle, monkeypatch):
    clean(monkeypatch, runs[0])
    assert begin(untouched(runs[0], tmp_path), tmp_path / "out") == []


def clean(monkeypatch, run):
    """A checkout at the commit of a run, without changes."""
    commit = json.loads((run / "run.json").read_text())["sittings"][0]["commit"]
    answers = {"rev-parse": commit, "status": ""}
    monkeypatch.setattr(reproduce, "git", lambda verb, *rest: answers[verb])


def untouched(run, tmp_path):
    """A copy of a run as if a clean checkout had made it."""
    copy = shutil.copytree(run, tmp_path / "copy")
    stored = json.loads((copy / "run.json").read_text())
    for sitting in stored["sittings"]:
        sitting["dirty"] = False
    (copy / "run.json").write_text(json.dumps(stored))
    return copy


@pytest.mark.parametrize(
    ("spoil", "wanted"),
    [
        (lambda stored: stored["provenance"]["packages"].update(numpy="1.0"), r"numpy was 1\.0, is [2-9]\.\S+"),
        (lambda stored: stored["provenance"]["packages"].update(pillow=None), r"pillow was None, is \d+\.\S+"),
        (lambda stored: stored["provenance"]["packages"].update(gone="3"), "gone was 3, is None"),
        (lambda stored: stored["provenance"]["platform"].update(cpu="Abacus"), "the processor was Abacus, is .+"),
        (lambda stored: stored["sittings"][0].update(commit="c0ffee" * 7), "the run was made by commit c0ffeec0ffee"),
        (
            lambda stored: stored["sittings"].append({"commit": "beef" * 10, "dirty": False, "from_step": 4}),
            "the run was made by commit (beefbeefbeef and [0-9a-f]{12}|[0-9a-f]{12} and beefbeefbeef)",
        ),
        (lambda stored: stored["sittings"][0].update(dirty=True), "the run was made by code that no commit holds"),
    ],
    ids=["version", "was missing", "is missing", "processor", "commit", "two commits", "dirty"],
)
def test_what_differs_is_told_before_it_begins(runs, tmp_path, idle, monkeypatch, spoil, wanted):
    clean(monkeypatch, runs[0])
    run = untouched(runs[0], tmp_path)
    stored = json.loads((run / "run.json").read_text())
    spoil(stored)
    (run / "run.json").write_text(json.dumps(stored))
    (line,) = begin(run, tmp_path / "out")
    assert re.fullmatch(f"may come out otherwise: {wanted}", line), line


def test_changes_since_the_commit_are_told(runs, tmp_path, idle, monkeypatch):
    run = untouched(runs[0], tmp_path)
    commit = json.loads((run / "run.json").read_text())["sittings"][0]["commit"]
    answers = {"rev-parse": commit, "status": " M train/loop.py"}
    monkeypatch.setattr(reproduce, "git", lambda verb, *rest: answers[verb])
    (line,) = begin(run, tmp_path / "out")
    assert line == "may come out otherwise: the code has changes that no commit holds"


def test_what_differs_is_kept_with_the_outcome(capsys, runs, again, tmp_path):
    run = shutil.copytree(runs[0], tmp_path / "run")
    change(run, "provenance", packages={"numpy": "1.0"})
    assert main(["reproduce", str(run), "--out", str(again)]) == 0
    lines = re.findall("^train: may come out otherwise: (numpy was 1.0, is .+)$", capsys.readouterr().err, re.MULTILINE)
    assert len(lines) == 1
    assert lines[0] in json.loads((again / "reproduced.json").read_text())["differences"]


# Where from and where to.


def test_stage_is_given_what_the_run_was_given(runs, smear_root, tmp_path, idle):
    begin(runs[0], tmp_path / "out")
    begin(runs[1], tmp_path / "out")
    (floats, options), (qat, others) = idle
    assert floats == (str(smear_root), tmp_path / "out")
    assert options["settings"] == SETTINGS
    assert qat == (str(smear_root), runs[0], tmp_path / "out")
    assert options["call"].groups is others["call"].groups is None


def test_images_and_groups_may_have_moved(moved, tmp_path, idle):
    change(moved / "float", "inputs", data="/nowhere/data", groups="/nowhere/groups.csv")
    begin(moved / "float")
    begin(moved / "float", data="here", groups="here.csv")
    assert [(args[0], options["call"].groups) for args, options in idle] == [
        ("/nowhere/data", "/nowhere/groups.csv"),
        ("here", "here.csv"),
    ]
    assert idle[0][0][1] == moved / "float-again"


def test_settings_are_those_of_the_run_and_not_of_the_one_it_started_from(moved, idle):
    stored = json.loads((moved / "qat" / "run.json").read_text())
    stored["settings"]["qat_stage"]["epochs"] = 7
    (moved / "qat" / "run.json").write_text(json.dumps(stored))
    begin(moved / "qat")
    ((_, options),) = idle
    assert options["change"](StageSettings(epochs=1, learning_rate=1)) == replace(SETTINGS.qat_stage, epochs=7)


def test_float_run_is_found_by_its_weights_and_not_by_its_name(runs, moved, idle):
    """Beside the int8 run lies another float run by the name of the one that it started from."""
    spoil(moved / "float")
    change(moved / "qat", "inputs", run=str(runs[0]))
    begin(moved / "qat")
    assert idle[0][0][1] == runs[0]


def test_float_run_that_is_gone_is_refused(refused, moved, idle):
    spoil(moved / "float")
    with refused("the float run that .* was fine-tuned from"):
        reproduce.reproduce(moved / "qat", None, data=None, groups=None, tell=print)
    assert idle == []


def test_other_images_are_refused_before_they_are_trained_on(refused, runs, smear_root, tmp_path, monkeypatch):
    root = shutil.copytree(smear_root, tmp_path / "smears")
    next((root / "images" / "TRAIN" / "MONOCYTE").iterdir()).unlink()
    monkeypatch.setattr(stages, "fit", lambda stage: pytest.fail("trains"))
    for run in runs:
        with refused("the images and source cells that the run in .* was trained on"):
            reproduce.reproduce(run, tmp_path / "out", data=str(root), groups=None, tell=print)
        assert not (tmp_path / "out").exists()


def test_images_that_are_gone_are_one_line(capsys, moved):
    change(moved / "float", "inputs", data="/nowhere/data")
    assert main(["reproduce", str(moved / "float")]) == 2
    assert re.search("^train: error: expected a data set folder at /nowhere/data, got", capsys.readouterr().err, re.M)
    assert not (moved / "float-again").exists()


@pytest.mark.parametrize("part", ["stage", "settings", "data", "sittings", "provenance"])
def test_run_json_that_is_not_whole_is_refused(refused, moved, idle, part):
    stored = json.loads((moved / "float" / "run.json").read_text())
    del stored[part]
    (moved / "float" / "run.json").write_text(json.dumps(stored))
    with refused("a run.json of this version"):
        reproduce.reproduce(moved / "float", None, data=None, groups=None, tell=print)


@pytest.mark.parametrize("inputs", [None, [], {}, "absent"], ids=["null", "list", "empty", "absent"])
def test_run_of_an_earlier_version_is_refused(refused, moved, idle, inputs):
    stored = json.loads((moved / "float" / "run.json").read_text())
    stored["inputs"] = inputs
    if inputs == "absent":
        del stored["inputs"]
    (moved / "float" / "run.json").write_text(json.dumps(stored))
    with refused("got one that does not say what it was made from; train again"):
        reproduce.reproduce(moved / "float", None, data=None, groups=None, tell=print)


@pytest.mark.parametrize("spelling", ["float", "../moved/float", "link"])
def test_run_is_never_written_into(refused, moved, idle, monkeypatch, spelling):
    (moved / "link").symlink_to(moved / "float")
    monkeypatch.chdir(moved)
    with refused("--out to be another directory"):
        reproduce.reproduce(moved / "float", Path(spelling), data=None, groups=None, tell=print)
    assert idle == []


@pytest.mark.parametrize("spelling", [".", "../float", "../float/"])
def test_directory_beside_is_found_however_the_run_is_named(moved, idle, monkeypatch, spelling):
    monkeypatch.chdir(moved / "float")
    begin(Path(spelling))
    assert idle[0][0][1].resolve() == moved / "float-again"


def test_unfinished_run_is_refused(refused, moved):
    (moved / "float" / "run.json").unlink()
    with refused("the run.json of a finished training run"):
        reproduce.reproduce(moved / "float", None, data=None, groups=None, tell=print)
