import numpy as np
import pytest
from PIL import Image

from benchmarks.shifts import curves
from benchmarks.shifts.answers import NONE
from benchmarks.shifts.kinds import GRADES
from benchmarks.shifts.measure import measure, upright
from benchmarks.shifts.pictures import Shown, sample
from edge_runtime.dataset import open_dataset
from tests import tiny_model

KINDS = ["light", "saturation", "blur"]


@pytest.fixture
def tinted(tmp_path):
    """Three bluish dark and three greenish bright pictures, which colour tells apart as well as brightness."""
    random = np.random.default_rng(0)
    for label, color in (("DARK", (40, 40, 70)), ("GREEN", (150, 220, 150))):
        (tmp_path / label).mkdir()
        for number in range(3):
            pixels = random.normal(color, 4, (24, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    return open_dataset(tmp_path)


def model(monkeypatch, path, weights, bias):
    """A float model with these weights of R, G and B for each label, which is never answered with BLUE or RED."""
    monkeypatch.setattr(tiny_model, "_WEIGHTS", np.array(weights, np.float32))
    monkeypatch.setattr(tiny_model, "_BIAS", np.array(bias, np.float32))
    path.parent.mkdir()  # with a SHA256SUMS of its own
    return tiny_model.save(path, tiny_model.bundle_bytes(variant="float32"))


def test_a_model_blind_to_colour_holds_where_one_that_hangs_on_it_falls(tinted, monkeypatch, tmp_path):
    never = [0, 0, 0]
    # Brighter than 0.4 in the mean; and greener than red and blue are together.
    blind = model(monkeypatch, tmp_path / "blind" / "m.tflite", [never, never, [8, 8, 8], never], [-99, 0, -9.6, -99])
    seeing = model(
        monkeypatch, tmp_path / "seeing" / "m.tflite", [never, never, [-20, 40, -20], never], [-99, 0, -8, -99]
    )
    chosen = sample(tinted, groups=None, per_source=1, seed=1)
    measured = measure({"blind": blind, "seeing": seeing}, tinted, chosen, kinds=KINDS, seed=1)
    flat, falling = (each.curves for each in curves.trace(measured))
    assert [flat[kind].area.value for kind in KINDS] == pytest.approx([1] * len(KINDS))
    assert falling["blur"].area.value == pytest.approx(1)  # both take the mean of the whole picture
    assert falling["saturation"].balanced_accuracy[0].value == pytest.approx(1)
    assert falling["saturation"].area.value < 0.9
    assert falling["light"].area.value < 1


def test_each_answer_has_its_place(colors, bundle, float_bundle):
    dataset = open_dataset(colors, split="TEST")
    chosen = sample(dataset, groups=None, per_source=1, seed=1)
    measured = measure({"int8": bundle, "float": float_bundle}, dataset, chosen, kinds=["noise"], seed=1)
    assert [name for name, *_ in measured.pictures] == [shown.name for shown in chosen]
    assert [each.name for each in measured.answers] == ["int8", "float"]
    assert [each.variant for each in measured.answers] == ["int8_ptq", "float32"]
    true = tuple(number for _, number, _ in measured.pictures)
    for each in measured.answers:
        assert len(each.predicted["noise"]) == GRADES + 1
        assert each.predicted["noise"][0] == true


def test_what_is_not_answered_is_told(colors, tmp_path):
    shy, blind = (tmp_path / name / "m.tflite" for name in ("shy", "cell"))
    for path, changes in ((shy, {"abstain_below": 0.9}), (blind, {"input": tiny_model.CELL_SPEC})):
        path.parent.mkdir()
        tiny_model.save(path, tiny_model.bundle_bytes(**changes))
    dataset = open_dataset(colors, split="TEST")
    chosen = [shown for shown in sample(dataset, groups=None, per_source=1, seed=1) if shown.label == "DARK"]
    measured = measure({"shy": shy, "no cell": blind}, dataset, chosen, kinds=["blur"], seed=1)
    for each in measured.answers:
        assert {answer for grade in each.predicted["blur"] for answer in grade} == {NONE}, each.name


def test_a_class_that_the_data_set_has_not_is_wrong_and_no_silence(picture, bundle, tmp_path):
    picture("data/RED/a.png", color="BLUE")
    dataset = open_dataset(tmp_path / "data")
    chosen = sample(dataset, groups=None, per_source=1, seed=1)
    measured = measure({"m": bundle}, dataset, chosen, kinds=["blur"], seed=1)
    assert measured.answers[0].predicted["blur"] == ((1,),) * (GRADES + 1)


def test_other_classes_and_damaged_pictures_are_refused(picture, bundle, tmp_path, refused):
    (tmp_path / "broken" / "RED").mkdir(parents=True)
    (tmp_path / "broken" / "RED" / "a.png").write_bytes(b"no picture")
    picture("other/EOSINOPHIL/a.png")
    for name, match in (("broken", "to be able to read RED/a.png"), ("other", "EOSINOPHIL")):
        dataset = open_dataset(tmp_path / name)
        with refused(match):
            measure({"m": bundle}, dataset, sample(dataset, groups=None, per_source=1, seed=1), kinds=["blur"], seed=1)


def test_a_picture_is_shifted_upright_and_as_large_as_it_was_taken(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned to the right when shown
    pixels = np.zeros((30, 50, 3), np.uint8)
    pixels[:, :10] = 255
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    shown = upright(Shown(str(tmp_path / "a.png"), "a.png", "A", "s"))
    assert (shown == pixels.transpose(1, 0, 2)).all()
