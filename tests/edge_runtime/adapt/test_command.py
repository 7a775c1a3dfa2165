"""`leukolite adapt` from end to end on a tiny bundle: what it writes, and all that it refuses."""

import hashlib
import json
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_runtime.__main__ import main
from edge_runtime.adapt import command
from edge_runtime.card import attach, load_card
from edge_runtime.classifier import MODELS, Classifier
from edge_runtime.fitness import Limits
from edge_runtime.integrity import SUMS_NAME, read_sums
from edge_runtime.rewrite import with_head
from tests import tiny_model


@pytest.fixture
def untouched(base, tmp_path):
    """Fails when the bundle that is adapted changed, or when anything but the pictures and a report was written."""
    before = hashlib.sha256(base.read_bytes()).digest()
    yield
    assert hashlib.sha256(base.read_bytes()).digest() == before
    assert {each.name for each in tmp_path.iterdir()} <= {"cells", "report.json", "groups.csv"}


@pytest.mark.parametrize("base", ["float32", "int8_ptq"], indirect=True)
def test_a_bundle_is_adapted(adapt, cells, base, tmp_path):
    data = cells(6)
    status, out, err = adapt(data, "--report", tmp_path / "report.json")
    assert status == 0
    assert [line for line in err if "error" in line] == []
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert rows["GREEN"] == ["6", "0.000", "1.000"]
    assert rows["balanced"] == ["24", "0.750", "1.000"]
    adapted = Classifier(tmp_path / "adapted.tflite").load()  # digest, card and golden answer are right
    for path in data.rglob("*.png"):
        assert adapted.classify(path).label == path.parent.name
    card, old = load_card(tmp_path / "adapted.tflite"), load_card(base)
    assert {**card.training, "adapted": None} == {**old.training, "adapted": None}
    assert card.training["adapted"]["base_sha256"] == hashlib.sha256(base.read_bytes()).hexdigest()
    assert card.training["adapted"]["cells"] == dict.fromkeys(card.labels, 6)
    assert (card.accuracy["left_out"], card.accuracy["balanced_accuracy"]) == ("1/5 at a time", 1.0)
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["helps"], report["before"]["balanced_accuracy"], report["after"]["balanced_accuracy"]) == (
        True,
        0.75,
        1.0,
    )
    assert read_sums(tmp_path / SUMS_NAME).keys() == {"adapted.tflite"}


def limit(base, limits):
    """Give a bundle other limits."""
    content, card = base.read_bytes(), load_card(base)
    model = content[: zipfile.ZipFile(base).infolist()[0].header_offset]
    tiny_model.save(base, attach(model, replace(card, fitness=limits)))


@pytest.mark.parametrize("limits", [None, Limits()], ids=["none", "those of the public set"])
def test_limits_that_refuse_the_user_s_own_cells_are_given_up(adapt, cells, base, tmp_path, limits):
    """Coloured patterns are no smear; somebody who labels them wants an answer for them all the same."""
    limit(base, limits)
    data = cells(6)
    status, _, err = adapt(data)
    assert status == 0
    assert any("would get no label" in line for line in err) == (limits is not None)
    adapted = Classifier(tmp_path / "adapted.tflite")
    assert adapted.card.fitness is None
    assert adapted.classify(data / "RED" / "00.png").label == "RED"


def test_limits_that_let_all_of_them_pass_stay(adapt, cells, base, tmp_path):
    lax = Limits(least_glass=0, least_grey=0, brighter=99, least_stain=-99, least_violet=0, least_edge=0)
    limit(base, lax)
    status, _, err = adapt(cells(6))
    assert (status, [line for line in err if "would get no label" in line]) == (0, [])
    assert load_card(tmp_path / "adapted.tflite").fitness == lax


def test_an_adapted_bundle_is_adapted_again_in_its_place(adapt, cells, tmp_path):
    data, output = cells(6), tmp_path / "adapted.tflite"
    output.write_bytes(b"an older one")
    (tmp_path / SUMS_NAME).write_text(f"{hashlib.sha256(b'an older one').hexdigest()}  {output.name}\n# kept\n")
    assert adapt(data)[0] == 0
    Classifier(output).load()
    assert (tmp_path / SUMS_NAME).read_text().startswith("# kept\n")


def test_few_cells_and_copies_are_warned_of_and_copies_count_once(adapt, cells):
    data = cells(5)
    with Image.open(data / "RED" / "00.png") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((64, 48)).save(data / "RED" / "copy.jpg", quality=90)
    status, out, err = adapt(data)
    assert status == 0
    assert {line.split()[1] for line in out.splitlines()[1:-2]} == {"5"}
    assert any("few cells: BLUE 5, DARK 5, GREEN 5, RED 5" in line for line in err)
    assert any("1 pictures are copies, and count once: RED/copy.jpg of RED/00.png" in line for line in err)


def test_what_may_be_chance_is_warned_of(adapt, cells, monkeypatch, tmp_path):
    found = command.adapt

    def unsure(*arguments, **settings):
        sure = found(*arguments, **settings)
        return replace(sure, difference=replace(sure.difference, ci95=(-0.1, 0.6)))

    monkeypatch.setattr(command, "adapt", unsure)
    status, out, err = adapt(cells(6))
    assert status == 0
    assert "(95 % -0.100 to +0.600)" in out
    assert any("warning: that may be chance" in line for line in err)


