import json
import re
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.readme import is_current
from benchmarks.shifts import tables
from benchmarks.shifts.answers import read
from benchmarks.shifts.curves import trace

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "shifts.md"
NAMES = ("shifts", "shift-levels")


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("".join(f"<!-- figures:{name} begin -->\n<!-- figures:{name} end -->\n" for name in NAMES))
    return path


def test_measures_writes_draws_and_tells_again(colors, bundle, float_bundle, page, tmp_path, capsys):
    out, picture, sheet = (tmp_path / "out" / name for name in ("shifts.json", "shifts.png", "shifts.jpg"))
    models = [f"one={bundle}", str(float_bundle)]
    asked = ["--data", str(colors), "--per-source", "1", "--kinds", "saturation", "blur", "--out", str(out)]
    drawn = ["--picture", str(picture), "--sheet", str(sheet), "--readme", str(page)]
    assert main(["shifts", "--models", *models, *asked, *drawn]) == 0
    told = capsys.readouterr()
    assert "one" in told.out
    assert "field float32" in told.out
    assert "without --groups" in told.err
    found = json.loads(out.read_text())
    assert [model["name"] for model in found["models"]] == ["one", "field float32"]
    assert list(found["curves"]["one"]) == ["blur", "saturation", "mean"]
    assert found["curves"]["one"]["blur"]["area"]["value"] == pytest.approx(1)
    assert found["curves"]["one"]["saturation"]["area"]["value"] < 1
    assert picture.read_bytes()[:4] == b"\x89PNG"
    assert sheet.read_bytes()[:2] == b"\xff\xd8"
    assert is_current(page, "shifts", told.out)
    before = picture.read_bytes()
    assert main(["shifts", "--measured", str(out), "--picture", str(picture)]) == 0
    assert capsys.readouterr().out == told.out
    assert picture.read_bytes() == before


def test_only_some_pictures_and_folds_as_one(colors, picture, bundle, tmp_path, capsys):
    picture("colors/TRAIN/RED/a.png")  # another split, of which none is asked for
    parts = []
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(f"TEST/RED/{name}.png\nTEST/BLUE/{name}.png\n")
        parts.append(str(tmp_path / f"{name}.json"))
        only = ["--only", str(tmp_path / f"{name}.txt"), "--kinds", "blur", "--out", parts[-1]]
        assert main(["shifts", "--models", f"m={bundle}", "--data", str(colors), *only]) == 0
    capsys.readouterr()
    assert main(["shifts", "--measured", *parts]) == 0
    assert "4 pictures of 4 source cells of TEST, " in capsys.readouterr().out
    assert main(["shifts", "--measured", parts[0], parts[0]]) == 2


def test_the_page_is_what_was_measured():
    measured = read(ROOT / "reports" / "shifts.json")
    assert is_current(PAGE, "shifts", tables.to_markdown(measured, trace(measured)))
    assert is_current(PAGE, "shift-levels", tables.levels())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--kinds", "fog"], "kinds among .*fog"),
        (["--models", "absent.tflite"], "absent.tflite"),
        (["--models", "name=absent.tflite"], "absent.tflite"),
        (["--models", "TWICE", "TWICE"], "different models, got .* twice"),
        (["--split", "VALIDATE"], "a split VALIDATE"),
        (["--per-source", "0"], "0 is below 1"),
        (["--per-source", "some"], "invalid"),
        (["--only", "absent.txt"], "names of pictures in absent.txt"),
        (["--crossval", "."], "--crossval and --fold together"),
        (["--fold", "1"], "--crossval and --fold together"),
        (["--crossval", ".", "--fold", "0"], "crossval"),
        (["--groups", "absent.csv"], "absent.csv"),
        (["--measured", "a.json"], "not allowed with"),
    ],
)
def test_bad_input_takes_one_line(options, said, colors, bundle, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [str(bundle) if option == "TWICE" else option for option in options]
    models = [] if "--models" in options else ["--models", str(bundle)]
    try:
        status = main(["shifts", *models, "--data", str(colors), *given])
    except SystemExit as ended:
        status = ended.code
    lines = capsys.readouterr().err.splitlines()
    assert status == 2
    assert len(lines) == 1
    assert re.search(said, lines[0]), lines
