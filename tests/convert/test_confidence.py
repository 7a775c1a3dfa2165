import json
from dataclasses import replace

import numpy as np
import pytest

from convert.confidence import Confidence, read_confidence
from convert.release import convert
from edge_runtime.classifier import Classifier
from edge_runtime.fitness import Limits
from edge_runtime.model import Model
from tests import tiny_model
from train.__main__ import main as train


@pytest.fixture(scope="module")
def fitted(runs, tmp_path_factory):
    """The file for the tiny run."""
    path = tmp_path_factory.mktemp("confidence") / "confidence.json"
    assert train(["confidence", str(runs[1]), "--out", str(path)]) == 0
    return path


@pytest.fixture(scope="module")
def run(runs):
    return json.loads((runs[1] / "run.json").read_text())


def test_without_a_file_nothing_is_changed(run):
    found = read_confidence(None, run=run)
    assert (found.temperature, found.abstain_below, found.facts) == (1.0, 0.0, None)
    assert found.fold(tiny_model.model_bytes(), variant="int8_qat") == tiny_model.model_bytes()


def test_what_was_fitted_is_read(fitted, run):
    found, fields = read_confidence(str(fitted), run=run), json.loads(fitted.read_text())
    assert (found.temperature, found.abstain_below) == (fields["temperature"], fields["abstain_below"])
    assert found.facts["ece"] == fields["ece"]
    assert found.facts["split"] == "TRAIN"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"temperature": 0}, "temperature 0.0"),
        ({"temperature": "warm"}, "warm"),
        ({"abstain_below": 1.5}, "threshold 1.5"),
        ({"schema_version": 2}, "schema 2"),
        ({"labels": ["A", "B"]}, "its labels differ"),
        ({"network": {}}, "its network differ"),
        ({"data_sha256": "0" * 64}, "its data_sha256 differ"),
        ({"ece": None}, None),
        ({"coverage": ...}, "coverage"),
    ],
)
def test_a_file_of_something_else_is_refused(change, says, fitted, run, tmp_path, refused):
    fields = {**json.loads(fitted.read_text()), **change}
    path = tmp_path / "changed.json"
    path.write_text(json.dumps({name: value for name, value in fields.items() if value is not ...}))
    if says is None:
        assert read_confidence(str(path), run=run).facts["ece"] is None
        return
    with refused(f"the temperature and threshold of this network at .*{says}"):
        read_confidence(str(path), run=run)
    if says.endswith("differ"):  # of something else, and not no such file
        assert read_confidence(str(path), run=run, if_same=True) == Confidence()
    else:
        with refused(says):
            read_confidence(str(path), run=run, if_same=True)


def test_a_file_of_the_same_is_taken_if_same(fitted, run):
    assert read_confidence(str(fitted), run=run, if_same=True) == read_confidence(str(fitted), run=run)


def test_a_bundle_has_the_temperature_in_its_graph_and_the_rest_in_its_card(
    runs, fitted, settings, released, pictures, tmp_path
):
    """Against the bundles without: the same labels, of int8 to the last one, and softer or sharper as it says."""
    out = tmp_path / "bundles"
    convert(*runs, out, settings=replace(settings, confidence=str(fitted)))
    wanted = json.loads(fitted.read_text())
    for name, step in (("leukolite-int8.tflite", 1 / 256), ("leukolite-float32.tflite", 1e-5)):
        before, after = (Classifier(folder / name, golden="off") for folder in (released, out))
        assert (before.card.temperature, before.card.abstain_below) == (1.0, 0.0)
        assert (after.card.temperature, after.card.abstain_below) == (wanted["temperature"], wanted["abstain_below"])
        assert after.threshold == wanted["abstain_below"]
        assert after.card.fitness == Limits()
        assert after.card.training["confidence"]["coverage"] == wanted["coverage"]
        for pixels in pictures:
            plain, tempered = (each.model.predict(pixels).astype(np.float64) for each in (before, after))
            assert plain.argmax() == tempered.argmax()
            expected = plain ** (1 / wanted["temperature"])
            # Both are rounded to steps of 1/256 in int8; the power steepens the first where it is small.
            assert np.abs(expected / expected.sum() - tempered).max() <= 8 * step


def test_int8_logits_stay_the_same_integers(released, pictures):
    from edge_runtime.card import read_model
    from edge_runtime.graph import read_graph, with_outputs
    from tests.flat import bare

    plain = bare(read_model(released / "leukolite-int8.tflite"))
    integers = []
    for model in (plain, Confidence(temperature=2.5).fold(plain, variant="int8_qat")):
        logits = next(each for each in read_graph(model).operators if each.name == "SOFTMAX").inputs[0]
        interpreter = Model(with_outputs(model, [logits]))
        integers.append([interpreter.invoke_all(pixels)[1][0].tolist() for pixels in pictures])
    assert integers[0] == integers[1]
