import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge_runtime import __version__
from edge_runtime.__main__ import main
from edge_runtime.card import load_card
from edge_runtime.report import load_report
from tests.tiny_model import CARD, bundle_bytes, model_bytes

ROOT = Path(__file__).parents[2]
KEYS = {"path", "label", "confidence", "probabilities", "abstained", "error", "latency_ms"}


@pytest.fixture
def leukolite(bundle, capsys, monkeypatch):
    """Runs the command in this process, on the tiny model: (status, stdout, stderr's lines)."""

    def call(command: str, *arguments: object, model: Path | None = bundle, stdin: str = "") -> tuple:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        chosen = ["-m", str(model)] if model and command in ("classify", "evaluate") else []
        try:
            status = main([command, *map(str, arguments), *chosen])
        except SystemExit as leaving:
            status = leaving.code
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    return call


def shell(script: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a line of shell in which $LEUKOLITE is the command and $1, $2 ... are the arguments."""
    return subprocess.run(
        ["bash", "-c", script, "bash", *map(str, arguments)],
        capture_output=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "LEUKOLITE": f"{sys.executable} -m edge_runtime", **environment},
    )


def one_line(errors: list[str], *words: str) -> bool:
    """Whether stderr held one error in the house's form, with these words in it."""
    (line,) = errors
    return line.startswith("leukolite: error: expected ") and "; " in line and all(word in line for word in words)


# classify


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
        ["classify", "x.png", "--format", "xml"],
        ["classify", "x.png", "--bogus", "two\nlines"],
        ["evaluate", "--data", "x"],
        ["evaluate", "--report", "x"],
        ["gate", "--candidate", "x"],
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


# evaluate


@pytest.fixture
def evaluated(leukolite, colors, tmp_path):
    """Evaluates the colours and returns the path of the report."""

    def make(name: str = "report.json", *arguments: object, model: Path | None = None) -> Path:
        options = {"model": model} if model else {}
        leukolite("evaluate", "--data", colors, "--report", tmp_path / name, *arguments, **options)
        return tmp_path / name

    return make


def test_evaluate_writes_a_report_and_prints_its_figures(leukolite, colors, tmp_path):
    status, out, errors = leukolite("evaluate", "--data", colors, "--report", tmp_path / "r.json")
    assert (status, errors) == (0, [])
    report = load_report(tmp_path / "r.json")
    assert (report.n, report.accuracy, report.data["split"]) == (8, 1.0, "TEST")
    assert out.splitlines()[-1] == "accuracy 1.0000 on 8 images, 0 of them unreadable"
    assert "RED: n 2, TPR 1.0000, TNR 1.0000" in out.splitlines()


def test_evaluate_counts_bad_pictures_and_says_so(leukolite, colors, tmp_path):
    (colors / "TEST" / "RED" / "bad.png").touch()
    (colors / "TEST" / "RED" / "Thumbs.db").touch()
    status, out, errors = leukolite("evaluate", "--data", colors, "--report", tmp_path / "r.json")
    ignored, bad = errors
    assert status == 1
    assert ignored.startswith("leukolite: TEST/RED/Thumbs.db: ignored")
    assert bad.startswith("leukolite: error: TEST/RED/bad.png: expected ")
    assert load_report(tmp_path / "r.json").n_errors == 1
    assert out.splitlines()[-1] == "accuracy 0.8889 on 9 images, 1 of them unreadable"


def test_evaluate_writes_predictions_and_uses_groups(leukolite, colors, tmp_path):
    rows = [f"TEST/{path.parent.name}/{path.name},s,{path.parent.name}\n" for path in colors.rglob("*.png")]
    (tmp_path / "groups.csv").write_text("".join(["path,source,group\n", *rows]))
    status, _, errors = leukolite(
        *("evaluate", "--data", colors, "--report", tmp_path / "r.json"),
        *("--predictions", tmp_path / "p.csv", "--groups", tmp_path / "groups.csv"),
    )
    assert (status, errors) == (0, [])
    assert load_report(tmp_path / "r.json").groups["n"] == 4
    assert len((tmp_path / "p.csv").read_text().splitlines()) == 9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "none"], ["a data set folder"]),
        (["--data", "colors", "--split", "VALID"], ["VALID", "TEST"]),
        (["--data", "other"], ["PURPLE"]),
        (["--data", "colors", "--groups", "none.csv"], ["No such file"]),
        (["--data", "colors", "--groups", "bad.csv"], ["path, source, group"]),
        (["--data", "empty"], ["no class folder"]),
    ],
)
def test_data_that_cannot_be_used_has_status_2(leukolite, colors, picture, monkeypatch, arguments, words):
    picture("other/TEST/PURPLE/a.png", color="RED")
    monkeypatch.chdir(colors.parent)
    Path("bad.csv").write_text("a,b\n")
    Path("empty/TEST/RED").mkdir(parents=True)
    status, out, errors = leukolite("evaluate", *arguments, "--report", "r.json")
    assert (status, out) == (2, "")
    assert one_line(errors, *words)
    assert not Path("r.json").exists()


# gate


def test_gate_passes_with_status_0(leukolite, evaluated, float_bundle, tmp_path):
    candidate, reference = evaluated("c.json"), evaluated("r.json", model=float_bundle)
    status, out, errors = leukolite(
        "gate", "--candidate", candidate, "--reference", reference, "--json", tmp_path / "v"
    )
    assert (status, errors) == (0, [])
    assert out.splitlines()[-1].startswith("gate: PASS")
    assert json.loads((tmp_path / "v").read_text())["verdict"] == "PASS"


