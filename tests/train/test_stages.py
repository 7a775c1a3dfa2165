import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from edge_runtime.dataset import open_dataset
from edge_runtime.image import decode
from edge_runtime.report import load_report
from tests.train.tiny import SETTINGS
from train import rundir, stages
from train.__main__ import main
from train.config import SOURCE, Augmentation
from train.history import read_history
from train.loading import load_cells
from train.operating import read_held_out
from train.reproduce import compare
from train.stages import Call, train_float, train_qat

FILES = [
    *("confusion.png", "curves.png", "held_out.json", "held_out_logits.npz", "history.csv"),
    *("model", "run.json", "settings.json", "weights.h5"),
]


@pytest.fixture
def own_root(smear_root, tmp_path):
    """A copy of the generated pictures that a test may spoil."""
    return shutil.copytree(smear_root, tmp_path / "smears")


class BegunError(Exception):
    pass


class PowerCutError(Exception):
    pass


def quiet(**how):
    """A call that says nothing."""
    return Call(**{"tell": lambda line: None, **how})


def run_json(directory):
    return json.loads((directory / "run.json").read_text())


def begun(monkeypatch, check=lambda stage: None):
    """Lets the next training end where it begins, after `check(stage)`."""

    def begin(stage):
        check(stage)
        raise BegunError

    monkeypatch.setattr(stages, "fit", begin)
    return pytest.raises(BegunError)


def unfinished(run, to):
    """A copy of a run as a power cut leaves it."""
    copy = shutil.copytree(run, to)
    (copy / "run.json").unlink()
    (copy / "checkpoints" / "step-000000001").mkdir(parents=True)
    return copy


# What a stage leaves.


@pytest.mark.parametrize(
    ("number", "stage", "variant", "epochs"), [(0, "float", "float32", 2), (1, "qat", "int8_qat", 1)]
)
def test_stage_leaves_a_whole_run(runs, smear_root, number, stage, variant, epochs):
    directory = runs[number]
    extra = ["ptq_logits.npz"] if stage == "qat" else []
    assert sorted(path.name for path in directory.iterdir()) == sorted(FILES + extra)
    run = run_json(directory)
    assert (run["stage"], run["variant"], run["settings"]["seed"]) == (stage, variant, 3)
    assert run["labels"] == ["EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"]
    assert (run["groups"], run["rehearsal"]) == ("groups.csv", True)
    assert run["data"]["sources"] == {"EOSINOPHIL": 4, "LYMPHOCYTE": 3, "MONOCYTE": 2, "NEUTROPHIL": 6}
    assert run["source_share"] == pytest.approx([4 / 15, 3 / 15, 2 / 15, 6 / 15])
    assert run["provenance"]["packages"]["tensorflow"] == tf.__version__
    assert len(read_history(directory)) == epochs
    report = load_report(directory / "held_out.json")
    assert (report.n, report.n_errors, report.model["variant"]) == (32, 0, variant)
    assert run["held_out"]["balanced_accuracy"] == report.balanced_accuracy
    for name in ("curves.png", "confusion.png"):
        with Image.open(directory / name) as picture:
            picture.load()


@pytest.mark.parametrize("number", [0, 1])
def test_run_json_says_what_the_run_was_made_from_and_by(runs, cells, smear_root, number):
    run = run_json(runs[number])
    beside = {"run": str(runs[0])} if number else {}
    assert run["inputs"] == {"data": str(smear_root), "groups": None, **beside}
    (sitting,) = run["sittings"]
    assert sitting["from_step"] == 0
    assert sitting["commit"] == run["provenance"]["commit"]
    assert sitting["dirty"] in (True, False)
    loaded, _ = load_cells(str(smear_root), settings=SETTINGS, groups=None, tell=lambda line: None)
    assert run["data"]["sha256"] == loaded.digest == cells.digest
    assert run["data"]["folds_sha256"] == rundir.folds_digest(loaded)
    assert rundir.folds_digest(loaded) != rundir.folds_digest(cells)  # those were dealt with another seed


