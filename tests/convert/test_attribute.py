import hashlib
import json
import shutil

import pytest

from convert import attribute
from convert.attribution import STEPS
from convert.stages import FLOAT32, INT8, STAGES
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.evaluation import evaluate
from edge_runtime.groups import read_groups
from tests.convert.test_main import options, status_of

WRITTEN = {"attribution.json", "attribution.md", "layers.json", "layers.md", "layers.png"}


@pytest.fixture(scope="module")
def out(runs, smear_root, networks, tmp_path_factory):
    """What the command writes."""
    folder = tmp_path_factory.mktemp("attributed") / "new" / "folder"
    with pytest.MonkeyPatch.context() as patch:
        given = []
        patch.setattr(attribute, "open_networks", lambda *own: given.append(own) or networks)
        assert status_of(["attribute", *options(runs, smear_root, folder)]) == 0
    assert given == [runs]
    return folder


@pytest.fixture
def opened(networks, monkeypatch):
    """The runs are not converted once more."""
    monkeypatch.setattr(attribute, "open_networks", lambda *runs: networks)


@pytest.fixture(scope="module")
def fields(out):
    return json.loads((out / "attribution.json").read_text())


def test_all_files_are_written(out, fields):
    names = {path.name for path in out.iterdir()}
    assert names >= WRITTEN
    assert bool(names - WRITTEN) == bool(fields["changed"])


@pytest.mark.parametrize(("stage", "name"), [(FLOAT32, "leukolite-float32.tflite"), (INT8, "leukolite-int8.tflite")])
def test_figures_of_the_bundles_stages_are_those_of_their_evaluation(fields, released, smear_root, stage, name):
    groups = read_groups(smear_root / "groups.csv")
    report, _ = evaluate(Classifier(released / name), open_dataset(smear_root, split="TEST"), groups=groups)
    found = next(each for each in fields["stages"] if each["name"] == stage)
    assert found["accuracy"] == report.accuracy
    assert found["accuracy_ci95"] == list(report.groups["accuracy_ci95"])
    assert {label: each["tpr"] for label, each in found["per_class"].items()} == {
        label: each.tpr for label, each in report.per_class.items()
    }
    assert fields["data"] == {name: report.data[name] for name in ("root", "split", "sha256")}


def test_every_stage_and_step_is_there(fields):
    assert [each["name"] for each in fields["stages"]] == list(STAGES)
    assert [(each["before"], each["after"]) for each in fields["steps"]] == list(STEPS)
    assert fields["n"] == 8
    assert fields["provenance"]["packages"]["tensorflow"]


def test_it_says_which_networks_were_measured(out, fields, runs):
    weights = hashlib.sha256((runs[0] / "weights.h5").read_bytes()).hexdigest()
    assert (fields["model"]["float_weights_sha256"], fields["model"]["seed"]) == (weights, 3)
    assert json.loads((out / "layers.json").read_text())["model"] == fields["model"]


def test_layers_are_ranked_over_all_pictures(out):
    layers = json.loads((out / "layers.json").read_text())["layers"]
    (head,) = (each for each in layers if each["layer"] == "tower0_head")
    assert head["values"] == 8 * 4
    ratios = [each["sqnr_db"] for each in layers if each["sqnr_db"] is not None]
    assert ratios == sorted(ratios)
    assert layers[0]["layer"] in (out / "layers.md").read_text().splitlines()[6]


def test_runs_given_the_wrong_way_round_are_refused(capsys, runs, smear_root, tmp_path):
    assert status_of(["attribute", *options(runs[::-1], smear_root, tmp_path / "out")]) == 2
    assert "swap --float and --qat" in capsys.readouterr().err


def test_images_of_other_classes_are_refused(capsys, runs, colors, tmp_path):
    arguments = [part for part in options(runs, colors, tmp_path / "out") if "groups" not in part]
    assert status_of(["attribute", *arguments]) == 2
    assert "expected images in class folders among EOSINOPHIL" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("opened")
def test_folder_that_cannot_be_written_is_refused_before_the_work(capsys, runs, smear_root, tmp_path, monkeypatch):
    (tmp_path / "out").write_text("a file")
    monkeypatch.setattr(attribute, "answer", None)  # calling it would be another error
    assert status_of(["attribute", *options(runs, smear_root, tmp_path / "out")]) == 2
    assert "expected a folder that can be written at" in capsys.readouterr().err


@pytest.mark.usefixtures("opened")
def test_images_of_which_none_can_be_read_are_refused(capsys, runs, tmp_path):
    folder = tmp_path / "set" / "TEST" / "MONOCYTE"
    folder.mkdir(parents=True)
    (folder / "a.png").write_bytes(b"no picture")
    arguments = [part for part in options(runs, tmp_path / "set", tmp_path / "out") if "groups" not in part]
    assert status_of(["attribute", *arguments]) == 2
    assert "got 1 that are unreadable or show no stained cell;" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("opened")
def test_unreadable_image_is_named_and_the_others_are_measured(capsys, lose_reader, runs, smear_root, tmp_path):
    root = tmp_path / "set"
    shutil.copytree(open_dataset(smear_root, split="TEST").root / "TEST", root / "TEST")
    broken = root / open_dataset(root, split="TEST").images[3].name
    broken.write_bytes(b"no picture")
    arguments = [part for part in options(runs, root, tmp_path / "out") if "groups" not in part]
    assert status_of(["attribute", *arguments]) == 1
    said = capsys.readouterr()
    assert f"convert: error: {broken.relative_to(root)}: expected a readable" in said.err
    assert said.out == f"{tmp_path / 'out' / 'attribution.md'}\n"
    fields = json.loads((tmp_path / "out" / "attribution.json").read_text())
    assert (fields["n"], fields["n_unanswered"], fields["by_source"]) == (8, 1, False)
    lose_reader()
    assert status_of(["attribute", *arguments]) == 1