def test_gate_fails_with_status_1_and_says_why(leukolite, evaluated, picture, tmp_path):
    for name in "cdefgh":
        picture(f"colors/TEST/RED/{name}.png", color="BLUE")
    report = evaluated()
    status, out, errors = leukolite("gate", "--candidate", report, "--reference", report, "--json", tmp_path / "v")
    assert (status, errors) == (1, [])
    assert out.splitlines()[0].startswith("FAIL  min_tpr")
    assert out.splitlines()[-1].startswith("gate: FAIL")
    assert json.loads((tmp_path / "v").read_text())["verdict"] == "FAIL"


def test_gate_fails_on_another_data_set(leukolite, evaluated, picture):
    first = evaluated("first.json")
    picture("colors/TEST/RED/new.png")
    status, out, _ = leukolite("gate", "--candidate", evaluated("second.json"), "--reference", first)
    assert status == 1
    assert out.startswith("FAIL  same_data")


def test_gate_fails_on_nan(leukolite, evaluated, tmp_path):
    report = evaluated()
    bad = tmp_path / "nan.json"
    bad.write_text(report.read_text().replace('"accuracy": 1.0', '"accuracy": NaN'))
    assert "NaN" in bad.read_text()
    status, out, errors = leukolite("gate", "--candidate", bad, "--reference", report, "--json", tmp_path / "v")
    assert (status, errors) == (1, [])
    assert out.startswith("FAIL  ")
    assert json.loads((tmp_path / "v").read_text())["verdict"] == "FAIL"


def test_gate_follows_the_policy(leukolite, evaluated, tmp_path):
    (tmp_path / "RED").mkdir()
    report = evaluated()
    (tmp_path / "policy.toml").write_text("min_accuracy = 1.0\n")
    arguments = ["--candidate", report, "--reference", report, "--policy", tmp_path / "policy.toml"]
    assert leukolite("gate", *arguments)[0] == 0
    (tmp_path / "policy.toml").write_text("min_acuracy = 1.0\n")
    status, out, errors = leukolite("gate", *arguments)
    assert (status, out) == (2, "")
    assert one_line(errors, "min_acuracy")


@pytest.mark.parametrize("content", [None, "", "{}", "[1]", '{"schema_version": 1}', "half"])
@pytest.mark.parametrize("which", ["--candidate", "--reference"])
def test_report_that_cannot_be_read_has_status_2(leukolite, evaluated, tmp_path, content, which):
    good, bad = evaluated(), tmp_path / "bad.json"
    if content is not None:
        bad.write_text(good.read_text()[:400] if content == "half" else content)
    other = "--reference" if which == "--candidate" else "--candidate"
    status, out, errors = leukolite("gate", which, bad, other, good)
    assert (status, out) == (2, "")
    assert one_line(errors, str(bad))


# info


def test_info_prints_the_card(leukolite, bundle):
    status, out, errors = leukolite("info", bundle)
    assert (status, errors) == (0, [])
    assert json.loads(out) == json.loads(json.dumps(load_card(bundle).to_json()))


@pytest.mark.parametrize("content", [None, b"", b"text", model_bytes()], ids=["missing", "empty", "text", "no card"])
def test_info_on_what_is_no_bundle_has_status_2(leukolite, tmp_path, content):
    if content is not None:
        (tmp_path / "x.tflite").write_bytes(content)
    status, out, errors = leukolite("info", tmp_path / "x.tflite")
    assert (status, out) == (2, "")
    assert one_line(errors, "x.tflite")


# In a process of its own: what the interpreter, the shell and native code add.


def test_closed_pipe_is_no_error(colors, bundle):
    done = shell("$LEUKOLITE classify $1 $1 $1 -m $2 --format csv | head -1; exit ${PIPESTATUS[0]}", colors, bundle)
    assert done.returncode == 0
    assert done.stdout.startswith(b"path,label,")
    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_one_line_and_status_2(picture, bundle):
    done = shell("$LEUKOLITE classify $1 -m $2 > /dev/full", picture("a.png"), bundle)
    assert done.returncode == 2
    assert done.stderr.count(b"leukolite: error: ") == 1
    assert b"No space left" in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_closed_streams_are_no_error(picture, bundle):
    done = shell("$LEUKOLITE classify $1 -m $2 >&- 2>&-", picture("a.png"), bundle)
    assert done.returncode == 0


def test_names_that_are_not_utf8_go_in_and_out(picture, bundle, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    picture("a.png").rename(tmp_path / name)
    done = shell(
        'ls "$1"/*.png | $LEUKOLITE classify - -m $2 --format jsonl', tmp_path, bundle, PYTHONIOENCODING="utf-8:strict"
    )
    assert done.returncode == 0
    assert json.loads(done.stdout)["path"] == str(tmp_path / name)


def test_damaged_image_has_one_line_of_its_own(picture, bundle, tmp_path):
    from PIL import Image

    Image.new("RGB", (64, 48)).save(tmp_path / "whole.tif", compression="tiff_lzw")
    content = (tmp_path / "whole.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(content[: len(content) // 2])
    done = shell("$LEUKOLITE classify $1 $2 -m $3", picture("a.png"), tmp_path / "cut.tif", bundle)
    assert done.returncode == 1
    # LiteRT itself announces its delegate there, once.
    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO: ")]
    assert len(lines) == 1  # Pillow warns about such a file as well
    assert lines[0].startswith(f"leukolite: error: {tmp_path}/cut.tif: expected ")
