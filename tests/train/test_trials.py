from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime.files import read_json, write_json
from tests.train.tiny import SETTINGS
from train import network, trials
from train.__main__ import main
from train.config import PRESETS, Augmentation, Distillation
from train.rundir import to_plain
from train.trials import Trial

REPORTS = Path(__file__).parents[2] / "reports"


def trial(**changes):
    """A trial of the preset cell."""
    usual = Trial(
        splits="TRAIN",
        folds=5,
        n=100,
        n_groups=20,
        settings=to_plain(PRESETS["cell"]),
        parameters=1000,
        multiply_adds=2_500_000,
        balanced_accuracy=0.87,
        accuracy=0.86,
        accuracy_ci95=(0.8, 0.9),
        tpr={"A": 0.9, "B": 0.8},
        tnr={"A": 0.9, "B": 0.8},
        provenance={},
    )
    return replace(usual, **changes)


def lines(**named):
    return list(trials.to_markdown(named))


def test_best_trial_is_first_and_says_what_differs():
    settings = to_plain(replace(PRESETS["cell"], seed=2, network=replace(PRESETS["cell"].network, crop_px=80)))
    rows = [
        line
        for line in lines(usual=trial(), larger=trial(balanced_accuracy=0.9, settings=settings, folds=4))
        if line.startswith(("| usual", "| larger"))
    ]
    assert rows == [
        "| larger | 0.9000 | - | 0.800 to 0.900 | 0.8000 B | 1,000 | 2.5 | crop_px 80, seed 2, 4 folds |",
        "| usual | 0.8700 | - | 0.800 to 0.900 | 0.8000 B | 1,000 | 2.5 |  |",
    ]


def test_a_setting_from_before_there_was_one_is_its_default():
    settings = to_plain(PRESETS["cell"])
    del settings["network"]["white_balance"], settings["augmentation"], settings["distillation"]
    (row,) = [line for line in lines(older=trial(settings=settings)) if line.startswith("| older")]
    assert row.endswith("| white_balance False |")


def test_augmentation_sampling_and_teachers_are_named():
    settings = replace(PRESETS["cell"], augmentation=Augmentation(stain=0.2, flips=True), sampling="source")
    settings = replace(settings, distillation=Distillation(teachers_weight=0.5))
    (row,) = [line for line in lines(other=trial(settings=to_plain(settings))) if line.startswith("| other")]
    assert row.endswith("| stain 0.2, flips True, teachers_weight 0.5, sampling source |")


def test_int8_stands_beside_float():
    tuned = {"balanced_accuracy": 0.8654, "accuracy": 0.86, "agreement": 0.99}
    assert "| tuned | 0.8700 | 0.8654 |" in "\n".join(lines(tuned=trial(int8=tuned)))


def test_other_splits_are_another_table():
    page = lines(one=trial(), two=trial(splits="TEST+TRAIN", n=120))
    assert [line for line in page if line.endswith("source cells:")] == [
        "TEST+TRAIN, 120 images in 20 groups of source cells:",
        "TRAIN, 100 images in 20 groups of source cells:",
    ]


@pytest.mark.parametrize("side", [1, 2])
@pytest.mark.parametrize("strided", [1, 2, 3])
def test_multiply_adds_are_those_of_the_layers(strided, side):
    settings = replace(SETTINGS.network, strided=strided, space_to_depth=side)
    model = network.build_deployed(settings, classes=4)
    wanted = 0
    for layer in model.layers:
        if layer.name.startswith("tower") and layer.weights:
            kernel = layer.get_weights()[0]
            places = layer.output_shape[1] * layer.output_shape[2] if kernel.ndim == 4 else 1
            wanted += places * kernel.size
    assert network.multiply_adds(settings, classes=4) == wanted


def test_odd_sizes_are_rounded_as_the_layers_do():
    settings = replace(SETTINGS.network, image_height_px=27, image_width_px=33)
    one = network.build_deployed(settings, classes=4).get_layer("tower0_conv1").output_shape
    first, second = 14 * 17 * 27 * 4, one[1] * one[2] * 36 * 6
    third = (one[1] // 2) * (one[2] // 2) * 54 * 8
    assert network.multiply_adds(settings, classes=4) == 2 * (first + second + third + 32)


def test_crossval_command_records_a_trial_that_the_table_reads(smear_root, tmp_path, capsys):
    out = tmp_path / "cv"
    recipe = ["--preset", "quick", "--per-class", "8", "--epochs", "1", "--widths", "4,4", "--folds", "2"]
    assert main(["crossval", "--data", str(smear_root), "--out", str(out), *recipe]) == 0
    assert "cross-validated balanced accuracy" in capsys.readouterr().out.splitlines()[-1]
    assert main(["trials", str(out / "trial.json"), "--out", str(tmp_path / "trials.md")]) == 0
    page = capsys.readouterr().out
    assert page == (tmp_path / "trials.md").read_text()
    assert "| trial | 0." in page
    assert "2 folds" in page
    found = trials.read(out / "trial.json")
    assert (found.n, found.splits) == (32, "TEST+TRAIN")
    assert found.multiply_adds == network.multiply_adds(replace(PRESETS["quick"].network, widths=(4, 4)), classes=4)


@pytest.mark.parametrize("text", ['{"schema_version": 2}', '{"schema_version": 1}', "{}"])
def test_what_is_no_trial_is_refused(tmp_path, refused, text):
    (tmp_path / "t.json").write_text(text)
    with refused("the trial.json of a cross-validation, or the run.json of blind towers, at"):
        trials.read(tmp_path / "t.json")


def test_a_run_of_blind_towers_is_a_trial_of_whole_fields(tmp_path, refused):
    """What was shipped before the taught ones: its own report says the same of it."""
    path = REPORTS / "blind" / "run.json"
    found, run = trials.read(path), read_json(path, what="run")
    assert (found.folds, found.int8) == (run["settings"]["network"]["towers"], None)
    assert found.balanced_accuracy == run["operating_point"]["balanced_accuracy"]
    assert found.lowest_tpr[0] == run["operating_point"]["lowest_tpr"]
    (title,) = [line for line in lines(own=found, cell=trial(n_groups=252)) if "whole" in line]
    assert title == "TRAIN, 9,957 images in 252 groups of source cells, whole fields:"
    assert main(["trials", str(path), "--keep", str(tmp_path)]) == 0
    assert trials.read(tmp_path / "run.json") == found  # as a trial.json, without the run's own inputs
    assert "inputs" in run
    assert "inputs" not in read_json(tmp_path / "run.json", what="trial")
    for changes in ({"stage": "qat"}, {"held_out": None}):
        write_json(tmp_path / "run.json", {**run, **changes})
        with refused("or the run.json of blind towers, at .*a run of stage"):
            trials.read(tmp_path / "run.json")


def test_trials_of_the_same_file_name_are_refused_and_none_is_left_out(tmp_path, refused):
    paths = [tmp_path / name / "trial.json" for name in ("one", "other")]
    for path in paths:
        write_json(path, trial().to_json())
    assert list(trials.read_all(paths[:1])) == ["trial"]
    with refused("files of different names.*another trial at .*other"):
        trials.read_all(paths)
