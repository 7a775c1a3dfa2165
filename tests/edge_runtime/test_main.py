"""`leukolite` in this process: usage, and `classify`. The reports' commands are in test_main_reports.py."""

import csv
import io
import json
import os
from dataclasses import replace

import pytest
from PIL import Image

from edge_runtime import __version__
from edge_runtime.__main__ import main
from edge_runtime.classifier import NO_CELL, SHIPPED_MODEL
from edge_runtime.fitness import Limits
from tests.edge_runtime.conftest import one_line
from tests.fields import field
from tests.tiny_model import CARD, CELL_SPEC, bundle_bytes, model_bytes

KEYS = {"path", "label", "confidence", "probabilities", "abstained", "error", "latency_ms", "reason", "cells"}


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "table"])
def test_a_field_without_a_cell_is_no_failure(leukolite, picture, tmp_path, form):
    (tmp_path / "cells.tflite").write_bytes(bundle_bytes(input=CELL_SPEC))
    path = picture("empty.png", color="DARK")
    status, out, errors = leukolite("classify", path, "--format", form, model=tmp_path / "cells.tflite")
    assert (status, errors) == (0, [])
    assert NO_CELL in out


@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "table"])
def test_classify_prints_nothing_but_results(leukolite, picture, form):
    status, out, errors = leukolite("classify", picture("a.png", color="GREEN"), "--format", form)
    assert (status, errors) == (0, [])
    if form == "jsonl":
        assert json.loads(out)["label"] == "GREEN"
    elif form == "json":
        assert [item["label"] for item in json.loads(out)] == ["GREEN"]
    elif form == "csv":
        assert [row["label"] for row in csv.DictReader(io.StringIO(out))] == ["GREEN"]
    else:
        assert out.splitlines()[1].startswith("GREEN ")


def test_json_objects_have_the_contracts_keys(leukolite, picture, tmp_path):
    (tmp_path / "bad.png").touch()
    _, out, _ = leukolite("classify", picture("a.png"), tmp_path / "bad.png", "--format", "jsonl")
    for line in out.splitlines():
        assert json.loads(line).keys() == KEYS


def test_classify_takes_files_folders_globs_and_standard_input(leukolite, colors, picture):
    listed = picture("listed.jpg", color="BLUE")
    status, out, _ = leukolite(
        *("classify", colors / "TEST" / "RED", f"{colors}/TEST/G*/a.png", "-", "--format", "jsonl"), stdin=f"{listed}\n"
    )
    assert status == 0
    assert [json.loads(line)["label"] for line in out.splitlines()] == ["RED", "RED", "GREEN", "BLUE"]


def test_good_inputs_are_done_beside_bad_ones(leukolite, picture, tmp_path):
    (tmp_path / "cut.jpg").write_bytes(picture("whole.jpg", size=(320, 240)).read_bytes()[:-200])
    (tmp_path / "text.jpg").write_text("Dear doctor")
    (tmp_path / "empty.jpg").touch()
    os.mkfifo(tmp_path / "pipe.jpg")
    bad = [tmp_path / f"{name}.jpg" for name in ("cut", "text", "empty", "pipe", "missing")]
    status, out, errors = leukolite("classify", *bad[:3], picture("a.png"), *bad[3:], "--format", "jsonl")
    rows = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [row["label"] for row in rows] == [None, None, None, "RED", None, None]
    assert [row["error"] is None for row in rows] == [False, False, False, True, False, False]
    assert len(errors) == len(bad)
    for path, line in zip(bad, errors, strict=True):
        assert one_line([line.replace(f"{path}: ", "")])
        assert str(path) in line


@pytest.mark.parametrize("count", [1, 3])
def test_inputs_that_lead_nowhere_alone_have_status_2(leukolite, tmp_path, count):
    status, out, errors = leukolite("classify", *[tmp_path / f"{number}.png" for number in range(count)])
    assert (status, out, len(errors)) == (2, "", count)
    assert all(one_line([line], "an existing file") for line in errors)