def test_settings_json_says_what_the_checkpoints_belong_to(runs):
    floats, qat = (json.loads((run / "settings.json").read_text()) for run in runs)
    run = run_json(runs[0])
    assert floats == {
        "stage": "float",
        "settings": {name: value for name, value in run["settings"].items() if name != "qat_stage"},
        "data": run["data"]["sha256"],
        "folds_sha256": run["data"]["folds_sha256"],
    }
    assert qat == {
        **floats,
        "stage": "qat",
        "settings": run["settings"],
        "starts_from_sha256": run_json(runs[1])["starts_from_sha256"],
    }


def test_untrained_int8_answers_are_kept_beside_the_trained_ones(runs):
    floats, trained = (read_held_out(run / "held_out_logits.npz") for run in runs)
    untrained = read_held_out(runs[1] / "ptq_logits.npz")
    for part in (1, 2):  # classes and log shares
        assert (untrained[part] == trained[part]).all()
    assert untrained[0].shape == trained[0].shape == floats[0].shape == (32, 4)
    assert not (untrained[0] == trained[0]).all()
    # Quantised after training, they are the float network's but for the rounding; training moves on from there.
    distance = np.abs(untrained[0] - floats[0]).max()
    assert 0 < distance < np.abs(trained[0] - floats[0]).max()


def test_both_stages_are_of_the_same_data_and_settings(runs):
    first, second = (run_json(directory) for directory in runs)
    for part in ("data", "labels", "settings", "source_share", "parameters"):
        assert first[part] == second[part], part


def test_int8_run_stays_near_the_float_one(runs, smear_root):
    image = open_dataset(smear_root, split="TEST").images[0]
    pixels = tf.constant(decode(image.path, height_px=24, width_px=32)[np.newaxis] / np.float32(255))
    loaded = [tf.saved_model.load(str(directory / "model")) for directory in runs]
    first, second = (model.signatures["serving_default"](pixels=pixels)["logits"].numpy() for model in loaded)
    # One epoch at a small rate and 8-bit rounding move logits a little, never by as much as they are large.
    assert np.abs(first - second).max() < 0.5 * np.abs(first).max()
    assert not (first == second).all()


def test_class_without_a_readable_image_is_refused_before_anything_is_written(refused, own_root, tmp_path):
    for path in (own_root / "images" / "TRAIN" / "MONOCYTE").iterdir():
        path.write_bytes(b"no image")
    with refused("got none of MONOCYTE;"):
        train_float(str(own_root), tmp_path / "run", settings=SETTINGS, call=quiet())
    assert not (tmp_path / "run").exists()


# Going on, and beginning anew.


@pytest.mark.parametrize("number", [0, 1], ids=["float", "qat"])
def test_run_that_is_killed_while_its_results_are_written_is_finished_from_its_checkpoint(
    runs, smear_root, tmp_path, monkeypatch, number
):
    out, said = tmp_path / "again", []

    def train(**how):
        if number:
            return train_qat(str(smear_root), runs[0], out, call=quiet(**how))
        return train_float(str(smear_root), out, settings=SETTINGS, call=quiet(**how))

    def cut(*args, **options):
        raise PowerCutError

    with monkeypatch.context() as patch:
        patch.setattr(rundir, "export", cut)
        with pytest.raises(PowerCutError):
            train()
    assert not (out / "run.json").exists()
    monkeypatch.setattr(stages.Stage, "__post_init__", after(stages.Stage.__post_init__, forget))
    report = train(resume=True, tell=said.append)
    epochs, steps = (1, 4) if number else (2, 8)
    assert said[1] == f"goes on after epoch {epochs}, batch 0 (checkpoint of step {steps})"
    assert report.predictions == load_report(runs[number] / "held_out.json").predictions
    assert compare(runs[number], out).identical
    first, second = (run_json(run) for run in (runs[number], out))
    assert second["held_out"] == first["held_out"]
    assert [sitting["from_step"] for sitting in second["sittings"]] == [0, steps]
    assert not (out / "checkpoints").exists()
    if number:
        untrained = [read_held_out(run / "ptq_logits.npz")[0] for run in (runs[1], out)]
        assert (untrained[0] == untrained[1]).all()


def after(function, then):
    """A function with another after it."""

    def both(stage):
        function(stage)
        then(stage)

    return both


