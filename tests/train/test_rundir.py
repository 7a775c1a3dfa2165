import json

import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.report import load_report
from tests.train.tiny import NETWORK, SETTINGS
from train import rundir
from train.config import PRESETS
from train.network import build_deployed
from train.stream import to_unit


@pytest.mark.parametrize("settings", [*PRESETS.values(), SETTINGS], ids=[*PRESETS, "tiny"])
def test_settings_survive_a_run_json(settings):
    stored = json.loads(json.dumps({"settings": rundir.to_plain(settings)}))
    assert rundir.settings_from(stored) == settings


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


def checkpointed(directory, **identity):
    """A prepared directory with a file where TensorFlow notes its last checkpoint."""
    rundir.prepare(directory, identity=identity)
    (directory / "checkpoints").mkdir()
    (directory / "checkpoints" / "checkpoint").write_text("")
    return directory


def test_prepare_keeps_checkpoints_of_the_same_settings(tmp_path):
    run = checkpointed(tmp_path / "deep" / "run", seed=1, widths=[1, 2])
    assert rundir.prepare(run, identity={"widths": [1, 2], "seed": 1})
    assert (run / "checkpoints" / "checkpoint").exists()


def test_prepare_removes_checkpoints_of_other_settings(tmp_path):
    run = checkpointed(tmp_path / "run", seed=1)
    assert not rundir.prepare(run, identity={"seed": 2})
    assert not (run / "checkpoints").exists()
    assert json.loads((run / "settings.json").read_text()) == {"seed": 2}


def test_prepare_of_a_new_directory_has_nothing_to_go_on_from(tmp_path):
    assert not rundir.prepare(tmp_path / "run", identity={"seed": 1})
    assert not rundir.prepare(tmp_path / "run", identity={"seed": 1})


def test_prepare_takes_back_that_the_run_is_done(tmp_path):
    run = checkpointed(tmp_path / "run", seed=1)
    (run / "run.json").write_text("{}")
    rundir.prepare(run, identity={"seed": 1})
    assert not (run / "run.json").exists()


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
