import csv
import os

import pytest

from edge_runtime.classifier import Classifier
from edge_runtime.dataset import digest, open_dataset
from edge_runtime.evaluation import evaluate, write_predictions
from edge_runtime.files import sha256
from edge_runtime.fitness import Limits
from edge_runtime.groups import Groups, read_groups
from tests.tiny_model import CELL_SPEC, LABELS, bundle_bytes


@pytest.fixture(scope="module")
def classifier(bundle):
    return Classifier(bundle)


@pytest.fixture
def groups(colors) -> Groups:
    """Each pair of pictures is one group."""
    rows = [f"TEST/{label}/{name}.png,{label},{label}\n" for label in LABELS for name in "ab"]
    (colors / "groups.csv").write_text("".join(["path,source,group\n", *rows]))
    return read_groups(colors / "groups.csv")


def test_every_picture_is_counted(classifier, colors, picture):
    picture("colors/TEST/RED/wrong.png", color="BLUE")
    report, complaints = evaluate(classifier, open_dataset(colors))
    assert complaints == []
    assert (report.n, report.n_errors, report.labels) == (9, 0, LABELS)
    assert report.accuracy == 8 / 9
    assert report.confusion_matrix == [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0], [1, 0, 0, 2]]
    assert [row.path for row in report.predictions if row.true != row.predicted] == ["TEST/RED/wrong.png"]


def test_the_report_is_about_the_model_as_it_was_read(bundle, colors, tmp_path):
    path, content = tmp_path / "gone.tflite", bundle.read_bytes()
    path.write_bytes(content)
    classifier = Classifier(path)
    path.unlink()
    report, _ = evaluate(classifier, open_dataset(colors))
    assert (report.model["size_bytes"], report.model["sha256"]) == (len(content), sha256(content))


def test_pictures_without_a_cell_count_as_missed_and_are_no_complaint(colors, tmp_path):
    (tmp_path / "cells.tflite").write_bytes(bundle_bytes(input=CELL_SPEC))
    report, complaints = evaluate(Classifier(tmp_path / "cells.tflite"), open_dataset(colors))
    assert (report.n, report.n_errors, report.accuracy, complaints) == (8, 8, 0.0, [])
    assert {row.predicted for row in report.predictions} == {None}


def test_abstaining_changes_no_figure_but_selective(colors, tmp_path):
    """Whoever does not answer must not look better for it: each image counts by its most probable class."""
    reports = []
    for name, changes in {"plain": {}, "strict": {"abstain_below": 1.0}, "checking": {"fitness": Limits()}}.items():
        path = tmp_path / f"{name}.tflite"
        path.write_bytes(bundle_bytes(**changes))
        reports.append(evaluate(Classifier(path), open_dataset(colors))[0])
    for name in ("n", "n_errors", "accuracy", "macro_f1", "ece", "confusion_matrix", "per_class", "predictions"):
        assert len({repr(getattr(report, name)) for report in reports}) == 1, name
    plain, strict, checking = (report.selective for report in reports)
    figures = ("threshold", "coverage", "accuracy", "refused")
    assert [plain[name] for name in figures] == [0.0, 1.0, 1.0, {}]
    assert [strict[name] for name in figures] == [1.0, 0.75, 1.0, {}]  # of the dark ones alone is it less than certain
    assert checking["coverage"] == 0.0
    assert sum(checking["refused"].values()) == 8


def test_report_says_what_was_measured_on_what(classifier, colors, bundle):
    dataset = open_dataset(colors)
    report, _ = evaluate(classifier, dataset)
    content = bundle.read_bytes()
    about = {"file": bundle.name, "sha256": sha256(content), "variant": "int8_ptq"}
    assert report.model == {**about, "view": "field", "size_bytes": len(content)}
    assert report.data == {"root": "colors", "split": "TEST", "sha256": digest(dataset.images), "n": 8}
    assert report.provenance["packages"]["numpy"]


@pytest.mark.timeout(60)  # a pipe that is opened would wait for its writer for ever
def test_unreadable_pictures_are_named_and_counted_as_missed(classifier, colors):
    folder = colors / "TEST" / "RED"
    (folder / "empty.png").touch()
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:50])
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    report, complaints = evaluate(classifier, open_dataset(colors))
    assert (report.n, report.n_errors, report.accuracy) == (12, 4, 8 / 12)
    assert (report.per_class["RED"].tpr, report.per_class["RED"].tnr) == (2 / 6, 1.0)
    assert [line.partition(":")[0] for line in complaints] == [
        f"TEST/RED/{name}.png" for name in ("cut", "empty", "folder", "pipe")
    ]


def test_abstention_does_not_change_the_figures(bundle, colors):
    careful, _ = evaluate(Classifier(bundle, threshold=1.0), open_dataset(colors))
    assert careful.accuracy == 1.0


def test_class_without_a_folder_stays_among_the_labels(classifier, picture, tmp_path):
    picture("few/RED/a.png")
    (tmp_path / "few" / "BLUE").mkdir()
    report, _ = evaluate(classifier, open_dataset(tmp_path / "few"))
    assert (report.labels, report.accuracy) == (LABELS, 1.0)
    assert {label: rates.n for label, rates in report.per_class.items()} == {"BLUE": 0, "DARK": 0, "GREEN": 0, "RED": 1}


def test_unknown_class_is_refused(classifier, colors, picture, refused):
    picture("colors/TEST/PURPLE/a.png", color="RED")
    with refused("class folders among BLUE, DARK, GREEN, RED, .* got PURPLE"):
        evaluate(classifier, open_dataset(colors))


def test_groups_give_intervals(classifier, colors, groups):
    report, _ = evaluate(classifier, open_dataset(colors), groups=groups)
    assert report.groups["n"] == 4
    assert report.groups["accuracy_ci95"] == (1.0, 1.0)


def test_groups_that_lack_a_picture_are_refused(classifier, colors, groups, picture, refused):
    picture("colors/TEST/RED/new.png")
    with refused("none for 1, the first TEST/RED/new.png"):
        evaluate(classifier, open_dataset(colors), groups=groups)


def test_same_pictures_give_the_same_report(classifier, colors):
    first, second = (evaluate(classifier, open_dataset(colors))[0].to_json() for _ in range(2))
    del first["provenance"], second["provenance"]
    assert first == second


def test_predictions_come_back_from_csv(classifier, colors, picture, tmp_path):
    name = os.fsdecode(b"caf\xe9,\n\r.png")
    picture("colors/TEST/RED/a.png").rename(colors / "TEST" / "RED" / name)
    (colors / "TEST" / "BLUE" / "c.png").touch()
    report, _ = evaluate(classifier, open_dataset(colors))
    write_predictions(tmp_path / "p.csv", report)
    with (tmp_path / "p.csv").open(newline="", encoding="utf-8", errors="surrogateescape") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["path"] for row in rows] == [row.path for row in report.predictions]
    assert f"TEST/RED/{name}" in [row["path"] for row in rows]
    assert rows[2] == {"path": "TEST/BLUE/c.png", "true": "BLUE", "predicted": "", "confidence": ""}
    assert rows[0]["predicted"] == "BLUE"
    assert float(rows[0]["confidence"]) == report.predictions[0].confidence