def test_folder_without_images_has_status_2(leukolite, tmp_path):
    status, out, errors = leukolite("classify", tmp_path)
    assert (status, out) == (2, "")
    assert one_line(errors, "no image in it")


def test_empty_standard_input_has_status_2(leukolite):
    status, out, errors = leukolite("classify", "-", stdin="\n")
    assert (status, out) == (2, "")
    assert one_line(errors, "standard input")


def test_unreadable_pictures_alone_have_status_1(leukolite, tmp_path):
    (tmp_path / "bad.png").touch()
    status, out, errors = leukolite("classify", tmp_path / "bad.png", "--format", "json")
    assert (status, len(json.loads(out)), len(errors)) == (1, 1, 1)


def test_threshold_and_top_k(leukolite, picture):
    _, out, _ = leukolite("classify", picture("a.png", color="DARK"), *("-t", 0.9, "-k", 2, "--format", "jsonl"))
    row = json.loads(out)
    assert (row["label"], row["abstained"], len(row["probabilities"])) == (None, True, 2)


def test_pictures_are_looked_at_unless_told_otherwise(leukolite, picture, tmp_path):
    model, path = tmp_path / "checking.tflite", picture("a.png", color="DARK")
    model.write_bytes(bundle_bytes(fitness=Limits()))
    for options, label in {(): None, ("--no-checks",): "DARK", ("-t", 0): None}.items():
        status, out, errors = leukolite("classify", path, "--format", "jsonl", *options, model=model)
        row = json.loads(out)
        assert (status, errors, row["label"], row["abstained"]) == (0, [], label, label is None)
        assert (row["reason"] is None) == bool(label)
        assert max(row["probabilities"], key=row["probabilities"].get) == "DARK"


def test_output_goes_to_a_file(leukolite, picture, tmp_path):
    status, out, errors = leukolite(
        "classify", picture("a.png"), "-o", tmp_path / "new" / "out.json", "--format", "json"
    )
    assert (status, out, errors) == (0, "", [])
    assert json.loads((tmp_path / "new" / "out.json").read_text())[0]["label"] == "RED"


def test_output_that_cannot_be_written_leaves_nothing(leukolite, picture, tmp_path):
    path = picture("a.png")
    before = sorted(tmp_path.rglob("*"))
    status, out, errors = leukolite("classify", path, "-o", path / "below-a-file.json")
    assert (status, out) == (2, "")
    assert one_line(errors, "to be able to write")
    assert sorted(tmp_path.rglob("*")) == before


