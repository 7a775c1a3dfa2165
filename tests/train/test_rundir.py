import json
import os
import re
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.errors import LeukoliteError
from edge_runtime.report import load_report
from tests.train.tiny import NETWORK, SETTINGS
from train import rundir
from train.config import PRESETS, SOURCE, Augmentation
from train.network import build_deployed
from train.stream import to_unit

AUGMENTED = replace(SETTINGS, augmentation=Augmentation(stain=0.2, flips=True), sampling=SOURCE)
LATER = ("augmentation", "sampling", "distillation")  # settings that earlier versions did not have


@pytest.mark.parametrize("settings", [*PRESETS.values(), SETTINGS, AUGMENTED], ids=[*PRESETS, "tiny", "augmented"])
def test_settings_survive_a_run_json(settings):
    stored = json.loads(json.dumps({"settings": rundir.to_plain(settings)}))
    assert rundir.settings_from(stored) == settings


def without(settings, names):
    """Plain settings as a version wrote them that did not have some."""
    return {name: value for name, value in rundir.to_plain(settings).items() if name not in names}


@pytest.mark.parametrize("names", [LATER, LATER[:1]])
def test_settings_from_before_there_were_some_are_as_when_nothing_is_said_of_them(names):
    assert rundir.settings_from({"settings": without(SETTINGS, names)}) == SETTINGS


def test_a_run_from_before_strides_were_an_option_has_one():
    stored = rundir.to_plain(PRESETS["full"])
    del stored["network"]["strided"]
    assert rundir.settings_from({"settings": stored}).network.strided == 1


@pytest.mark.parametrize("ending", ["finished", "unfinished"])
def test_a_run_that_was_begun_before_there_were_some_settings_is_gone_on_with(tmp_path, refused, ending):
    older = {**IDENTITY, "settings": without(SETTINGS, LATER)}
    rundir.prepare(tmp_path, identity=older, resume=None)
    if ending == "finished":
        (tmp_path / "run.json").write_text("{}")
    else:
        (tmp_path / "checkpoints").mkdir()
    other = {**IDENTITY, "settings": rundir.settings_of_stage("float", AUGMENTED)}
    with refused("got settings.augmentation.flips False, not True, settings.augmentation.stain 0.0, not 0.2, "):
        rundir.prepare(tmp_path, identity=other, resume=True)
    now = {**IDENTITY, "settings": rundir.settings_of_stage("float", SETTINGS)}
    assert rundir.prepare(tmp_path, identity=now, resume=True) == (ending == "finished")


def test_a_float_run_is_the_same_whatever_its_fine_tuning(tmp_path, refused):
    tuned = replace(SETTINGS, qat_stage=replace(SETTINGS.qat_stage, learning_rate=0.5))

    def identity(stage, settings):
        return {**IDENTITY, "stage": stage, "settings": rundir.settings_of_stage(stage, settings)}

    for stage, older in (("float", rundir.to_plain(SETTINGS)), ("qat", rundir.to_plain(SETTINGS))):
        rundir.prepare(tmp_path / stage, identity={**IDENTITY, "stage": stage, "settings": older}, resume=None)
        (tmp_path / stage / "run.json").write_text("{}")
        assert rundir.prepare(tmp_path / stage, identity=identity(stage, SETTINGS), resume=True)
    assert rundir.prepare(tmp_path / "float", identity=identity("float", tuned), resume=True)
    with refused("settings.qat_stage.learning_rate"):
        rundir.prepare(tmp_path / "qat", identity=identity("qat", tuned), resume=True)


def test_plain_settings_are_what_json_gives_back():
    plain = rundir.to_plain(SETTINGS)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["network"]["widths"] == [4, 6, 8]


@pytest.mark.parametrize(
    "run",
    [
        {},
        {"settings": None},
        {"settings": {}},
        {"settings": {**rundir.to_plain(SETTINGS), "later": 1}},
        {"settings": {**rundir.to_plain(SETTINGS), "float_stage": {"epochs": 1}}},
    ],
    ids=["none", "null", "empty", "unknown", "incomplete"],
)
def test_settings_that_are_not_whole_are_refused(refused, run):
    with refused("with all settings of this version"):
        rundir.settings_from(run)


