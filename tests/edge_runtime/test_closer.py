"""Pictures that show much more of a smear than usual: the public set's TRAIN folder, mirrored all around."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_runtime import closer as module
from edge_runtime import view as views
from edge_runtime.adapt.embedding import Embedder
from edge_runtime.classifier import PORTABLE_MODEL, Classifier
from edge_runtime.closer import MOST_TIMES, closer
from edge_runtime.fitness import BLURRED, Limits, complaint
from edge_runtime.image import decode_field
from edge_runtime.locate import locate
from edge_runtime.scale import red_cell_diameter
from edge_runtime.squares import coarsen
from edge_runtime.view import CELL, MOST_CELLS, Look, View, box_of, look_at
from tests.fields import NUCLEUS, field

RED_CELL_PX = 50.3  # docs/cells.md
HEIGHT, WIDTH = 240, 320
VIEW = View(CELL, 96, 96, HEIGHT, WIDTH, white_balance=True, zoom=0.75, red_cell_px=RED_CELL_PX)


def wide(pixels, times):
    """A picture so many times as wide and as high, the field in its middle and mirrored around it."""
    margins = [(round(side * (times - 1) / 2),) * 2 for side in pixels.shape[:2]]
    return np.pad(pixels, (*margins, (0, 0)), mode="symmetric")


def encoded(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def smears(train_fields):
    """Each third of the pictures of TRAIN that show a cell and how wide their red cells are."""
    told = [pixels for pixels in train_fields if locate(pixels) and red_cell_diameter(coarsen(pixels))]
    assert len(told) > 45
    return told[::3]


@pytest.fixture
def decoded(monkeypatch):
    """The sizes that files are decoded to."""
    sizes = []

    def decode(content, *, height_px, width_px):
        sizes.append((height_px, width_px))
        return decode_field(content, height_px=height_px, width_px=width_px)

    for each in (module, views):
        monkeypatch.setattr(each, "decode_field", decode)
    return sizes


@pytest.mark.parametrize("times", [2, 3, 5, 8])
def test_cells_of_a_wide_picture_are_seen_as_large_as_in_a_usual_one(smears, times):
    """The cell in the middle is shown as its own picture shows it, but for black beside that, where the mirror is."""
    closer_by, alike = [], 0
    for pixels in smears:
        own, look = Look(pixels, VIEW), look_at(encoded(wide(pixels, times)), VIEW)[1]
        closer_by.append(look.times)
        left, top = (round(side * (times - 1) / 2) for side in (WIDTH, HEIGHT))
        (cell,), (crop,) = own.cells[:1], own.crops[:1].astype(int)
        for other, shown in zip(look.cells, look.crops, strict=True):
            off = abs(other.left_px - left - cell.left_px), abs(other.top_px - top - cell.top_px)
            if max(off) <= 2 * look.squares.side_px:  # by whether a square at its rim counts
                lit = crop.sum(axis=2) > 60
                alike += np.abs(crop - shown)[lit].mean() < 10
    # The rest: one in twenty has no red cells that are told, and those of one eighth of a step's limit.
    assert np.median(closer_by) == times
    assert sum(abs(each - times) <= 1 for each in closer_by) >= 0.9 * len(smears)
    assert alike >= 0.6 * len(smears)


def test_without_a_closer_look_hardly_any_is_found(smears):
    contents = [encoded(wide(pixels, 5)) for pixels in smears]
    fields = [decode_field(content, height_px=HEIGHT, width_px=WIDTH).pixels for content in contents]
    assert sum(len(locate(pixels)) > 0 for pixels in fields) <= 0.2 * len(smears)


def test_cells_that_are_found_say_how_much_closer(smears, decoded):
    """With the red cells, and no finer picture is looked at for that: twice as much is seen twice as large at once."""
    told = 0
    for pixels in smears:
        decoded.clear()
        look = look_at(encoded(wide(pixels, 2)), VIEW)[1]
        told += decoded == [(HEIGHT, WIDTH), (2 * HEIGHT, 2 * WIDTH)] and look.times == 2
    assert told >= 0.7 * len(smears)
    content = encoded(wide(smears[0], 5))
    plain = decode_field(content, height_px=HEIGHT, width_px=WIDTH)
    decoded.clear()
    found, times = closer(content, plain, smaller=2.4, red_cell_px=RED_CELL_PX)
    assert (times, found.pixels.shape, decoded) == (2, (2 * HEIGHT, 2 * WIDTH, 3), [(2 * HEIGHT, 2 * WIDTH)])


@pytest.mark.parametrize("times", [4, 6])
def test_a_blot_of_stain_is_neither_gone_by_nor_taken_for_a_cell(smears, times):
    """One as large as a cell of a usual field would be: in a wide picture it is larger than any."""
    as_without = 0
    for pixels in smears:
        plain = wide(pixels, times)
        blotted, radius = plain.copy(), 0.09 * len(plain)
        rows, columns = np.ogrid[: len(plain), : plain.shape[1]]
        blotted[np.hypot(rows - 1.3 * radius, columns - 1.3 * radius) < radius] = NUCLEUS
        look, found = look_at(encoded(plain), VIEW)[1], look_at(encoded(blotted), VIEW)[1]
        as_without += abs(found.times - look.times) <= 1 and len(found.cells) >= 0.5 * len(look.cells)
        assert found.times == 1 or all(cell.right_px - cell.left_px < 1.5 * radius for cell in found.cells)
    assert as_without >= 0.8 * len(smears)


@pytest.mark.parametrize("scale", [1, 1.9])
def test_a_file_without_more_pixels_is_read_once(smears, decoded, scale):
    pixels = wide(smears[0], 3)
    shown = Image.fromarray(pixels).resize((round(scale * WIDTH), round(scale * HEIGHT)))
    look = look_at(encoded(np.asarray(shown)), VIEW)[1]
    assert (look.times, decoded) == (1, [(HEIGHT, WIDTH)])


@pytest.mark.parametrize("view", [View.whole(height_px=120, width_px=160), View(CELL, 96, 96, HEIGHT, WIDTH)])
def test_other_views_never_look_closer(smears, decoded, view):
    assert look_at(encoded(wide(smears[0], 4)), view)[1].times == 1
    assert len(decoded) == 1


def test_usual_cells_in_a_large_file_are_left_as_they_are(smears, decoded):
    large = Image.fromarray(smears[0]).resize((4 * WIDTH, 4 * HEIGHT))
    look = look_at(encoded(np.asarray(large)), VIEW)[1]
    assert (look.times, decoded) == (1, [(HEIGHT, WIDTH)])
    assert look.cells


def test_what_shows_no_red_cells_is_left_as_it_is(decoded):
    found, look = look_at(encoded(field(height=4 * HEIGHT, width=4 * WIDTH)), VIEW)
    assert (look.times, found.pixels.shape, look.cells) == (1, (HEIGHT, WIDTH, 3), ())
    assert decoded == [(HEIGHT, WIDTH), (4 * HEIGHT, 4 * WIDTH)]


def test_larger_cells_than_the_finest_look_is_for_are_seen_less_finely(smears):
    """Six times as many pixels as a usual field has, and cells twice as large: three times as close is enough."""
    pixels = wide(smears[0], 3)
    large = np.asarray(Image.fromarray(pixels).resize((6 * WIDTH, 6 * HEIGHT)))
    found, look = look_at(encoded(large), VIEW)
    assert (look.times, found.pixels.shape) == (3, (3 * HEIGHT, 3 * WIDTH, 3))


def test_it_goes_no_closer_than_it_may(smears):
    content = encoded(wide(smears[0], MOST_TIMES + 2))
    plain = decode_field(content, height_px=HEIGHT, width_px=WIDTH)
    found, times = closer(content, plain, smaller=50.0, red_cell_px=RED_CELL_PX)
    assert (times, found.pixels.shape) == (MOST_TIMES, (MOST_TIMES * HEIGHT, MOST_TIMES * WIDTH, 3))


def test_boxes_are_in_pixels_of_the_file(smears):
    """The file has one pixel for each of the closer field."""
    content = encoded(wide(smears[0], 4))
    found, look = look_at(content, VIEW)
    cell, box = look.cells[0], box_of(look.cells[0], found)
    assert (box.left, box.top, box.right, box.bottom) == (cell.left_px, cell.top_px, cell.right_px, cell.bottom_px)


def test_of_too_many_cells_the_largest_are_taken():
    places = [(row, column) for row in range(24, 1900, 80) for column in range(24, 2540, 80)]
    nuclei = [(row, column, 16 + number % 5) for number, (row, column) in enumerate(places)]
    look = Look(field(*nuclei, height=8 * HEIGHT, width=8 * WIDTH), VIEW, times=8)
    every = locate(look.pixels, squares=look.squares)
    assert len(every) > MOST_CELLS == len(look.cells)
    assert look.cells == every[:MOST_CELLS]


@pytest.mark.parametrize("blur_px", [0, 16])
@pytest.mark.parametrize("times", [2, 4])
def test_a_wide_picture_is_as_fit_as_its_parts(smears, times, blur_px):
    found = []
    for pixels in smears:
        seen = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(blur_px)))
        found.append((complaint(coarsen(seen), Limits()), complaint(coarsen(wide(seen, times), times=times), Limits())))
    assert sum(own == of_all for own, of_all in found) >= 0.9 * len(found)
    assert {own for own, _ in found} == ({BLURRED} if blur_px else {None})


def test_a_classifier_reads_every_cell_of_a_wide_picture(smears):
    """Mostly what it reads in the picture by itself: of the same fields, the ruler may say something else."""
    classifier, same = Classifier(PORTABLE_MODEL, threshold=0.0), 0
    for pixels in smears:
        own, found = classifier.classify(encoded(pixels)), classifier.classify(encoded(wide(pixels, 4)))
        same += own.label is not None and own.label == found.label
        assert len(found.cells) == 0 or len(found.cells) > len(own.cells)
    assert same >= 0.75 * len(smears)


def test_evidence_and_embeddings_are_of_the_closer_field(smears):
    content = encoded(wide(smears[0], 4))
    explained = Classifier(PORTABLE_MODEL).explain(content)
    assert explained.field.shape == (4 * HEIGHT, 4 * WIDTH, 3)
    assert len(explained.maps) == len(explained.prediction.cells) > 4
    box, shown = explained.prediction.cells[0].box, explained.maps[0]
    assert shown.rows_px[0] < (box.top + box.bottom) / 2 < shown.rows_px[-1]
    classifier = Classifier(PORTABLE_MODEL)
    embedding = Embedder(classifier.bundle.content, classifier.card, name="portable").embed(content)
    assert embedding.picture.shape == (HEIGHT, WIDTH, 3)
    assert embedding.probabilities == pytest.approx(list(explained.prediction.cells[0].probabilities.values()))