def test_old_output_survives_a_model_that_is_none(leukolite, picture, tmp_path):
    (tmp_path / "out.json").write_text("old")
    status, _, _ = leukolite("classify", picture("a.png"), "-o", tmp_path / "out.json", model=tmp_path / "none")
    assert status == 2
    assert (tmp_path / "out.json").read_text() == "old"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, ["No such file"]),
        (b"", ["an empty file"]),
        (b"<!DOCTYPE html>", ["TFL3"]),
        (model_bytes(), ["leukolite.json"]),
        (bundle_bytes()[:700], ["leukolite.json"]),
        (model_bytes()[:600] + bundle_bytes()[1200:], []),
        (bundle_bytes(labels=CARD.labels[:2]), ["classes"]),
        (bundle_bytes(schema_version=2), ["schema 2"]),
        (bundle_bytes(input=replace(CARD.input, resize="stretch")), ["stretch"]),
    ],
    ids=["missing", "empty", "html", "no card", "truncated", "damaged", "labels", "newer", "other rules"],
)
@pytest.mark.parametrize("command", ["classify", "evaluate"])
def test_model_that_cannot_be_used_has_status_2(leukolite, colors, tmp_path, content, words, command):
    model = tmp_path / "model.tflite"
    if content is not None:
        model.write_bytes(content)
    arguments = [colors] if command == "classify" else ["--data", colors, "--report", tmp_path / "r.json"]
    status, out, errors = leukolite(command, *arguments, model=model)
    assert (status, out) == (2, "")
    assert one_line(errors, *words)
    assert not (tmp_path / "r.json").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["classify"],
        ["classify", "x.png", "-t", "1.5"],
        ["classify", "x.png", "-t", "nan"],
        ["classify", "x.png", "-t", "half"],
        ["classify", "x.png", "-k", "0"],
        ["classify", "x.png", "--num-threads", "0"],
        ["classify", "x.png", "--num-threads", "257"],
        ["classify", "x.png", "--format", "xml"],
        ["classify", "x.png", "--bogus", "two\nlines"],
        ["evaluate", "--data", "x"],
        ["evaluate", "--report", "x"],
        ["gate", "--candidate", "x"],
        ["classify", "x.png", "--golden", "maybe"],
        ["bulk", "in", "out", "--golden", "warn"],
        ["clasify", "x.png"],
    ],
    ids=" ".join,
)
def test_usage_error_is_one_line_and_status_2(capsys, arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert one_line(err.splitlines(), "--help")


@pytest.mark.parametrize("argv", [["--help"], ["classify", "--help"], ["gate", "--help"]])
def test_help_has_status_0(capsys, argv):
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith("usage: leukolite")


def test_version(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"leukolite {__version__}\n"


def test_debug_shows_a_traceback(leukolite, picture, tmp_path):
    status, _, errors = leukolite("classify", picture("a.png"), "--debug", model=tmp_path / "none.tflite")
    assert status == 2
    assert errors[0].startswith("Traceback")
    assert errors[-1].startswith("leukolite: error: expected ")


@pytest.fixture
def smear(tmp_path):
    """A generated field with one stained cell, in a folder of its own: smear("a/x.png")."""

    def write(name):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(field((120, 160, 40), height=240, width=320)).save(path)
        return path

    return write


def test_explain_draws_each_picture_and_changes_nothing_that_is_printed(leukolite, smear, tmp_path):
    paths = [smear("a/x.png"), smear("b/x.png"), smear("y.png")]
    plain = leukolite("classify", *paths, "--format", "jsonl", model=SHIPPED_MODEL)
    found = leukolite("classify", *paths, "--format", "jsonl", "--explain", tmp_path / "maps", model=SHIPPED_MODEL)

    def without_times(result):
        return [{**json.loads(line), "latency_ms": None} for line in result[1].splitlines()]

    assert (found[0], found[2], without_times(found)) == (0, [], without_times(plain))
    assert sorted(os.listdir(tmp_path / "maps")) == ["x-2.png", "x.png", "y.png"]
    with Image.open(tmp_path / "maps" / "x-2.png") as picture:
        assert picture.info["source"] == str(paths[1])
        assert picture.info["label"] == str(without_times(plain)[1]["label"])


def test_explain_reports_bad_pictures_and_draws_the_good(leukolite, smear, tmp_path):
    (tmp_path / "bad.jpg").write_text("no picture")
    missing = tmp_path / "missing.jpg"
    status, _, errors = leukolite(
        "classify", tmp_path / "bad.jpg", missing, smear("good.png"), "--explain", tmp_path / "m", model=SHIPPED_MODEL
    )
    assert status == 1
    assert len(errors) == 2
    assert os.listdir(tmp_path / "m") == ["good.png"]


def test_explain_is_refused_in_one_line(leukolite, smear, tmp_path):
    (tmp_path / "file").touch()
    path = smear("x.png")
    status, out, errors = leukolite("classify", path, "--explain", tmp_path / "file", model=SHIPPED_MODEL)
    assert (status, out) == (2, "")
    assert one_line(errors, "a folder for heat maps")
    status, out, errors = leukolite("classify", path, "--explain", tmp_path / "maps")  # the tiny model
    assert (status, out) == (2, "")
    assert one_line(errors, "global max-pooling", "AVERAGE_POOL_2D")
    assert not (tmp_path / "maps").exists()