def forget(stage):
    """Spoil what a stage starts with: the trained weights must come from the checkpoint."""
    for variable in stage.trained:
        variable.assign(tf.zeros_like(variable))


def test_finished_run_is_left_as_it_is_where_one_only_wants_to_go_on(runs, smear_root, tmp_path, monkeypatch):
    again, said = shutil.copytree(runs[0], tmp_path / "again"), []
    monkeypatch.setattr(stages, "fit", lambda stage: pytest.fail("trains"))
    before = {path: path.stat().st_mtime_ns for path in again.rglob("*")}
    report = train_float(str(smear_root), again, settings=SETTINGS, call=Call(tell=said.append, resume=True))
    assert said[-1] == f"{again} is finished"
    assert report == load_report(runs[0] / "held_out.json")
    assert {path: path.stat().st_mtime_ns for path in again.rglob("*")} == before


@pytest.mark.parametrize("resume", [None, False])
def test_finished_run_is_done_again(runs, smear_root, tmp_path, monkeypatch, resume):
    again = shutil.copytree(runs[0], tmp_path / "again")
    with begun(monkeypatch):
        train_float(str(smear_root), again, settings=SETTINGS, call=quiet(resume=resume))
    assert not (again / "run.json").exists()


def test_nothing_to_go_on_with_is_refused(refused, smear_root, tmp_path):
    with refused("to hold a run of these settings and images, got none;"):
        train_float(str(smear_root), tmp_path / "run", settings=SETTINGS, call=quiet(resume=True))
    assert not (tmp_path / "run").exists()


# Went it on from its checkpoints, each tower would be held out on images that it was trained on.
def test_other_groups_are_refused_where_they_would_cost_checkpoints(refused, runs, own_root, tmp_path, monkeypatch):
    again = unfinished(runs[0], tmp_path / "again")
    (own_root / "groups.csv").unlink()
    with refused("got folds_sha256 [0-9a-f]{40}, not [0-9a-f]{40}; give what that run was begun with"):
        train_float(str(own_root), again, settings=SETTINGS, call=quiet())
    assert (again / "checkpoints" / "step-000000001").is_dir()
    with begun(monkeypatch, lambda stage: None if not (again / "checkpoints").exists() else pytest.fail("kept")):
        train_float(str(own_root), again, settings=SETTINGS, call=quiet(resume=False))


def test_other_groups_start_afresh_where_the_run_was_finished(runs, own_root, tmp_path, monkeypatch):
    again = shutil.copytree(runs[0], tmp_path / "again")
    (own_root / "groups.csv").unlink()
    with begun(monkeypatch):
        train_float(str(own_root), again, settings=SETTINGS, call=quiet())


def test_call_goes_into_the_stage(smear_root, tmp_path, monkeypatch):
    seen = []
    for how in ({}, {"checkpoint_every": 7, "tensorboard": True}):
        with begun(monkeypatch, seen.append):
            train_float(str(smear_root), tmp_path / str(len(seen)), settings=SETTINGS, call=quiet(**how))
    assert [stage.checkpoint_every for stage in seen] == [100, 7]
    assert seen[0].log is None
    assert seen[1].log.directory == tmp_path / "1" / "tensorboard"


# Fine-tuning.


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda run: (run / "run.json").unlink(), "the run.json of a finished training run"),
        (lambda run: (run / "run.json").write_text('{"stage": "qat"}'), "got one of the stage qat"),
        (
            lambda run: (run / "run.json").write_text('{"stage": "float", "data": {}}'),
            "without settings;",
        ),
        (lambda run: (run / "run.json").write_text("{"), "the run.json of a finished training run"),
    ],
    ids=["missing", "qat", "incomplete", "damaged"],
)
def test_fine_tuning_needs_a_finished_float_run(refused, runs, smear_root, tmp_path, change, match):
    run = shutil.copytree(runs[0], tmp_path / "run")
    change(run)
    with refused(match):
        train_qat(str(smear_root), run, tmp_path / "qat", call=quiet())
    assert not (tmp_path / "qat").exists()