IDENTITY = {
    "stage": "float",
    "settings": {"seed": 1, "network": {"widths": [4, 6], "towers": 2}},
    "data": "a" * 64,
    "folds_sha256": "f" * 64,
}
OTHER = {
    **IDENTITY,
    "settings": {"seed": 2, "network": {"widths": [4, 8], "towers": 2}},
    "data": "b" * 64,
}
DIFFERENCES = (
    f"data {'a' * 40}, not {'b' * 40}, settings.network.widths [4, 6], not [4, 8], settings.seed 1, not 2; "
    "give what that run was begun with, or begin anew with --no-resume or another --out"
)


def left_by(directory, state):
    """A directory as a run of IDENTITY leaves it, killed or at its end."""
    if state == "nothing":
        return directory
    assert rundir.prepare(directory, identity=IDENTITY, resume=None) is False
    (directory / rundir.PTQ_NAME).write_text("logits")
    if state == "unfinished":
        (directory / "checkpoints" / "step-000000001").mkdir(parents=True)
    if state == "finished":
        (directory / "run.json").write_text("{}")
        (directory / "weights.h5").write_text("weights")
    return directory


def state_of(directory):
    """What a directory holds now."""
    entries = ("run.json", "checkpoints/step-000000001", rundir.PTQ_NAME)
    held = {name for name in entries if (directory / name).exists()}
    identity = json.loads((directory / "settings.json").read_text()) if directory.is_dir() else None
    return identity, held


GOES_ON, BEGINS, DONE = "goes on", "begins anew", "is done"


@pytest.mark.parametrize(
    ("state", "identity", "resume", "outcome"),
    [
        ("nothing", IDENTITY, None, BEGINS),
        ("nothing", IDENTITY, True, "to hold a run of these settings and images, got none; give"),
        ("nothing", IDENTITY, False, BEGINS),
        ("unfinished", IDENTITY, None, GOES_ON),
        ("unfinished", IDENTITY, True, GOES_ON),
        ("unfinished", IDENTITY, False, BEGINS),
        ("unfinished", OTHER, None, f"to hold no other run of these settings and images, got {DIFFERENCES}"),
        ("unfinished", OTHER, True, f"to hold a run of these settings and images, got {DIFFERENCES}"),
        ("unfinished", OTHER, False, BEGINS),
        ("killed early", IDENTITY, None, BEGINS),
        ("killed early", IDENTITY, True, BEGINS),
        ("killed early", IDENTITY, False, BEGINS),
        ("killed early", OTHER, None, BEGINS),
        ("killed early", OTHER, True, f"to hold a run of these settings and images, got {DIFFERENCES}"),
        ("killed early", OTHER, False, BEGINS),
        ("finished", IDENTITY, None, BEGINS),
        ("finished", IDENTITY, True, DONE),
        ("finished", IDENTITY, False, BEGINS),
        ("finished", OTHER, None, BEGINS),
        ("finished", OTHER, True, f"to hold a run of these settings and images, got {DIFFERENCES}"),
        ("finished", OTHER, False, BEGINS),
    ],
    ids=lambda value: "other" if value is OTHER else "same" if value is IDENTITY else str(value)[:20],
)
def test_prepare_goes_on_begins_anew_or_refuses(refused, tmp_path, state, identity, resume, outcome):
    run = left_by(tmp_path / "deep" / "run", state)
    before = state_of(run)
    if outcome in (GOES_ON, BEGINS):
        assert rundir.prepare(run, identity=identity, resume=resume) is False
        kept = {"checkpoints/step-000000001", rundir.PTQ_NAME} if outcome == GOES_ON else set()
        assert state_of(run) == (identity, kept)
    elif outcome == DONE:
        assert rundir.prepare(run, identity=identity, resume=resume) is True
        assert state_of(run) == before
    else:
        with refused(re.escape(f"expected {run} {outcome}")):
            rundir.prepare(run, identity=identity, resume=resume)
        assert state_of(run) == before


