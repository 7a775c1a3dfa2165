import hashlib
import json

import pytest

from convert import release
from convert.config import Settings
from convert.lowering import lower
from convert.release import Bundle, convert, table
from edge_runtime.card import load_card
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.evaluation import evaluate
from edge_runtime.golden import matches
from edge_runtime.groups import read_groups
from edge_runtime.model import Model

NAMES = {"float32": "leukolite-float32.tflite", "int8_qat": "leukolite-int8.tflite"}


def test_bundles_and_their_digests_are_all_there_is(released):
    assert sorted(path.name for path in released.iterdir()) == ["SHA256SUMS", *sorted(NAMES.values())]
    lines = (released / "SHA256SUMS").read_text().splitlines()
    digests = {name: hashlib.sha256((released / name).read_bytes()).hexdigest() for name in NAMES.values()}
    assert lines == [f"{digest}  {name}" for name, digest in digests.items()]


@pytest.mark.parametrize("number", [0, 1])
def test_card_fits_its_run_and_its_model(released, runs, smear_root, number):
    variant, name = list(NAMES.items())[number]
    content = (released / name).read_bytes()
    card, run = load_card(content), json.loads((runs[number] / "run.json").read_text())
    assert card.variant == run["variant"] == variant
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
    bundles = convert(*runs, tmp_path, settings=settings)
    assert [(bundle.variant, bundle.path.name) for bundle in bundles] == list(NAMES.items())
    for bundle in bundles:
        assert bundle.size_bytes == bundle.path.stat().st_size
        assert bundle.accuracy == load_card(bundle.path).accuracy["accuracy"]


def test_same_runs_give_the_same_bytes(released, runs, settings, tmp_path):
    convert(*runs, tmp_path, settings=settings)
    for path in released.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


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
    def fail(saved_model, *, variant):
        if variant == "int8_qat":
            raise LeukoliteError(expected="an integer graph", found="floats", remedy="none")
        return lower(saved_model, variant=variant)

    monkeypatch.setattr(release, "lower", fail)
    with refused("an integer graph"):
        convert(*runs, tmp_path / "out", settings=settings)
    assert not (tmp_path / "out").exists()


def test_earlier_bundles_stay_when_one_fails(refused, runs, settings, tmp_path, colors):
    convert(*runs, tmp_path / "out", settings=settings)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with refused("images in class folders among EOSINOPHIL"):
        convert(*runs, tmp_path / "out", settings=Settings(data=str(colors)))
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_table_has_a_line_for_each_bundle(tmp_path):
    bundles = [
        Bundle(path=tmp_path / "a.tflite", variant="float32", size_bytes=1234567, accuracy=0.91234),
        Bundle(path=tmp_path / "b\n.tflite", variant="int8_qat", size_bytes=7, accuracy=None),
    ]
    header, first, second = table(bundles)
    assert header.split() == ["VARIANT", "BYTES", "ACCURACY", "PATH"]
    assert first.split() == ["float32", "1234567", "0.9123", str(tmp_path / "a.tflite")]
    assert second.split() == ["int8_qat", "7", "-", str(tmp_path / "b\\n.tflite")]
