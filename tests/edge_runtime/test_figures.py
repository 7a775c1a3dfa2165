import sys

import numpy as np
import pytest
from PIL import Image

from edge_runtime import figures
from edge_runtime.errors import LeukoliteError
from edge_runtime.report import Outcome, summarize

LABELS = ("BASO|PHIL", "MONOCYTE", "NEUTROPHIL")
MATRIX = np.array([[8, 1, 1], [0, 10, 0], [2, 0, 5]])


def pixels(path):
    """A picture as float32 [height, width, 3]."""
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        return np.asarray(picture.convert("RGB"), np.float32)


def report(matrix, *, unread=0):
    """The EvalReport of such a confusion matrix; `unread` more images of the first class could not be read."""
    pairs = [(row, column) for (row, column), count in np.ndenumerate(matrix) for _ in range(count)]
    outcomes = [Outcome(f"{number}.png", LABELS[t], LABELS[p], 0.9) for number, (t, p) in enumerate(pairs)]
    outcomes += [Outcome(f"bad {number}.png", LABELS[0], None, None) for number in range(unread)]
    about = {"sha256": "abc", "variant": "float32"}
    return summarize(outcomes, labels=LABELS, groups=None, model=about, data=about, provenance={})


def test_more_reports_make_a_wider_picture(tmp_path):
    figures.draw_confusion({"one": report(MATRIX), "other": report(MATRIX.T)}, tmp_path / "two.png")
    figures.draw_confusion({"one": report(MATRIX)}, tmp_path / "one.png")
    two, one = pixels(tmp_path / "two.png"), pixels(tmp_path / "one.png")
    assert two.shape[1] > 1.5 * one.shape[1]
    assert (one < 250).mean() > 0.05


def test_a_report_and_its_matrix_are_drawn_alike(tmp_path):
    figures.draw_confusion({"held out": report(MATRIX)}, tmp_path / "report.png")
    figures.draw_matrix(MATRIX, LABELS, tmp_path / "matrix.png", title="held out")
    assert (tmp_path / "report.png").read_bytes() == (tmp_path / "matrix.png").read_bytes()
    figures.draw_matrix(MATRIX.T, LABELS, tmp_path / "matrix.png", title="held out")
    assert (tmp_path / "report.png").read_bytes() != (tmp_path / "matrix.png").read_bytes()


@pytest.fixture
def drawn(monkeypatch):
    """Collects the matplotlib figures that would be written."""
    found = []
    monkeypatch.setattr(figures, "to_png", lambda figure: found.append(figure) or b"")
    return found


def test_cells_hold_counts_and_shares_of_the_true_class(drawn):
    figures.matrix_png(MATRIX, LABELS, title="epoch 3")
    axes = drawn[0].axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0.8, 0.1, 0.1], [0, 1, 0], [2 / 7, 0, 5 / 7]])
    assert [text.get_text() for text in axes.texts][:3] == ["8\n80.0%", "1\n10.0%", "1\n10.0%"]
    assert [text.get_text() for text in axes.get_yticklabels()] == list(LABELS)
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("true class", "predicted class")
    assert axes.get_title() == f"epoch 3: {23 / 27:.2%} of 27 images"


def test_an_unreadable_image_is_one_of_its_class(drawn, tmp_path):
    figures.draw_confusion({"int8": report(MATRIX, unread=10)}, tmp_path / "m.png")
    axes = drawn[0].axes[0]
    np.testing.assert_allclose(axes.images[0].get_array()[0], [0.4, 0.05, 0.05])
    assert axes.get_title() == f"int8: {23 / 37:.2%} of 37 images, 10 unreadable"


def test_a_column_for_no_prediction_is_no_class(drawn):
    figures.matrix_png(np.column_stack([MATRIX, [10, 0, 0]]), LABELS, title="a")
    axes = drawn[0].axes[0]
    np.testing.assert_allclose(axes.images[0].get_array()[0], [0.4, 0.05, 0.05])
    assert axes.get_title() == f"a: {23 / 37:.2%} of 37 images, 10 unreadable"


def test_no_images_no_figure(drawn):
    figures.matrix_png(np.zeros((3, 3)), LABELS)
    assert drawn[0].axes[0].get_title() == "no images"


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "labels",
    [
        ("A", "B"),
        ("a class with a very long name, longer than any picture has room for", "B"),
        ("half $x", "\\frac{$", "line\nbreak"),
        tuple(f"KIND {number}" for number in range(28)),
    ],
    ids=["two", "long", "odd", "many"],
)
def test_any_classes_can_be_drawn(labels, tmp_path):
    figures.draw_matrix(np.zeros((len(labels), len(labels))), labels, tmp_path / "m.png", title="epoch 1")
    assert (pixels(tmp_path / "m.png") < 250).mean() > 0.01


@pytest.mark.parametrize(
    ("label", "short"),
    [
        ("MONOCYTE", "MONOCYTE"),
        ("x" * 28, "x" * 28),
        ("IMMATURE GRANULOCYTE, STAGE 2", "IMMATURE GRAN…OCYTE, STAGE 2"),
        ("a\nb", "a\\nb"),
        ("$1$", r"\$1\$"),
    ],
)
def test_names_are_fitted(label, short):
    assert figures.shorten(label) == short


def test_the_same_figures_give_the_same_file():
    assert figures.matrix_png(MATRIX, LABELS) == figures.matrix_png(MATRIX.copy(), LABELS)


def test_missing_matplotlib_is_one_clear_line(monkeypatch, tmp_path):
    for name in ("matplotlib", "matplotlib.figure", "matplotlib.backends.backend_agg"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(LeukoliteError, match=r"expected matplotlib to be installed.*extra `train` or `bench`"):
        figures.draw_matrix(MATRIX, LABELS, tmp_path / "m.png")
    assert not list(tmp_path.iterdir())