@pytest.mark.parametrize(
    ("before", "now", "named"),
    [
        ({"a": 1}, {"a": 1, "b": 2}, "b none, not 2"),
        ({"a": 1}, {"a": 1, "b": None}, "b none, not None"),
        ({"a": 1, "b": 2}, {"a": 1}, "b 2, not none"),
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": 3}, "b {'c': 2}, not 3"),
        ({"b": {"c": {"d": 1, "e": 2}}}, {"b": {"c": {"d": 1, "e": 5}}}, "b.c.e 2, not 5"),
        ({"long": "x" * 99}, {"long": "y" * 99}, f"long {'x' * 40}, not {'y' * 40}"),
    ],
    ids=["more", "null", "less", "kind", "deep", "long"],
)
def test_differences_are_named_one_by_one(refused, tmp_path, before, now, named):
    left_by(tmp_path, "unfinished")
    (tmp_path / "settings.json").write_text(json.dumps(before))
    with refused(re.escape(f"got {named}; give")):
        rundir.prepare(tmp_path, identity=now, resume=None)


def test_identity_is_kept_as_json_gives_it_back(tmp_path):
    """Else an unfinished run would be refused as one of other settings."""
    identity = {"settings": rundir.to_plain(SETTINGS), "data": "x"}
    rundir.prepare(tmp_path, identity=identity, resume=None)
    (tmp_path / "checkpoints" / "step-000000001").mkdir(parents=True)
    assert rundir.prepare(tmp_path, identity=identity, resume=True) is False
    assert (tmp_path / "checkpoints" / "step-000000001").is_dir()


def test_beginning_anew_does_not_need_readable_settings(refused, tmp_path):
    left_by(tmp_path, "unfinished")
    (tmp_path / "settings.json").write_text("{")
    for resume in (None, True):
        with refused("the settings of a run"):
            rundir.prepare(tmp_path, identity=IDENTITY, resume=resume)
    assert rundir.prepare(tmp_path, identity=IDENTITY, resume=False) is False
    assert state_of(tmp_path) == (IDENTITY, set())


def test_run_that_was_done_again_is_not_finished_until_it_is(tmp_path):
    left_by(tmp_path, "finished")
    rundir.prepare(tmp_path, identity=IDENTITY, resume=None)
    with pytest.raises(LeukoliteError):
        rundir.prepare(tmp_path, identity=OTHER, resume=True)
    assert rundir.prepare(tmp_path, identity=IDENTITY, resume=True) is False


@pytest.mark.parametrize("state", ["unfinished", "finished"])
def test_what_another_run_held_out_is_not_left_to_be_taken_for_this_one_s(tmp_path, state):
    run = left_by(tmp_path, state)
    names = ("held_out.json", "held_out_logits.npz", "confusion.png")
    for name in names:
        (run / name).write_text("of the run before")
    rundir.prepare(run, identity=IDENTITY, resume=None)
    assert [name for name in names if (run / name).exists()] == (list(names) if state == "unfinished" else [])


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_a_file_in_the_place_of_the_directory_is_refused(tmp_path, refused, name):
    (tmp_path / "file").write_text("mine")
    with refused(f"a folder that can be written at .*{name}"):
        rundir.prepare(tmp_path / name, identity=IDENTITY, resume=None)


@pytest.mark.parametrize("state", ["unfinished", "finished"])
def test_what_a_kill_left_half_written_is_cleared_and_nothing_else(tmp_path, state):
    run = left_by(tmp_path, state)
    (run / ".model.part").mkdir()
    (run / ".model.part" / "saved_model.pb").write_text("half")
    (run / ".run.json.abc.part").write_text("{")
    for name in ("notes.part", ".mine"):
        (run / name).write_text("not ours")
    rundir.prepare(run, identity=IDENTITY, resume=None)
    left = {path.name for path in run.iterdir()}
    assert {"notes.part", ".mine"} <= left
    assert not {".model.part", ".run.json.abc.part"} & left
    assert (run / "checkpoints" / "step-000000001").is_dir() == (state == "unfinished")


