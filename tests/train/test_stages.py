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
from train import stages
from train.__main__ import main
from train.history import read_history
from train.stages import load_cells, train_float, train_qat

FILES = ["curves.png", "held_out.json", "history.csv", "model", "run.json", "settings.json", "weights.h5"]


@pytest.fixture
def own_root(smear_root, tmp_path):
    """A copy of the generated pictures that a test may spoil."""
    return shutil.copytree(smear_root, tmp_path / "smears")


class BegunError(Exception):
    pass


def run_json(directory):
    return json.loads((directory / "run.json").read_text())


@pytest.mark.parametrize(
    ("number", "stage", "variant", "epochs"), [(0, "float", "float32", 2), (1, "qat", "int8_qat", 1)]
)
def test_stage_leaves_a_whole_run(runs, smear_root, number, stage, variant, epochs):
    directory = runs[number]
    assert [name for name in FILES if not (directory / name).exists()] == []
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
    with Image.open(directory / "curves.png") as curves:
        curves.load()


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


def test_unreadable_and_ignored_files_are_told_and_the_rest_is_kept(own_root):
    folder = own_root / "images" / "TRAIN" / "MONOCYTE"
    cut, empty = sorted(folder.iterdir())[:2]
    cut.write_bytes(cut.read_bytes()[:200])
    empty.write_bytes(b"")
    (folder / "notes.txt").write_text("mine")
    said = []
    cells, origin = load_cells(str(own_root), settings=SETTINGS, groups=None, tell=said.append)
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
    said = []
    load_cells(str(own_root), settings=SETTINGS, groups=None, tell=said.append)
    assert said[-1].endswith("NEUTROPHIL 8 (groups: none, so that each image is taken for a cell of its own)")


def test_class_without_a_readable_image_is_refused_before_anything_is_written(refused, own_root, tmp_path):
    for path in (own_root / "images" / "TRAIN" / "MONOCYTE").iterdir():
        path.write_bytes(b"no image")
    with refused("got none of MONOCYTE;"):
        train_float(str(own_root), tmp_path / "run", settings=SETTINGS, groups=None, tell=lambda line: None)
    assert not (tmp_path / "run").exists()


def test_finished_run_is_finished_again_from_its_checkpoint(runs, smear_root, tmp_path, monkeypatch):
    again = shutil.copytree(runs[0], tmp_path / "again")
    (again / "run.json").unlink()  # a crash while the results were written
    said = []
    monkeypatch.setattr(stages, "draw_curves", lambda directory, history: said.append(len(history)))
    report = train_float(str(smear_root), again, settings=SETTINGS, groups=None, tell=said.append)
    assert said[1].startswith("goes on after epoch 2 ")
    assert 2 in said  # epochs in the curves
    assert report.predictions == load_report(runs[0] / "held_out.json").predictions
    assert run_json(again)["held_out"] == run_json(runs[0])["held_out"]


def test_other_groups_start_afresh(runs, smear_root, own_root, tmp_path, monkeypatch):
    # Went it on from its checkpoints, each tower would be held out on images that it was trained on.
    again = shutil.copytree(runs[0], tmp_path / "again")
    (own_root / "groups.csv").unlink()

    def begin(stage):
        assert not (stage.directory / "checkpoints").exists()
        raise BegunError

    monkeypatch.setattr(stages, "fit", begin)
    with pytest.raises(BegunError):
        train_float(str(own_root), again, settings=SETTINGS, groups=None, tell=lambda line: None)


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
        train_qat(str(smear_root), run, tmp_path / "qat", groups=None, tell=lambda line: None)
    assert not (tmp_path / "qat").exists()


def test_fine_tuning_refuses_to_overwrite_the_float_run(refused, runs, smear_root):
    before = run_json(runs[0])
    with refused("--out to be another directory"):
        train_qat(str(smear_root), runs[0], runs[0], groups=None, tell=lambda line: None)
    assert run_json(runs[0]) == before


@pytest.mark.parametrize("spoil", ["images", "groups"])
def test_fine_tuning_refuses_other_images_and_groups(refused, runs, own_root, tmp_path, spoil):
    if spoil == "images":
        next((own_root / "images" / "TRAIN" / "MONOCYTE").iterdir()).unlink()
    else:
        (own_root / "groups.csv").unlink()
    with refused("the images and source cells that the run in .* was trained on"):
        train_qat(str(own_root), runs[0], tmp_path / "qat", groups=None, tell=lambda line: None)
    assert not (tmp_path / "qat").exists()


def test_fine_tuning_of_other_weights_starts_afresh(runs, smear_root, tmp_path, monkeypatch):
    floats, qat = (shutil.copytree(run, tmp_path / run.name) for run in runs)
    from train.network import build_deployed

    build_deployed(SETTINGS.network, classes=4).save_weights(str(floats / "weights.h5"))
    said = []
    train_qat(str(smear_root), floats, qat, groups=None, tell=said.append)
    assert [line for line in said if line.startswith("goes on")] == []
    assert [line for line in said if line.startswith("epoch 1/1")] != []


def test_seed_decides_the_result_and_nothing_else(runs, smear_root, tmp_path):
    settings = replace(SETTINGS, float_stage=replace(SETTINGS.float_stage, epochs=1))
    losses = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        out = tmp_path / name
        train_float(str(smear_root), out, settings=replace(settings, seed=seed), groups=None, tell=lambda line: None)
        losses.append(read_history(out)[0].loss)
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)  # threads may add gradients in another order
    assert losses[0] != pytest.approx(losses[2], rel=1e-2)


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
    def begin(stage):
        assert stage.log_prior == pytest.approx(np.log(run_json(runs[0])["source_share"]), rel=1e-12)
        raise BegunError

    monkeypatch.setattr(stages, "fit", begin)
    with pytest.raises(BegunError):
        train_qat(str(smear_root), runs[0], tmp_path / "qat", groups=None, tell=lambda line: None)


def test_strength_over_runs_reads_what_they_left(runs, capsys):
    assert main(["strength", *(str(run) for run in runs)]) == 0
    assert "2 runs" in capsys.readouterr().out
    assert main(["strength", str(runs[0] / "checkpoints")]) == 2
    assert "held-out logits of a finished run" in capsys.readouterr().err
