from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from edge_runtime.classifier import Classifier
from edge_runtime.fitness import (
    BLURRED,
    COMPLAINTS,
    NO_CELL,
    NO_SMEAR,
    OVEREXPOSED,
    UNDEREXPOSED,
    Limits,
    complaint,
)
from edge_runtime.image import decode
from edge_runtime.squares import coarsen
from tests.fields import field
from tests.tiny_model import CARD, CELL_SPEC, bundle_bytes

LIMITS = Limits()
RED_CELL, BLUE = (205, 165, 170), (60, 110, 190)


def smear():
    """Red cells around one nucleus."""
    pixels = field((60, 80, 14))
    rows, columns = np.mgrid[:120, :160]
    for row, column in ((20, 30), (25, 120), (95, 40), (100, 125)):
        pixels[(rows - row) ** 2 + (columns - column) ** 2 <= 100] = RED_CELL
    return pixels


def lit(pixels, times):
    return np.clip(np.rint(pixels * np.float64(times)), 0, 255).astype(np.uint8)


def blurred(pixels, by):
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(by)))


def flat(color):
    return np.full((120, 160, 3), color, np.uint8)


def sky():
    """White clouds before blue."""
    pixels = flat((250, 250, 250))
    pixels[:60] = BLUE
    return pixels


def glaring():
    """Something much brighter than what is taken for glass: a lamp in the picture."""
    pixels = smear()
    pixels[:40] = (255, 60, 255)
    pixels[40:] = pixels[40:] // 2
    return pixels


GOOD = {
    "a smear": smear(),
    "in a warm light": lit(smear(), (1.1, 0.9, 0.7)),
    "in a cold light": lit(smear(), (0.75, 0.9, 1.15)),
    "in little light": lit(smear(), 0.6),
    "on white glass": lit(smear(), 1.15),
    "a little out of focus": blurred(smear(), 1.5),
    "a cell alone": field((60, 80, 14)),
    "a cell that fills the field": field((60, 80, 55)),
    "a cell at the field's edge": field((60, 0, 14)),
    "with black fill": np.concatenate([np.zeros((40, 160, 3), np.uint8), smear()[40:]]),
    "a large cell, upscaled": np.asarray(Image.fromarray(smear()[35:85, 47:113]).resize((160, 120))),
}
BAD = {
    UNDEREXPOSED: (flat(0), lit(smear(), 0.3)),
    OVEREXPOSED: (flat(255), lit(smear(), 4)),
    NO_CELL: (
        flat((230, 210, 215)),
        flat((40, 120, 60)),
        field(),
        flat((128, 128, 128)),
    ),
    NO_SMEAR: (sky(), glaring(), flat((0, 0, 255))),
    BLURRED: (blurred(smear(), 6), blurred(field((60, 80, 14)), 7)),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_could_be_a_smear_passes(name):
    assert complaint(coarsen(GOOD[name]), LIMITS) is None


@pytest.mark.parametrize(("reason", "number"), [(reason, n) for reason in BAD for n in range(len(BAD[reason]))])
def test_what_can_be_none_is_refused_by_name(reason, number):
    assert complaint(coarsen(BAD[reason][number]), LIMITS) == reason


@pytest.mark.parametrize("turned", [False, True])
def test_edges_in_one_direction_are_enough(turned):
    """A stage that moved while the picture was taken, but not so far: across it all is as sharp as before."""
    turn = (lambda pixels: pixels.transpose(1, 0, 2)) if turned else (lambda pixels: pixels)
    smeared = np.mean([np.roll(turn(smear()), by, axis=1) for by in range(-12, 13)], axis=0)
    assert complaint(coarsen(turn(smeared.astype(np.uint8))), LIMITS) is None
    assert complaint(coarsen(blurred(turn(smeared.astype(np.uint8)), 6)), LIMITS) == BLURRED


def test_every_complaint_has_a_picture():
    assert set(BAD) == set(COMPLAINTS)


@pytest.mark.parametrize("size", [(120, 160), (240, 320), (60, 60), (12, 16)])
@pytest.mark.parametrize("reason", [None, UNDEREXPOSED, NO_CELL, NO_SMEAR])
def test_the_size_of_the_field_does_not_matter(size, reason):
    picture = Image.fromarray(smear() if reason is None else BAD[reason][0]).resize(size[::-1], Image.Resampling.BOX)
    assert complaint(coarsen(np.asarray(picture)), LIMITS) == reason


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [
        ("least_glass", 240, UNDEREXPOSED),
        ("least_stain", 1.0, NO_CELL),
        ("least_violet", 1.1, NO_SMEAR),
        ("most_brighter", -0.1, NO_SMEAR),
    ],
)
def test_another_limit_decides_otherwise(limit, value, reason):
    assert complaint(coarsen(smear()), replace(LIMITS, **{limit: value})) == reason


@pytest.fixture
def checking(tmp_path):
    """Makes a classifier of the tiny model with limits in its card."""

    def make(*, limits=LIMITS, checks=True, **changes):
        path = tmp_path / "checking.tflite"
        path.write_bytes(bundle_bytes(fitness=limits, **changes))
        return Classifier(path, checks=checks)

    return make


@pytest.fixture
def unfit(picture):
    return picture("unfit.png", color="BLUE")


def test_an_unfit_picture_has_no_label_but_all_else(checking, unfit):
    found, plain = checking().classify(unfit), checking(limits=None).classify(unfit)
    assert (found.label, found.abstained, found.error, found.reason) == (None, True, None, NO_SMEAR)
    assert found.refused
    assert (found.top_label, found.probabilities, found.confidence) == ("BLUE", plain.probabilities, plain.confidence)
    assert (plain.label, plain.refused) == ("BLUE", False)


def test_who_asks_for_no_checks_gets_a_label(checking, unfit):
    assert checking(checks=False).classify(unfit).label == "BLUE"


def test_explaining_and_twins_refuse_alike(checking, unfit):
    assert checking().twin().classify(unfit).reason == NO_SMEAR


def test_the_cells_of_an_unfit_picture_have_no_label_either(checking, tmp_path):
    Image.fromarray(smear()).save(tmp_path / "smear.png")
    strict = checking(limits=Limits(least_glass=254), input=CELL_SPEC).classify(tmp_path / "smear.png")
    assert strict.reason == UNDEREXPOSED
    assert strict.cells
    assert {(cell.label, cell.abstained) for cell in strict.cells} == {(None, True)}


def test_cards_without_limits_refuse_nothing(bundle, unfit):
    assert CARD.fitness is None
    assert Classifier(bundle).classify(unfit).label == "BLUE"


def test_what_is_said_of_real_pictures(data_root):
    """One of each class passes; without its light, its focus or its cell it does not."""
    folder = data_root / "dataset2-master/dataset2-master/images/TRAIN"
    for label in ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL"):
        pixels = decode(sorted((folder / label).iterdir())[0], height_px=240, width_px=320)
        said = [
            complaint(coarsen(each), Limits())
            for each in (pixels, lit(pixels, 0.3), lit(pixels, 2.5), blurred(pixels, 10), pixels[..., [1, 1, 1]])
        ]
        assert said == [None, UNDEREXPOSED, OVEREXPOSED, BLURRED, NO_CELL]
