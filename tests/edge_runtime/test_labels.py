import json

import numpy as np
import pytest

from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteWarning
from edge_runtime.labels import read_labels
from tests.edge_runtime.conftest import one_line
from tests.tiny_model import LABELS, bundle_bytes, model_bytes, save


@pytest.fixture
def bare(tmp_path):
    """The tiny model without a card."""
    return save(tmp_path / "bare.tflite", model_bytes())


@pytest.mark.parametrize("text", ["A,B,C", " A, B ,C "])
def test_labels_by_commas(text):
    assert read_labels(text) == ("A", "B", "C")


@pytest.mark.parametrize("content", [b"A\nB\nC\n", b"A\r\nB\r\nC", b"\xef\xbb\xbfA\n B\nC\n\n", b"A\nB\nC"])
def test_labels_of_a_file(tmp_path, content):
    path = tmp_path / "labels, of mine.txt"  # a comma in its name makes it no list
    path.write_bytes(content)
    assert read_labels(str(path)) == ("A", "B", "C")


@pytest.mark.parametrize("text", ["A,,C", "A,B,A", ",", "A,B,"])
def test_names_that_are_none_are_refused(text, refused):
    with refused("distinct labels in --labels, none of them empty"):
        read_labels(text)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"A\n\nB\n", b"A\nA\n", b"\xff\xfe"])
def test_files_without_labels_are_refused(tmp_path, content, refused):
    (tmp_path / "labels.txt").write_bytes(content)
    with refused(f"{tmp_path}/labels.txt"):
        read_labels(str(tmp_path / "labels.txt"))


@pytest.mark.parametrize("text", ["", "none.txt", "/"])
def test_files_that_are_none_are_refused(text, refused):
    with refused("a file with a label on each line"):
        read_labels(text)


def test_a_model_without_a_card_runs_on_what_is_said_to_be_assumed(bare, picture):
    with pytest.warns(LeukoliteWarning) as told:
        classifier = Classifier(bare, labels=LABELS).load()
    (warning,) = told
    for word in (
        str(bare),
        "the whole field",
        "RGB",
        "16 x 12",
        ", ".join(LABELS),
        "temperature 1",
        "threshold",
        "golden",
    ):
        assert word in str(warning.message)
    assert classifier.classify(picture("a.png", color="GREEN")).label == "GREEN"
    assert not classifier.classify(picture("b.png", color="DARK")).abstained


def test_a_threshold_that_is_given_counts(bare, picture):
    with pytest.warns(LeukoliteWarning):
        classifier = Classifier(bare, labels=LABELS, threshold=0.9)
    assert classifier.classify(picture("b.png", color="DARK")).abstained


@pytest.mark.parametrize("labels", [LABELS[:3], (*LABELS, "WHITE")])
def test_another_number_of_labels_than_classes_is_refused(bare, labels, refused):
    with refused(f"4 labels, as many as {bare} has classes, got {len(labels)}"):
        Classifier(bare, labels=labels)


def test_without_labels_a_model_without_a_card_is_refused(bare, refused):
    with refused("leukolite.json .* --labels"):
        Classifier(bare)


def test_labels_of_a_model_with_a_card_are_compared(bundle, refused, recwarn):
    assert Classifier(bundle, labels=list(LABELS)).card.labels == LABELS
    assert not recwarn.list
    with refused("the labels BLUE, DARK, GREEN, RED, as the card in .* has them, got DARK, BLUE"):
        Classifier(bundle, labels=(LABELS[1], LABELS[0], *LABELS[2:]))


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_labels_do_not_replace_a_damaged_card(tmp_path, cut, refused):
    path = tmp_path / "model.tflite"
    path.write_bytes(bundle_bytes()[:-cut])
    with refused("leukolite.json inside .*, got none that can be read; use a bundle that `python -m convert` wrote$"):
        Classifier(path, labels=LABELS)


@pytest.mark.parametrize("numbers", [(-0.5, 0.5, 0.5, 0.5), (0.1, 2.0, 0.1, 0.1)])
def test_numbers_that_are_no_probabilities_are_an_error_not_a_label(bare, picture, monkeypatch, numbers):
    with pytest.warns(LeukoliteWarning):
        classifier = Classifier(bare, labels=LABELS)
    monkeypatch.setattr(classifier.model, "predict", lambda _: np.array(numbers, np.float32))  # as logits would be
    prediction = classifier.classify(picture("a.png"))
    assert prediction.label is None
    assert "beyond 0 to 1" in prediction.error


@pytest.mark.parametrize("command", ["classify", "evaluate"])
def test_commands_say_on_one_line_what_is_assumed(leukolite, bare, colors, tmp_path, command):
    data = [colors] if command == "classify" else ["--data", colors, "--report", tmp_path / "r.json"]
    status, out, errors = leukolite(command, *data, "--labels", ",".join(LABELS), model=bare)
    assert (status, len(errors)) == (0, 1)
    assert errors[0].startswith(f"leukolite: {bare} has no card; assumed: ")
    assert "RED" in out
    if command == "evaluate":
        report = json.loads((tmp_path / "r.json").read_text())
        assert (report["accuracy"], report["model"]["variant"]) == (1.0, "unknown")


@pytest.mark.parametrize("labels", ["A,B", "none.txt", "A,B,C,C"])
def test_commands_refuse_other_labels(leukolite, bare, colors, labels):
    status, out, errors = leukolite("classify", colors, "--labels", labels, model=bare)
    assert (status, out) == (2, "")
    assert one_line(errors, "label")
