"""The cell view from pictures to answers: trained, fine-tuned, converted, run."""

from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from convert.config import BUNDLE_NAMES
from convert.config import Settings as Conversion
from convert.release import convert
from edge_runtime.card import read_model
from edge_runtime.classifier import NO_CELL, Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.evaluation import evaluate
from edge_runtime.graph import read_graph
from edge_runtime.head import find_head
from edge_runtime.report import load_report
from edge_runtime.view import CELL, see
from tests.train import tiny
from train.config import NetworkSettings
from train.smears import SmearSettings, generate
from train.stages import Call, train_float, train_qat

SETTINGS = replace(
    tiny.SETTINGS,
    network=NetworkSettings(
        crop_px=48, widths=(4, 6, 8), strided=1, towers=2, white_balance=True, zoom=0.8, space_to_depth=2
    ),
)
EMPTY = "EOSINOPHIL"  # the class of a picture that shows plasma alone, in TRAIN and in TEST


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Generated pictures of 320 x 240, one of each split without a cell."""
    root = generate(tmp_path_factory.mktemp("smears"), settings=SmearSettings(images_per_class=8, sources=(4, 3, 2, 6)))
    for split in ("TRAIN", "TEST"):
        picture = next((root / "images" / split / EMPTY).glob("*.jpeg"))
        Image.new("RGB", (320, 240), (230, 210, 215)).save(picture)
    return root


@pytest.fixture(scope="module")
def said():
    return []


@pytest.fixture(scope="module")
def runs(root, said, tmp_path_factory):
    """The run directories of both stages."""
    tiny.settle()
    out = tmp_path_factory.mktemp("runs")
    call = Call(tell=said.append)
    train_float(str(root), out / "float", settings=SETTINGS, call=call)
    train_qat(str(root), out / "float", out / "qat", call=call)
    return out / "float", out / "qat"


@pytest.fixture(scope="module")
def bundles(root, runs, tmp_path_factory):
    """The folder of the converted models."""
    out = tmp_path_factory.mktemp("bundles")
    convert(*runs, out, settings=Conversion(data=str(root), groups=str(root / "groups.csv")))
    return out


@pytest.mark.parametrize("number", [0, 1])
def test_what_shows_no_cell_is_not_trained_on_and_counts_as_missed(runs, said, number):
    assert any(line.startswith("1 images show no stained cell") for line in said)
    report = load_report(runs[number] / "held_out.json")
    assert (report.n, report.n_errors) == (32, 1)
    (missed,) = [row for row in report.predictions if row.predicted is None]
    assert missed.true == EMPTY
    assert report.per_class[EMPTY].n == 8


@pytest.mark.parametrize("variant", BUNDLE_NAMES)
def test_the_card_says_the_view_and_the_model_takes_crops(bundles, variant):
    classifier = Classifier(bundles / BUNDLE_NAMES[variant])
    spec = classifier.card.input
    assert (spec.view, spec.field_height, spec.field_width) == (CELL, 120, 160)
    assert (spec.white_balance, spec.zoom) == (True, 0.8)
    assert (spec.height, spec.width) == (classifier.model.height_px, classifier.model.width_px) == (48, 48)


def test_the_device_answers_as_the_trained_network_does(runs, bundles, root):
    classifier = Classifier(bundles / BUNDLE_NAMES["float32"])
    logits = tf.saved_model.load(str(runs[0] / "model")).signatures["serving_default"]
    answered = 0
    for image in open_dataset(root, split="TEST").images:
        crop, found = see(image.path, SETTINGS.network.view), classifier.classify(image.path)
        if crop is None:
            assert (found.label, found.reason, found.cells) == (None, NO_CELL, ())
            continue
        answered += 1
        pixels = tf.constant(crop[np.newaxis], tf.float32) / 255
        wanted = tf.nn.softmax(logits(pixels=pixels)["logits"])[0].numpy()
        # The same graph by other kernels: float32 rounding alone may differ.
        assert list(found.probabilities.values()) == pytest.approx(wanted.tolist(), abs=1e-4)
        assert found.cells[0].label == found.label
    assert answered == 7


@pytest.mark.parametrize("variant", BUNDLE_NAMES)
def test_the_maps_look_at_the_squares_of_pixels_that_became_channels(bundles, variant):
    grid = find_head(read_graph(read_model(bundles / BUNDLE_NAMES[variant])), name=variant).grid
    # Squares of 2, and two halvings; 3 x 3 positions of a fold, of those, of the halved twice, and a pool of two.
    assert (grid.rows.step_px, grid.rows.reach_px) == (2 * 2 * 2, 2 + 2 * 2 + 2 * 4 + 4 + 2 * 8)


def test_evaluation_counts_every_image(bundles, root):
    classifier = Classifier(bundles / BUNDLE_NAMES["int8_qat"])
    report, complaints = evaluate(classifier, open_dataset(root, split="TEST"))
    assert (report.n, report.n_errors, complaints) == (8, 1, [])
    assert classifier.card.accuracy["n_errors"] == 1
