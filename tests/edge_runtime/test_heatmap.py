import io
import os

import numpy as np
import pytest
from PIL import Image

from edge_runtime.card import INTENDED_USE
from edge_runtime.errors import LeukoliteError
from edge_runtime.explanation import EvidenceMap, Explanation
from edge_runtime.heatmap import AGAINST, FOR, Gallery, draw, layer, png, strongest
from edge_runtime.prediction import Prediction

GREY = 100


def shown(values, *, rows=(10.5, 20.5), columns=(10.5, 20.5, 30.5), top_class=1):
    """A map of one class's evidence, 10 pixels a step; the other class has plenty everywhere."""
    values = np.float32(values)
    evidence = np.full((*values.shape, 2), 9, np.float32)
    evidence[..., top_class] = values
    place = (np.array(rows), np.array(columns), (10.0, 10.0), (15.0, 15.0))
    return EvidenceMap(evidence, np.zeros(2, np.float32), top_class, *place)


def explanation(*maps, path="a/cell.jpg", label="B", size=(32, 400)):
    said = Prediction(path, label, 0.75, {"A": 0.25, "B": 0.75}, label is None, None, None)
    return Explanation(said, np.full((*size, 3), GREY, np.uint8), maps, "d" * 64)


def test_evidence_lies_at_the_middles_and_fades_to_their_neighbours():
    values = layer(explanation(shown([[0, 4, 0], [0, 0, -2]])))
    assert values.shape == (32, 400)
    assert (values[10, 20], values[20, 30], values[10, 10]) == (4, -2, 0)
    assert values[10, 25] == values[10, 15] == values[5, 20] == 2  # half a step away
    assert not values[:, 45:].any()


def test_where_two_cells_overlap_the_stronger_shows():
    one, two = shown([[0, 4, 0], [0, 0, 0]]), shown([[0, -5, 0], [0, 3, 0]])
    assert layer(explanation(one, two))[[10, 20], [20, 20]].tolist() == [-5, 3]


def test_a_map_may_reach_beyond_the_field():
    beyond = shown([[4, 0, 0], [0, 0, 0]], rows=(-4.5, 5.5), columns=(-4.5, 5.5, 15.5))
    values = layer(explanation(beyond))
    assert values[0, 0] == pytest.approx(1)  # half of a half
    assert strongest(explanation(beyond)) == 4


def test_colours_say_for_and_against_and_nothing_is_left_as_it_was():
    pixels = draw(explanation(shown([[0, 4, 0], [0, 0, -2]])))
    assert pixels.shape == (32, 400, 3)
    # As opaque as the drawing gets at the strongest, half of that at half.
    assert pixels[10, 20].tolist() == [round(GREY / 4 + each * 0.75) for each in FOR]
    assert pixels[20, 30].tolist() == [round(GREY * 0.625 + each * 0.375) for each in AGAINST]
    assert (pixels[:, 45:] == GREY).all()


@pytest.mark.parametrize("maps", [(), (shown(np.zeros((2, 3))),)])
def test_without_evidence_it_is_the_field(maps):
    found = explanation(*maps)
    assert (draw(found) == GREY).all()
    assert strongest(found) == 0


@pytest.mark.parametrize(("width", "times"), [(400, 1), (320, 1), (319, 2), (160, 2), (30, 11)])
def test_small_fields_are_enlarged_to_be_looked_at(width, times):
    pixels = draw(explanation(shown(np.ones((2, 3))), size=(32, width)))
    assert pixels.shape == (32 * times, width * times, 3)


@pytest.mark.parametrize(
    ("path", "label", "texts"),
    [
        ("a/cell.jpg", "B", {"label": "B", "source": "a/cell.jpg"}),
        ("a\nb\udcff.jpg", None, {"label": "none; most like B", "source": r"a\nb\udcff.jpg"}),
        ("Zelle ä 细胞.jpg", "B", {"source": "Zelle ä 细胞.jpg"}),
    ],
)
def test_the_picture_says_what_was_answered_of_what_and_by_whom(path, label, texts):
    found = explanation(shown([[0, 4, 0], [0, 0, -2]]), path=path, label=label)
    with Image.open(io.BytesIO(png(found))) as picture:
        assert np.array_equal(np.asarray(picture), draw(found))
        said = picture.info
    expected = {"confidence": "0.75", "strongest_evidence": "4.0", "model_sha256": "d" * 64, "Disclaimer": INTENDED_USE}
    assert {name: said[name] for name in {**expected, **texts}} == {**expected, **texts}


@pytest.fixture
def save(tmp_path):
    """Saves heat maps of these paths in one run: the names that they get."""

    def call(*paths):
        gallery = Gallery(tmp_path / "new" / "maps")
        saved = [gallery.save(explanation(shown(np.ones((2, 3))), path=os.fspath(path))) for path in paths]
        assert all(path.parent == tmp_path / "new" / "maps" and path.is_file() for path in saved)
        assert sorted(os.listdir(tmp_path / "new" / "maps")) == sorted({path.name for path in saved})
        return [path.name for path in saved]

    return call


def test_equal_names_are_told_apart_and_the_same_inputs_get_the_same_names(save):
    paths = ["a/x.jpg", "b/x.png", "b/X.jpg", "x-2.jpg", "c/x.tif", "y.jpg"]
    found = save(*paths)
    assert len({name.casefold() for name in found}) == len(paths)
    assert found[0] == "x.png"
    assert found[-1] == "y.png"
    assert save(*paths) == found  # those of an earlier run are replaced


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("", "picture.png"),
        ("a/.jpg", "jpg.png"),
        ("..", "picture.png"),
        ("a\nb.jpg", "a_b.png"),
        ("a\udcff.jpg", "a_.png"),
        ('a:b*c?"<>|\\.jpg', "a_b_c______.png"),
        ("ä 细.jpg", "ä 细.png"),
        ("x" * 251 + ".jpg", "x" * 200 + ".png"),
        ("细" * 83 + ".jpg", "细" * 66 + ".png"),
    ],
)
def test_odd_names_become_ones_that_every_file_system_takes(save, path, name):
    assert save(path) == [name]


def test_no_file_but_an_older_heat_map_is_replaced(tmp_path):
    photograph = tmp_path / "x.png"
    Image.new("RGB", (4, 4)).save(photograph)
    (tmp_path / "y.png").write_text("no picture")
    (tmp_path / "z.png").mkdir()
    os.mkfifo(tmp_path / "f.png")
    (tmp_path / "l.png").symlink_to(tmp_path / "nothing")
    before = photograph.read_bytes()
    found = [explanation(shown(np.ones((2, 3))), path=f"in/{stem}.jpg") for stem in "xyzfl"]
    for _ in range(2):
        gallery = Gallery(tmp_path)
        assert [gallery.save(each).name for each in found] == [f"{stem}-2.png" for stem in "xyzfl"]
    assert photograph.read_bytes() == before
    assert (tmp_path / "y.png").read_text() == "no picture"


def test_what_has_no_map_is_not_drawn(tmp_path):
    assert Gallery(tmp_path).save(explanation()) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["file", "file/below", "\0"])
def test_a_folder_that_cannot_be_made_is_refused(tmp_path, refused, name):
    (tmp_path / "file").touch()
    with refused("a folder for heat maps at .+; name another one"):
        Gallery(tmp_path / name)


def test_a_picture_that_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    def full(*paths):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LeukoliteError, match="No space left"):
        Gallery(tmp_path).save(explanation(shown(np.ones((2, 3)))))
    assert list(tmp_path.iterdir()) == []
