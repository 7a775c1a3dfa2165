import numpy as np
import pytest
from PIL import Image

from convert.attribution import Changed, Label
from convert.attribution_report import TITLES
from convert.sheet import COLUMNS, ROWS, caption, draw_page, write_sheets
from convert.stages import INT8, KERAS_FLOAT, STAGES
from edge_runtime.view import View

VIEW = View.whole(height_px=24, width_px=32)
PAGE = COLUMNS * ROWS


def change(path="TEST/RED/a.png", *, to="BLUE"):
    """An image that int8 with XNNPACK alone answers otherwise."""
    answers = {stage: Label("RED", 0.51) for stage in STAGES}
    return Changed(path, "RED", {**answers, INT8: Label(to, 0.625)})


def test_caption_has_the_true_label_and_every_answer_with_its_score():
    lines = list(caption(change(), TITLES))
    assert [text for text, _ in lines] == [
        "TEST/RED/a.png",
        "true: RED",
        "Keras float: RED 0.510",
        "Keras QAT: RED 0.510",
        "TFLite float32: RED 0.510",
        "TFLite int8, XNNPACK: BLUE 0.625",
        "TFLite int8, reference: RED 0.510",
    ]


def test_only_another_label_than_keras_floats_is_red():
    colours = [colour for _, colour in caption(change(), TITLES)]
    (other,) = {colours[5]} - set(colours[:5] + colours[6:])
    assert other[0] > 2 * max(other[1:])
    same = [colour for _, colour in caption(change(to="RED"), TITLES)]
    assert other not in same


@pytest.mark.parametrize("path", ["x" * 200 + "/end.png", "two\nlines.png"])
def test_path_takes_one_line_that_ends_as_it_does(path):
    (text, _), *_ = caption(change(path), TITLES)
    assert len(text) < 50
    assert text.isprintable()
    assert text.endswith(".png")


def test_page_shows_each_image_above_its_text(picture):
    paths = {f"{color}.png": str(picture(f"{color}.png", color=color)) for color in ("RED", "BLUE")}
    page = np.asarray(draw_page([change(name) for name in paths], paths, view=VIEW, titles=TITLES))
    first, second = page[:, : page.shape[1] // 2], page[:, page.shape[1] // 2 :]
    for part, color in ((first, (255, 0, 0)), (second, (0, 0, 255))):
        assert (part[8:158, 8:208] == color).all()  # 150 x 200 pixels of it
        assert (part[166:] < 100).any()  # and text below


def test_text_of_a_changed_label_is_drawn_in_its_colour(picture):
    path = str(picture("a.png", color="BLUE"))
    pages = [
        np.asarray(draw_page([change("a.png", to=to)], {"a.png": path}, view=VIEW, titles=TITLES))
        for to in ("GREEN", "RED")
    ]
    red = [int(((page[..., 0] > 150) & (page[..., 1] < 90)).sum()) for page in pages]
    assert red[0] > 50
    assert red[1] == 0


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (0, []),
        (1, ["changed.png"]),
        (PAGE, ["changed.png"]),
        (PAGE + 1, ["changed-1.png", "changed-2.png"]),
    ],
)
def test_every_image_gets_onto_a_page_and_earlier_pages_go(picture, tmp_path, count, names):
    out = tmp_path / "out"
    out.mkdir()
    for old in ("changed.png", "changed-1.png", "changed-7.png", "changed-mine.png"):
        (out / old).write_bytes(b"old")
    path = str(picture("a.png"))
    changed = [change(f"{number}.png") for number in range(count)]
    paths = {each.path: path for each in changed}
    written = write_sheets(out, changed, paths, view=VIEW, titles=TITLES)
    assert [each.name for each in written] == names
    assert sorted(each.name for each in out.iterdir()) == sorted(["changed-mine.png", *names])
    sizes = [Image.open(each).size for each in written]
    if count > PAGE:
        assert sizes[0][0] == COLUMNS * sizes[1][0]
        assert sizes[0][1] == ROWS * sizes[1][1]


def test_picture_that_lost_its_cell_meanwhile_is_refused(refused, picture):
    path = str(picture("a.png", color="GREEN"))
    with refused("the picture that was answered before"):
        draw_page([change("a.png")], {"a.png": path}, view=View("cell", 24, 32, 48, 64), titles=TITLES)


def test_keras_float_is_what_others_are_compared_with():
    answers = {stage: Label("BLUE", 0.6) for stage in STAGES}
    mine = Changed("a.png", "BLUE", {**answers, KERAS_FLOAT: Label("RED", 0.6)})
    colours = [colour for _, colour in caption(mine, TITLES)][2:]
    assert len(set(colours[1:])) == 1 != colours[0]
    assert colours[0] != colours[1]
