import pickle
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.card import attach, load_card
from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE, Classifier
from edge_runtime.explanation import evidence, place
from edge_runtime.grid import Axis, Grid
from edge_runtime.head import Head
from edge_runtime.locate import Cell
from edge_runtime.sample import sample_jpeg
from edge_runtime.view import CELL, Look, View, cut, see
from tests.fields import field
from tests.flat import bare
from tests.heads import sums

ROOT = Path(__file__).parents[2]
CELLS = ROOT / "reports" / "cell" / "bundles"
REAL = [SHIPPED_MODEL, SHIPPED_REFERENCE, CELLS / "leukolite-int8.tflite", CELLS / "leukolite-float32.tflite"]


def head(*weights, bias=(0.0, 0.0), grid=None):
    return Head(maps=(), weights=tuple(np.float32(each) for each in weights), bias=np.float32(bias), grid=grid)


@pytest.mark.parametrize("path", REAL, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_with_the_bias_it_adds_up_to_the_logits_of_real_images(path, data_root):
    view = load_card(path).input.seen
    folders = sorted((data_root / "dataset2-master/dataset2-master/images/TRAIN").iterdir())
    seen = (see(image, view) for folder in folders for image in sorted(folder.iterdir())[::500])
    pictures = [pixels for pixels in seen if pixels is not None]
    added, logits, tolerance = sums(path.read_bytes(), pictures)
    assert len(pictures) >= 15
    assert np.abs(added - logits).max() <= tolerance
    assert tolerance < logits.std() / 5  # which says something


def test_each_channel_counts_where_its_maximum_lies_and_nowhere_else():
    features = np.zeros((2, 3, 2), np.float32)
    features[0, 1] = 5, 1
    features[1, 2] = 4, 3
    found = evidence([features], head([[1, 10], [-2, 0]]))
    expected = np.zeros((2, 3, 2))
    expected[0, 1] = 5, -10
    expected[1, 2] = 30, 0
    assert np.array_equal(found, expected)


def test_a_maximum_in_several_places_is_shared_evenly():
    features = np.float32([[[6.0], [6.0], [0.0]], [[6.0], [1.0], [2.0]]])
    assert evidence([features], head([[2.0]], bias=[0.0]))[..., 0].tolist() == [[4, 4, 0], [4, 0, 0]]


def test_towers_add_up():
    one, two = np.zeros((2, 1, 1, 1), np.float32)
    one[:], two[:] = 3, 5
    assert evidence([one, two], head([[1.0], [0.0]], [[2.0], [-1.0]])).tolist() == [[[13.0, -5.0]]]


GRID = Grid(rows=Axis(2, 1.5, 4, 9), columns=Axis(3, 2.0, 2, 5))


def test_the_field_view_s_positions_are_those_of_the_grid():
    view = View.whole(height_px=8, width_px=8)
    found = place(np.zeros((2, 3, 2)), head(grid=GRID), top_class=1, cell=None, view=view)
    assert found.rows_px.tolist() == [1.5, 5.5]
    assert found.columns_px.tolist() == [2.0, 4.0, 6.0]
    assert (found.step_px, found.reach_px, found.top_class) == ((4.0, 2.0), (9.0, 5.0), 1)


@pytest.mark.parametrize(("zoom", "side"), [(1.0, 8), (2.0, 4), (0.5, 16)])
def test_a_cell_s_positions_lie_around_its_middle_at_the_field_s_scale(zoom, side):
    view = View(CELL, 8, 8, field_height_px=100, field_width_px=200, zoom=zoom)
    cell = Cell(left_px=90, top_px=40, right_px=110, bottom_px=60, area=0.1)  # its middle is (50, 100)
    found = place(np.zeros((2, 3, 2)), head(grid=GRID), top_class=0, cell=cell, view=view)
    assert found.rows_px.tolist() == [50 - side / 2 + each / zoom for each in (1.5, 5.5)]
    assert found.columns_px.tolist() == [100 - side / 2 + each / zoom for each in (2.0, 4.0, 6.0)]
    assert found.step_px == (4 / zoom, 2 / zoom)


@pytest.mark.parametrize("path", REAL, ids=lambda path: f"{path.parent.parent.name}-{path.stem}")
def test_it_comes_with_the_prediction_of_classify(path, tmp_path):
    view = load_card(path).input.seen
    nuclei = [(60, 70, 30), (170, 230, 34)]
    Image.fromarray(field(*nuclei, height=240, width=320)).save(tmp_path / "two.png")
    classifier, plain = Classifier(path), Classifier(path).classify(tmp_path / "two.png")
    found = classifier.explain(tmp_path / "two.png")
    for said in (found.prediction, classifier.classify(tmp_path / "two.png")):
        assert (said.probabilities, said.cells, said.label) == (plain.probabilities, plain.cells, plain.label)
    assert found.field.shape == (view.field_height_px, view.field_width_px, 3)
    assert found.model_sha256 == classifier.digest
    assert len(found.maps) == len(cut(found.field, view)[0]) == (2 if view.kind == CELL else 1)
    answers = plain.cells or (plain,)
    for shown, answer in zip(found.maps, answers, strict=True):
        assert list(answer.probabilities)[shown.top_class] == max(answer.probabilities, key=answer.probabilities.get)
        assert shown.evidence.shape == (len(shown.rows_px), len(shown.columns_px), len(classifier.card.labels))
        logits = shown.evidence.sum(axis=(0, 1)) + shown.bias
        assert logits.argmax() == shown.top_class


def test_the_map_lies_where_a_magnified_crop_was_cut(tmp_path):
    card = load_card(REAL[2])
    shown = replace(card.input, red_cell_px=50.3)
    (tmp_path / "other.tflite").write_bytes(attach(bare(REAL[2].read_bytes()), replace(card, input=shown)))
    pixels = field((120, 160, 60), height=240, width=320)  # a nucleus twice as wide as red cells are to be
    Image.fromarray(pixels).save(tmp_path / "large.png")
    plain, found = (
        Classifier(path).explain(tmp_path / "large.png").maps[0] for path in (REAL[2], tmp_path / "other.tflite")
    )
    zoom = Look(pixels, shown.seen).magnified.zoom
    assert zoom < 0.6 * shown.zoom
    assert found.step_px == pytest.approx(np.array(plain.step_px) * shown.zoom / zoom, rel=0.01)  # whole pixels
    assert found.columns_px[0] < plain.columns_px[0]


def test_it_shows_the_field_and_no_map_where_there_is_no_cell(tmp_path):
    Image.fromarray(field(height=240, width=320)).save(tmp_path / "empty.png")
    found = Classifier(REAL[2]).explain(tmp_path / "empty.png")
    assert (found.maps, found.prediction.error, found.field.shape) == ((), None, (240, 320, 3))


def test_an_unreadable_picture_is_an_error_without_field_and_map():
    found = Classifier().explain(b"no picture")
    assert found.prediction.error.startswith("expected a readable ")
    assert (found.maps, found.field.shape) == ((), (0, 0, 3))


def test_a_model_that_answers_nan_has_nothing_to_explain_with(monkeypatch):
    classifier = Classifier().load(explaining=True)
    nan = np.full(len(classifier.card.labels), np.nan, np.float32)
    monkeypatch.setattr(classifier.model, "predict_all", lambda pixels: (nan, [np.full((2, 2, 1), np.nan)]))
    found = classifier.explain(sample_jpeg())
    assert "got NaN" in found.prediction.error
    assert found.maps == ()


def test_a_model_of_another_kind_is_refused_and_goes_on_classifying(bundle, picture, refused):
    classifier, path = Classifier(bundle), picture("a.png", color="RED")
    with refused(f"global max-pooling, .+ in {bundle}, .+ got AVERAGE_POOL_2D to 'tensor2'; use a model that"):
        classifier.explain(path)
    assert classifier.classify(path).label == "RED"


def test_the_interpreter_is_made_anew_once_and_of_the_file_s_own_bytes_for_who_never_asks(monkeypatch):
    from edge_runtime import classifier as module

    given = []
    model = module.Model
    monkeypatch.setattr(module, "Model", lambda content, **options: given.append(content) or model(content, **options))
    classifier = Classifier()
    classifier.classify(sample_jpeg())
    assert given == [SHIPPED_MODEL.read_bytes()]
    for _ in range(2):
        classifier.explain(sample_jpeg())
        classifier.classify(sample_jpeg())
    assert len(given) == 2
    assert len(classifier.load(explaining=True).model.invoke_all(np.zeros(shape_of(classifier), np.uint8))[1]) > 0


def shape_of(classifier):
    return classifier.card.input.height, classifier.card.input.width, 3


def test_a_pickled_classifier_that_explained_explains():
    classifier = Classifier()
    first = classifier.explain(sample_jpeg())
    again = pickle.loads(pickle.dumps(classifier)).explain(sample_jpeg())
    assert np.array_equal(first.maps[0].evidence, again.maps[0].evidence)


def test_the_example_of_the_docs_runs(tmp_path, monkeypatch, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "explain.md").read_text(), flags=re.DOTALL)
    (tmp_path / "smear.jpg").write_bytes(sample_jpeg())
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/explain.md", "exec"), {})
    assert capsys.readouterr().out.splitlines()[0] in Classifier().card.labels