@pytest.mark.parametrize("left_bytes", [None, 0, 5000])
def test_weights_that_are_gone_or_cut_are_refused_before_what_is_there_gives_way(
    refused, runs, smear_root, tmp_path, left_bytes
):
    floats, qat = (shutil.copytree(run, tmp_path / run.name) for run in runs)
    content = (floats / "weights.h5").read_bytes()
    (floats / "weights.h5").unlink()
    if left_bytes is not None:
        (floats / "weights.h5").write_bytes(content[:left_bytes])
    with refused("the weights of this network at .*weights.h5"):
        train_qat(str(smear_root), floats, qat, call=quiet())
    assert run_json(qat) == run_json(runs[1])


def test_fine_tuning_refuses_to_overwrite_the_float_run(refused, runs, smear_root):
    before = run_json(runs[0])
    with refused("--out to be another directory"):
        train_qat(str(smear_root), runs[0], runs[0], call=quiet())
    assert run_json(runs[0]) == before


@pytest.mark.parametrize("spoil", ["images", "groups"])
def test_fine_tuning_refuses_other_images_and_groups(refused, runs, own_root, tmp_path, spoil):
    if spoil == "images":
        next((own_root / "images" / "TRAIN" / "MONOCYTE").iterdir()).unlink()
    else:
        (own_root / "groups.csv").unlink()
    with refused("the images and source cells that the run in .* was trained on"):
        train_qat(str(own_root), runs[0], tmp_path / "qat", call=quiet())
    assert not (tmp_path / "qat").exists()


@pytest.fixture
def other_weights(runs, tmp_path):
    """A copy of the float run with other weights."""
    from train.network import build_deployed

    floats = shutil.copytree(runs[0], tmp_path / "float")
    tf.keras.utils.set_random_seed(0)
    build_deployed(SETTINGS.network, classes=4).save_weights(str(floats / "weights.h5"))
    return floats


def test_fine_tuning_of_other_weights_starts_afresh(runs, smear_root, tmp_path, monkeypatch, other_weights):
    qat = shutil.copytree(runs[1], tmp_path / "qat")
    (qat / "checkpoints" / "step-000000004").mkdir(parents=True)  # killed between run.json and tidying up

    def check(stage):
        assert not (qat / "checkpoints").exists()
        untrained = [read_held_out(run / "ptq_logits.npz")[0] for run in (runs[1], qat)]
        assert not (untrained[0] == untrained[1]).all()

    with begun(monkeypatch, check):
        train_qat(str(smear_root), other_weights, qat, call=quiet())


def test_fine_tuning_of_other_weights_is_refused_where_it_would_cost_checkpoints(
    refused, runs, smear_root, tmp_path, other_weights
):
    qat = unfinished(runs[1], tmp_path / "qat")
    with refused("got starts_from_sha256 [0-9a-f]{40}, not [0-9a-f]{40}; give"):
        train_qat(str(smear_root), other_weights, qat, call=quiet())
    assert (qat / "checkpoints" / "step-000000001").is_dir()


@pytest.mark.parametrize("resume", [None, True])
def test_other_settings_of_fine_tuning_are_refused_where_they_would_cost_checkpoints(
    refused, runs, smear_root, tmp_path, resume
):
    qat = unfinished(runs[1], tmp_path / "qat")
    with refused("got settings.qat_stage.epochs 1, not 4; give"):
        train_qat(str(smear_root), runs[0], qat, call=quiet(resume=resume), change=lambda own: replace(own, epochs=4))


def test_both_stages_learn_from_what_the_recipe_says(runs, smear_root, tmp_path, monkeypatch):
    recipe = {"augmentation": Augmentation(stain=0.2), "sampling": SOURCE}
    floats, seen = shutil.copytree(runs[0], tmp_path / "float"), []
    run = run_json(floats)
    (floats / "run.json").write_text(json.dumps(run | {"settings": rundir.to_plain(replace(SETTINGS, **recipe))}))
    with begun(monkeypatch, seen.append):
        train_float(str(smear_root), tmp_path / "other", settings=replace(SETTINGS, **recipe), call=quiet())
    with begun(monkeypatch, seen.append):
        train_qat(str(smear_root), floats, tmp_path / "qat", call=quiet())
    assert [{name: getattr(stage, name) for name in recipe} for stage in seen] == [recipe, recipe]


