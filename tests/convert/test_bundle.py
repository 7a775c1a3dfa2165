import io
import json
import zipfile

import numpy as np
import pytest

from convert.bundle import describe, input_of, make_bundle
from convert.config import Settings
from convert.metadata import METADATA_NAME
from edge_runtime.card import load_card
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.evaluation import evaluate
from edge_runtime.golden import matches
from edge_runtime.model import Model
from edge_runtime.report import summary
from tests import tiny_model
from tests.flat import bare

RUN = {
    "labels": list(tiny_model.LABELS),
    "data": {"sha256": "of the images", "n": 12, "sources": {"BLUE": 1, "DARK": 2, "GREEN": 3, "RED": 4}},
    "settings": {
        "seed": 5,
        "network": {
            "towers": 2,
            "crop_px": 0,
            "image_height_px": 12,
            "image_width_px": 16,
            "white_balance": False,
            "zoom": 1.0,
        },
    },
    "operating_point": {"strength": 1.5},
    "rehearsal": False,
    "provenance": {"commit": "c0ffee"},
}
MODEL = tiny_model.model_bytes()


@pytest.fixture
def bundle_file(tmp_path):
    """Writes a bundle to a file."""

    def write(content):
        path = tmp_path / "bundle.tflite"
        path.write_bytes(content)
        return path

    return write


def test_card_says_what_the_run_said():
    card = describe(MODEL, RUN, variant="int8_qat", accuracy={"accuracy": 0.5})
    assert card.labels == tiny_model.LABELS
    assert (card.input.height, card.input.width) == (tiny_model.HEIGHT_PX, tiny_model.WIDTH_PX)
    assert (card.input.color_order, card.input.resize, card.input.decode) == ("RGB", "fit", "jpeg-scaled")
    assert card.normalization == {"mean": 0.0, "std": 255.0}
    assert (card.temperature, card.abstain_below, card.variant) == (1.0, 0.0, "int8_qat")
    assert card.training["recipe"] == RUN["settings"]
    assert (card.training["seed"], card.training["commit"]) == (5, "c0ffee")
    assert (card.training["data_sha256"], card.training["images"]) == ("of the images", 12)
    assert card.training["sources"] == RUN["data"]["sources"]
    assert card.training["operating_point"] == {"strength": 1.5}
    assert (card.accuracy, card.licence) == ({"accuracy": 0.5}, "MIT")
    assert "research use only" in card.intended_use


CELLS = RUN["settings"]["network"] | {"crop_px": 96, "image_height_px": 240, "image_width_px": 320}


def test_the_width_of_red_cells_is_what_is_asked_for():
    assert input_of(CELLS).red_cell_px == 0
    assert input_of(CELLS, red_cell_px=50.5).seen.red_cell_px == 50.5


@pytest.mark.parametrize(
    ("network", "red_cell_px", "view"),
    [(CELLS, 7, "cell"), (CELLS, float("nan"), "cell"), (CELLS | {"crop_px": 0}, 50, "field")],
)
def test_red_cells_that_its_view_cannot_measure_are_refused(network, red_cell_px, view, refused):
    with refused(f"red cells of 24 to 96 px in it, got {red_cell_px} px in a {view} view of 320 x 240"):
        input_of(network, red_cell_px=red_cell_px)


@pytest.mark.parametrize("rehearsal", [True, False])
def test_card_says_whether_it_was_a_rehearsal(rehearsal):
    card = describe(MODEL, {**RUN, "rehearsal": rehearsal}, variant="int8_qat", accuracy=None)
    assert card.training["rehearsal"] is rehearsal


def test_golden_record_is_the_model_s_own_answer():
    golden = describe(MODEL, RUN, variant="int8_qat", accuracy=None).golden
    assert matches(golden, Model(MODEL), tolerance=0)
    assert not matches(golden, Model(tiny_model.model_bytes(quantized=False)), tolerance=0)


def test_bundle_is_the_model_with_its_figures_and_labels(colors, bundle_file):
    content, report = make_bundle(MODEL, RUN, variant="int8_qat", settings=Settings(data=str(colors)))
    assert bare(content) == MODEL
    assert METADATA_NAME in content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.read("labels.txt").decode().splitlines() == list(tiny_model.LABELS)
        card = json.loads(archive.read("leukolite.json"))
    again, _ = evaluate(Classifier(bundle_file(content)), open_dataset(colors, split="TEST"))
    assert (report.predictions, summary(report)) == (again.predictions, summary(again))
    assert card["accuracy"] == json.loads(json.dumps(summary(report)))
    assert (card["accuracy"]["n"], card["accuracy"]["accuracy"]) == (8, 1.0)


def test_figures_are_wrong_where_the_model_is(colors):
    (colors / "TEST" / "RED" / "a.png").rename(colors / "TEST" / "BLUE" / "c.png")
    (colors / "TEST" / "DARK" / "b.png").write_bytes(b"no image")
    figures = load_card(make_bundle(MODEL, RUN, variant="int8_qat", settings=Settings(data=str(colors)))[0]).accuracy
    assert (figures["split"], figures["n"], figures["n_errors"]) == ("TEST", 8, 1)
    assert figures["accuracy"] == 6 / 8  # one mislabelled, and one that cannot be read counts as missed
    assert figures["per_class"]["BLUE"] == {"n": 3, "tpr": 2 / 3, "tnr": 1.0}
    assert figures["per_class"]["DARK"]["tpr"] == 1 / 2
    assert figures["per_class"]["RED"] == {"n": 1, "tpr": 1.0, "tnr": pytest.approx(6 / 7)}
    assert figures["balanced_accuracy"] == pytest.approx(np.mean([2 / 3, 1 / 2, 1, 1]))


def test_interval_by_source_needs_groups(colors, tmp_path):
    path = tmp_path / "groups.csv"
    rows = [f"TEST/{label}/{name}.png,{label},{label}" for label in tiny_model.LABELS for name in "ab"]
    path.write_text("path,source,group\n" + "\n".join(rows) + "\n")
    for groups, interval in ((None, None), (str(path), [1.0, 1.0])):
        content, _ = make_bundle(MODEL, RUN, variant="int8_qat", settings=Settings(data=str(colors), groups=groups))
        assert load_card(content).accuracy["accuracy_ci95_by_source"] == interval


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"data": "nowhere"}, "a data set folder at nowhere"),
        ({"split": "VALIDATE"}, "a split VALIDATE"),
        ({"groups": "none.csv"}, "a CSV with the columns"),
    ],
)
def test_what_it_cannot_be_measured_on_is_refused(refused, colors, changes, match):
    with refused(match):
        make_bundle(MODEL, RUN, variant="int8_qat", settings=Settings(**{"data": str(colors), **changes}))


def test_labels_that_are_not_those_of_the_images_are_refused(refused, colors):
    with refused("images in class folders among A, B, C, D"):
        make_bundle(MODEL, {**RUN, "labels": list("ABCD")}, variant="int8_qat", settings=Settings(data=str(colors)))


def test_labels_of_another_number_than_the_model_s_are_refused(refused, colors):
    with refused("height, width and classes"):
        make_bundle(MODEL, {**RUN, "labels": list("ABC")}, variant="int8_qat", settings=Settings(data=str(colors)))
