import csv
import json
import shutil

from PIL import Image

from edge_runtime.paired import Difference
from train import effect_report
from train.effect_report import measure_run, save
from train.quantization_effect import ACTIVATIONS, ALL, BOTH, WEIGHTS, Effect


def effect(layer, part, tower=None, *, snr_db=30.0):
    """An effect of made-up figures."""
    return Effect(layer, part, tower, 10, Difference(-0.01, (-0.02, 0.003)), 0.99, 0.1, snr_db)


EFFECTS = [
    effect("conv0", WEIGHTS, 1, snr_db=20.0),
    effect("conv0", WEIGHTS),
    effect("head", ACTIVATIONS, snr_db=None),
    effect(ALL, BOTH, snr_db=25.0),
]


def test_files(tmp_path):
    save(EFFECTS, tmp_path, run="x")
    kept = json.loads((tmp_path / "quantization_effect.json").read_text())
    assert kept["run"] == "x"
    assert len(kept["effects"]) == len(EFFECTS)
    with (tmp_path / "quantization_effect.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["layer"] for row in rows] == ["conv0", "conv0", "head", ALL]
    assert [row["tower"] for row in rows] == ["1", "", "", ""]
    assert [row["signal_to_noise_db"] for row in rows] == ["20.0", "30.0", "", "25.0"]
    assert {(row["balanced_accuracy_change"], row["ci95_low"], row["ci95_high"]) for row in rows} == {
        ("-0.01", "-0.02", "0.003")
    }
    with Image.open(tmp_path / "quantization_effect.png") as picture:
        picture.load()
        colors = picture.convert("RGB").getcolors(1 << 24)
    assert len(colors) > 10


def test_picture_of_nothing(tmp_path):
    save([effect("conv0", WEIGHTS, snr_db=None)], tmp_path)
    with Image.open(tmp_path / "quantization_effect.png") as picture:
        picture.load()


def test_finished_run_is_measured(runs, smear_root, tmp_path):
    effects = measure_run(str(smear_root), runs[0], tmp_path, groups=None, tell=print)
    assert len(json.loads((tmp_path / "quantization_effect.json").read_text())["effects"]) == len(effects)
    assert {effect.n for effect in effects if effect.tower is None} == {32}
    everything = next(effect for effect in effects if (effect.layer, effect.part, effect.tower) == (ALL, BOTH, None))
    assert everything.mean_abs_logit_change > 0


def test_int8_run_is_refused(runs, smear_root, tmp_path, refused):
    with refused("a float run.*stage qat"):
        measure_run(str(smear_root), runs[1], tmp_path, groups=None, tell=print)


def test_other_images_are_refused(runs, smear_root, tmp_path, refused):
    copy = tmp_path / "data"
    shutil.copytree(smear_root, copy)
    min(path for path in copy.rglob("*") if path.is_file() and path.parent.parent.name == "TRAIN").unlink()
    with refused("that it was trained on, got others"):
        measure_run(str(copy), runs[0], tmp_path, groups=None, tell=print)


def test_a_file_in_the_place_of_the_folder_is_refused_before_the_work(runs, smear_root, tmp_path, refused, monkeypatch):
    (tmp_path / "out").write_text("mine")
    monkeypatch.setattr(effect_report, "measure", None)  # calling it would be another error
    with refused("a folder that can be written at"):
        measure_run(str(smear_root), runs[0], tmp_path / "out", groups=None, tell=print)