def test_change_is_of_this_stage_alone(runs, smear_root, tmp_path, monkeypatch):
    seen = []
    with begun(monkeypatch, seen.append):
        train_qat(str(smear_root), runs[0], tmp_path / "qat", call=quiet(), change=lambda own: replace(own, epochs=4))
    assert seen[0].settings == replace(SETTINGS.qat_stage, epochs=4)
    assert seen[0].network == SETTINGS.network
    stored = json.loads((tmp_path / "qat" / "settings.json").read_text())["settings"]
    assert rundir.settings_from({"settings": stored}) == replace(SETTINGS, qat_stage=seen[0].settings)
    assert run_json(runs[0])["settings"] == rundir.to_plain(SETTINGS)


# What decides the result.


def test_nothing_but_settings_and_images_decides_the_result(runs, smear_root, tmp_path):
    # In a process that has drawn and computed other things since; the call's ways change nothing either.
    tf.random.set_seed(99)
    np.random.seed(99)
    how = quiet(checkpoint_every=3, tensorboard=True)
    pair = runs[0], tmp_path / "again"
    train_float(str(smear_root), pair[1], settings=SETTINGS, call=how)
    outcome = compare(*pair)
    assert outcome.identical
    assert outcome.agreement == 1
    figures = [[(epoch.loss, epoch.tpr, epoch.held_out_tpr) for epoch in read_history(run)] for run in pair]
    assert figures[0] == figures[1]
    assert len(list((pair[1] / "tensorboard").iterdir())) == 1
    logits = [read_held_out(run / "held_out_logits.npz")[0] for run in pair]
    assert (logits[0] == logits[1]).all()


def test_another_seed_gives_another_result(runs, smear_root, tmp_path):
    train_float(str(smear_root), tmp_path / "other", settings=replace(SETTINGS, seed=4), call=quiet())
    outcome = compare(runs[0], tmp_path / "other")
    assert outcome.differing > outcome.weights / 2
    assert read_history(tmp_path / "other")[0].loss != pytest.approx(read_history(runs[0])[0].loss, rel=1e-2)


# What the figures are of.


def test_held_out_figures_are_those_at_the_operating_point(runs):
    run, report = run_json(runs[0]), load_report(runs[0] / "held_out.json")
    point = run["operating_point"]
    assert point["balanced_accuracy"] == pytest.approx(report.balanced_accuracy)
    assert point["lowest_tpr"] == min(rates.tpr for rates in report.per_class.values())


def test_exported_towers_answer_as_the_held_out_report_says(runs, smear_root):
    from train.network import build_deployed

    cells, _ = load_cells(str(smear_root), settings=SETTINGS, groups=None, tell=lambda line: None)
    model = build_deployed(SETTINGS.network, classes=4)
    model.load_weights(str(runs[0] / "weights.h5"))
    pixels = np.stack([decode(image.path, height_px=24, width_px=32) for image in cells.images]) / np.float32(255)
    logits = model(pixels)[0].numpy().reshape(-1, 2, 4)[np.arange(32), cells.folds]
    confidence = tf.nn.softmax(logits).numpy().max(axis=1)
    rows = load_report(runs[0] / "held_out.json").predictions
    # Folding rounds in another order: float32 logits of some units.
    assert [row.confidence for row in rows] == pytest.approx(confidence.tolist(), abs=1e-4)


def test_fine_tuning_adds_the_prior_that_was_taken_out(runs, smear_root, tmp_path, monkeypatch):
    def check(stage):
        assert stage.log_prior == pytest.approx(np.log(run_json(runs[0])["source_share"]), rel=1e-12)

    with begun(monkeypatch, check):
        train_qat(str(smear_root), runs[0], tmp_path / "qat", call=quiet())


def test_strength_over_runs_reads_what_they_left(runs, capsys):
    assert main(["strength", *(str(run) for run in runs)]) == 0
    assert "2 runs" in capsys.readouterr().out
    assert main(["strength", str(runs[0] / "model")]) == 2
    assert "held-out logits of a finished run" in capsys.readouterr().err