# What a finished run holds.


def test_weights_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    model, other = build_deployed(NETWORK, classes=4), build_deployed(NETWORK, classes=4)
    rundir.save_weights(model, tmp_path)
    other.load_weights(str(tmp_path / "weights.h5"))
    assert all((one == two).all() for one, two in zip(model.get_weights(), other.get_weights(), strict=True))
    before = (tmp_path / "weights.h5").read_bytes()
    other.set_weights([weight + 1 for weight in other.get_weights()])

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises((OSError, LeukoliteError), match="No space"):
        rundir.save_weights(other, tmp_path)
    assert (tmp_path / "weights.h5").read_bytes() == before


def test_arrays_come_back_as_they_were(tmp_path):
    arrays = {"plain": np.random.default_rng(0).random((5, 4), np.float32), "classes": np.arange(5)}
    rundir.save_arrays(tmp_path / "a.npz", **arrays)
    with np.load(tmp_path / "a.npz") as stored:
        assert set(stored) == set(arrays)
        for name, array in arrays.items():
            assert stored[name].dtype == array.dtype
            assert (stored[name] == array).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_digest_of_the_folds_tells_who_is_held_out_for_whom(cells):
    digest = rundir.folds_digest(cells)
    assert rundir.folds_digest(replace(cells, folds=cells.folds.copy())) == digest
    assert rundir.folds_digest(replace(cells, folds=1 - cells.folds)) != digest


def test_export_gives_the_mean_logits_for_any_number_of_pictures(tmp_path):
    model = build_deployed(NETWORK, classes=4)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "of an earlier run").write_text("")
    rundir.export(model, tmp_path, settings=NETWORK)
    loaded = tf.saved_model.load(str(tmp_path / "model"))
    signature = loaded.signatures["serving_default"]
    assert signature.structured_input_signature[1]["pixels"].shape.as_list() == [None, 24, 32, 3]
    for count in (1, 5):
        pixels = to_unit(np.random.default_rng(count).integers(0, 256, (count, 24, 32, 3), dtype=np.uint8))
        # The same graph, compiled: rounding alone may differ.
        assert signature(pixels=pixels)["logits"].numpy() == pytest.approx(model(pixels)[1].numpy(), abs=1e-5)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]
    assert not (tmp_path / "model" / "of an earlier run").exists()


def test_held_out_report_counts_every_image_by_its_own_logits(cells, tmp_path):
    (tmp_path / rundir.WEIGHTS_NAME).write_bytes(b"weights")
    logits = np.full((32, 4), -1000.0, np.float32)  # a plain softmax would overflow on their exponentials' sum
    logits[np.arange(32), cells.classes] = 1000
    logits[0] = [0, 2, 1, 0]  # the first, an eosinophil, is taken for a lymphocyte
    report = rundir.held_out_report(cells, logits, variant="float32", directory=tmp_path, provenance={})
    assert (report.n, report.n_errors, report.accuracy) == (32, 0, 31 / 32)
    assert report.balanced_accuracy == pytest.approx((7 / 8 + 3) / 4)
    first = report.predictions[0]
    assert (first.path, first.true, first.predicted) == (cells.images[0].name, "EOSINOPHIL", "LYMPHOCYTE")
    wanted = np.exp(2) / (np.exp(2) + np.exp(1) + 2)
    assert first.confidence == pytest.approx(wanted, rel=1e-6)  # float32 logits
    assert report.groups["n"] == len({origin.group for origin in cells.origins}) == 4 + 3 + 2 + 6
    assert load_report(tmp_path / "held_out.json").data["sha256"] == cells.digest


def test_what_a_kill_left_of_a_finished_run_s_checkpoints_goes_when_it_is_asked_for_again(tmp_path):
    rundir.prepare(tmp_path, identity=IDENTITY, resume=None)
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "checkpoints" / "step-000000001").mkdir(parents=True)
    assert rundir.prepare(tmp_path, identity=IDENTITY, resume=True) is True
    assert not (tmp_path / "checkpoints").exists()
