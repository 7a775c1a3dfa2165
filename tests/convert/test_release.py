import hashlib
import json
import shutil
from collections import Counter

import pytest

from convert import release
from convert.config import Settings
from convert.lowering import lower
from convert.release import convert
from convert.variants import to_markdown
from edge_runtime.card import load_card
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import digest, open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.evaluation import evaluate
from edge_runtime.golden import matches
from edge_runtime.groups import read_groups
from edge_runtime.model import Model

# All but the last are of the float run.
NAMES = {
    "float32": "leukolite-float32.tflite",
    "float16": "leukolite-float16.tflite",
    "dynamic": "leukolite-dynamic.tflite",
    "int8_ptq": "leukolite-int8-ptq.tflite",
    "int8_qat": "leukolite-int8.tflite",
}
TABLES = ("calibration.json", "variants.json", "variants.md")


def test_bundles_their_digests_and_two_tables_are_all_there_is(released):
    assert sorted(path.name for path in released.iterdir()) == sorted(["SHA256SUMS", *NAMES.values(), *TABLES])
    lines = (released / "SHA256SUMS").read_text().splitlines()
    digests = {name: hashlib.sha256((released / name).read_bytes()).hexdigest() for name in NAMES.values()}
    assert lines == [f"{digest}  {name}" for name, digest in digests.items()]


@pytest.mark.parametrize("variant", NAMES)
def test_card_fits_its_run_and_its_model(released, runs, smear_root, variant):
    content = (released / NAMES[variant]).read_bytes()
    card, run = load_card(content), json.loads((runs[variant == "int8_qat"] / "run.json").read_text())
    assert card.variant == variant
    assert (card.training["calibration"] is not None) == (variant == "int8_ptq")
    assert list(card.labels) == run["labels"]
    assert (card.input.height, card.input.width) == (24, 32)
    assert card.training["seed"] == 3
    assert card.training["data_sha256"] == run["data"]["sha256"]
    assert card.training["sources"] == run["data"]["sources"]
    assert card.training["operating_point"] == run["operating_point"]
    assert card.training["rehearsal"] is True
    assert matches(card.golden, Model(content), tolerance=0)


@pytest.mark.parametrize("name", NAMES.values())
def test_figures_in_the_card_are_those_that_evaluation_finds(released, smear_root, name):
    card = load_card(released / name)
    data = open_dataset(smear_root, split="TEST")
    report, _ = evaluate(Classifier(released / name), data, groups=read_groups(smear_root / "groups.csv"))
    assert (card.accuracy["split"], card.accuracy["n"], card.accuracy["n_errors"]) == ("TEST", 8, 0)
    assert card.accuracy["accuracy"] == report.accuracy
    assert card.accuracy["data_sha256"] == report.data["sha256"]
    assert card.accuracy["accuracy_ci95_by_source"] == list(report.groups["accuracy_ci95"])
    assert {label: rates["tpr"] for label, rates in card.accuracy["per_class"].items()} == {
        label: rates.tpr for label, rates in report.per_class.items()
    }


def test_what_is_returned_is_what_was_written(runs, settings, tmp_path):
    variants = convert(*runs, tmp_path, settings=settings)
    assert [(each.variant, each.file) for each in variants] == list(NAMES.items())
    for each in variants:
        assert each.size_bytes == (tmp_path / each.file).stat().st_size
        assert each.accuracy == load_card(tmp_path / each.file).accuracy["accuracy"]
    kept = json.loads((tmp_path / "variants.json").read_text())["variants"]
    assert kept == json.loads(json.dumps([each.to_json() for each in variants]))
    assert (tmp_path / "variants.md").read_text() == to_markdown(variants)


def test_calibrated_on_train_alone_and_on_record(released, smear_root):
    kept = json.loads((released / "calibration.json").read_text())
    train = open_dataset(smear_root, split="TRAIN")
    assert kept["names"] == [train.images[index].name for index in kept["indices"]]
    assert Counter(name.split("/")[1] for name in kept["names"]) == train.counts()  # all of so few
    card = load_card(released / NAMES["int8_ptq"])
    assert card.training["calibration"] == {name: kept[name] for name in card.training["calibration"]}
    assert (kept["split"], kept["data_sha256"]) == ("TRAIN", digest(train.images))