def test_a_bundle_of_another_kind_is_refused(bundle, cells, tmp_path, capsys):
    output = tmp_path / "adapted.tflite"
    assert main(["adapt", "-m", str(bundle), "--data", str(cells(6)), "-o", str(output)]) == 2
    assert "to explain or adapt it, got AVERAGE_POOL_2D to" in capsys.readouterr().err
    assert not output.exists()


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(adapt, cells, tmp_path):
    data = cells(6)
    (data / "RED" / "broken.png").write_bytes(b"no picture")
    status, _, err = adapt(data)
    assert status == 1
    assert any("RED/broken.png: expected a readable" in line for line in err)
    Classifier(tmp_path / "adapted.tflite").load()


def test_what_does_not_help_is_not_written(adapt, cells, pixels, tmp_path, untouched):
    data = cells(6)
    for number in range(6):  # green ones that it takes for red are called red: it is right already
        Image.fromarray(pixels("GREEN", 6 + number)).save(data / "RED" / f"{number:02}.png")
        Image.fromarray(pixels("BLUE", 6 + number)).save(data / "GREEN" / f"{number:02}.png")
        Image.fromarray(pixels("BLUE", 12 + number)).save(data / "BLUE" / f"{number:02}.png")
    status, out, err = adapt(data, "--report", tmp_path / "report.json")
    assert status == 1
    (line,) = [line for line in err if "error" in line]
    assert "expected cells that were left out to be told better" in line, out
    assert json.loads((tmp_path / "report.json").read_text())["helps"] is False


@pytest.mark.parametrize(
    ("counts", "found"),
    [({"RED": 4}, "BLUE 6, DARK 6, GREEN 6, RED 4"), ({"GREEN": 0}, "BLUE 6, DARK 6, GREEN 0, RED 6")],
)
def test_too_few_cells_are_refused(adapt, cells, counts, found, untouched):
    status, _, (*_, line) = adapt(cells(6, **counts))
    assert status == 2
    assert f"expected at least 5 different cells of each class, better 25, got {found}" in line


def test_a_missing_class_is_refused(adapt, cells, untouched):
    data = cells(6)
    shutil.rmtree(data / "RED")
    status, _, (*_, line) = adapt(data)
    assert status == 2
    assert "GREEN 6, RED 0" in line


def test_an_unknown_class_is_refused(adapt, cells, untouched):
    data = cells(6)
    (data / "RED").rename(data / "PINK")
    status, _, (*_, line) = adapt(data)
    assert status == 2
    assert "class folders among BLUE, DARK, GREEN, RED" in line


def test_labels_that_contradict_each_other_are_refused(adapt, cells, untouched):
    data = cells(6)
    with Image.open(data / "RED" / "00.png") as picture:
        picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(data / "BLUE" / "same.png")
    status, _, (*_, line) = adapt(data)
    assert status == 2
    assert "expected one label for each cell, got BLUE/same.png and RED/00.png, the same picture" in line


def test_copies_do_not_make_five_cells(adapt, cells, untouched):
    data = cells(6, RED=4)
    for number in range(3):
        shutil.copy(data / "RED" / "00.png", data / "RED" / f"copy{number}.png")
    status, _, (*_, line) = adapt(data)
    assert status == 2
    assert "RED 4" in line


def test_pictures_of_one_cell_do_not_make_five_cells(adapt, cells, tmp_path, untouched):
    data = cells(6)
    lines = []
    for path in data.rglob("*.png"):
        cell = "RED/03.png" if f"{path.parent.name}/{path.name}" > "RED/03.png" else f"{path.parent.name}/{path.name}"
        lines.append(f"{path.parent.name}/{path.name},{cell},{cell}")
    (tmp_path / "groups.csv").write_text("\n".join(["path,source,group", *lines]) + "\n")
    status, _, (*_, line) = adapt(data, "--groups", tmp_path / "groups.csv")
    assert status == 2
    assert "GREEN 6, RED 4" in line


def test_the_bundle_that_is_adapted_is_not_overwritten(adapt, cells, base, untouched):
    status, _, (*_, line) = adapt(cells(6), output=base)
    assert status == 2
    assert "got the bundle that is adapted" in line


@pytest.mark.parametrize("place", ["leukolite-adapted.tflite", "portable/leukolite-int8.tflite"])
def test_nor_is_a_shipped_one(adapt, cells, place, untouched):
    status, _, (*_, line) = adapt(cells(6), output=MODELS / place)
    assert status == 2
    assert "got the folder of the shipped bundles" in line


def test_a_place_that_cannot_be_written_to_is_refused_first(adapt, tmp_path, cells, untouched):
    data = cells(6)
    file = data / "RED" / "00.png" / "a.tflite"
    for output, found in ((file, "cannot be written to"), (data, "got a folder"), (Path("/dev/null"), "device")):
        status, _, (*_, line) = adapt(data, output=output)
        assert status == 2
        assert found in line


def test_an_interruption_leaves_nothing(adapt, cells, monkeypatch, untouched):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "rebundle", interrupt)
    status, _, _ = adapt(cells(6))
    assert status == 130


def test_a_head_that_is_stored_wrongly_is_refused(adapt, cells, monkeypatch, untouched):
    def wrong(content, head, **settings):
        return with_head(content, replace(head, bias=head.bias + np.float32([99, 0, 0, 0])), **settings)

    monkeypatch.setattr(command, "with_head", wrong)
    status, _, (*_, line) = adapt(cells(6))
    assert status == 2
    assert "tells its own cells at least as well as" in line
    assert "got balanced accuracy 0.250 after 0.750" in line