def test_same_runs_give_the_same_bytes(released, runs, settings, tmp_path):
    convert(*runs, tmp_path, settings=settings)
    for name in ("SHA256SUMS", "calibration.json", *NAMES.values()):
        assert (tmp_path / name).read_bytes() == (released / name).read_bytes(), name


def test_signature_of_earlier_bundles_goes_with_them(runs, settings, tmp_path):
    (tmp_path / "model.sig").write_bytes(b"of others")
    convert(*runs, tmp_path, settings=settings)
    assert not (tmp_path / "model.sig").exists()


def test_runs_given_the_wrong_way_round_are_refused(refused, runs, settings, tmp_path):
    with refused("a run for float32 at .*, got one for int8_qat; swap --float and --qat"):
        convert(runs[1], runs[0], tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"data": {"split": "TRAIN", "n": 31, "sha256": "other", "sources": {}}}, "that differ in their data;"),
        ({"labels": ["A", "B", "C", "D"]}, "that differ in their labels;"),
        ({"starts_from_sha256": "0" * 64}, "that differ in their weights;"),
        ({"starts_from_sha256": None}, "that differ in their weights;"),
    ],
    ids=["data", "labels", "weights", "unknown start"],
)
def test_runs_that_do_not_belong_together_are_refused(refused, runs, changed, settings, tmp_path, changes, match):
    with refused(match):
        convert(runs[0], changed(1, **changes), tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("part", ["labels", "data", "settings", "operating_point", "rehearsal", "provenance"])
def test_run_json_that_is_not_whole_is_refused(refused, runs, changed, settings, tmp_path, part):
    with refused(f"a whole run.json at .*, got one without {part};"):
        convert(changed(0, **{part: None}), runs[1], tmp_path / "out", settings=settings)


def test_run_from_before_there_was_a_zoom_is_refused(refused, runs, changed, settings, tmp_path):
    network = {name: value for name, value in run_settings(runs[0])["network"].items() if name != "zoom"}
    run = changed(0, settings={**run_settings(runs[0]), "network": network})
    with refused("got one without settings.network.zoom; train again"):
        convert(run, runs[1], tmp_path / "out", settings=settings)


def run_settings(run):
    return json.loads((run / "run.json").read_text())["settings"]


@pytest.mark.parametrize(
    "content", [None, b"", b"{", b"[]", b"\xff"], ids=["missing", "empty", "cut", "list", "binary"]
)
def test_run_that_is_not_finished_is_refused(refused, runs, changed, settings, tmp_path, content):
    run = changed(1)
    (run / "run.json").unlink()
    if content is not None:
        (run / "run.json").write_bytes(content)
    with refused("the run.json of a finished training run"):
        convert(runs[0], run, tmp_path / "out", settings=settings)


def test_nothing_is_written_when_one_fails(refused, runs, settings, tmp_path, monkeypatch):
    def fail(saved_model, *, variant, calibration):
        if variant == "int8_qat":
            raise LeukoliteError(expected="an integer graph", found="floats", remedy="none")
        return lower(saved_model, variant=variant, calibration=calibration)

    monkeypatch.setattr(release, "lower", fail)
    with refused("an integer graph"):
        convert(*runs, tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()


def test_earlier_bundles_stay_when_one_fails(refused, runs, settings, tmp_path, colors):
    convert(*runs, tmp_path / "out", settings=settings)
    shutil.copytree(colors / "TEST", colors / "TRAIN")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with refused("images in class folders among EOSINOPHIL"):
        convert(*runs, tmp_path / "out", settings=Settings(data=str(colors)))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


@pytest.mark.parametrize("name", ["file", "file/bundles"])
def test_a_file_in_the_place_of_the_folder_is_refused_before_the_work(
    refused, runs, settings, tmp_path, monkeypatch, name
):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setattr(release, "lower", None)  # calling it would be another error
    with refused(f"a folder that can be written at .*{name}"):
        convert(*runs, tmp_path / name, settings=settings)
