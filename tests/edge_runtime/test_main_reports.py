"""`leukolite` in this process: `evaluate`, `gate` and `info`."""

import json
from pathlib import Path

import pytest

from edge_runtime.card import load_card
from edge_runtime.report import load_report
from tests.edge_runtime.conftest import one_line
from tests.tiny_model import model_bytes


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
    assert out.splitlines()[-1] == "accuracy 1.0000 on 8 images, 0 of them without an answer"
    assert "RED: n 2, TPR 1.0000, TNR 1.0000" in out.splitlines()


@pytest.mark.parametrize("option", ["--report", "--predictions"])
def test_evaluate_refuses_what_cannot_be_written_before_the_work(leukolite, tmp_path, option):
    arguments = ["--data", tmp_path / "nowhere", *(["--report", tmp_path / "r.json"] if option != "--report" else [])]
    status, out, errors = leukolite("evaluate", *arguments, option, tmp_path)
    assert (status, out) == (2, "")
    assert one_line(errors, f"to be able to write {tmp_path}, got a folder there")


def test_evaluate_counts_bad_pictures_and_says_so(leukolite, colors, tmp_path):
    (colors / "TEST" / "RED" / "bad.png").touch()
    (colors / "TEST" / "RED" / "Thumbs.db").touch()
    status, out, errors = leukolite("evaluate", "--data", colors, "--report", tmp_path / "r.json")
    ignored, bad = errors
    assert status == 1
    assert ignored.startswith("leukolite: TEST/RED/Thumbs.db: ignored")
    assert bad.startswith("leukolite: error: TEST/RED/bad.png: expected ")
    assert load_report(tmp_path / "r.json").n_errors == 1
    assert out.splitlines()[-1] == "accuracy 0.8889 on 9 images, 1 of them without an answer"


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


def test_gate_passes_with_status_0(leukolite, evaluated, float_bundle, tmp_path):
    candidate, reference = evaluated("c.json"), evaluated("r.json", model=float_bundle)
    (tmp_path / "p").write_text("max_accuracy_drop = 1\nmax_tpr_drop = 1\nmax_tnr_drop = 1\n")
    reports = ["--candidate", candidate, "--reference", reference]
    status, out, errors = leukolite("gate", *reports, "--json", tmp_path / "v", "--policy", tmp_path / "p")
    assert (status, errors) == (0, [])
    assert out.splitlines()[-1].startswith("gate: PASS")
    assert json.loads((tmp_path / "v").read_text())["verdict"] == "PASS"


@pytest.mark.parametrize(("word", "status"), [("fail", 1), ("pass", 0), ("report", 3)])
def test_two_images_of_a_class_settle_nothing(leukolite, evaluated, float_bundle, tmp_path, word, status):
    (tmp_path / "p").write_text(f"inconclusive = '{word}'\n")
    reports = ["--candidate", evaluated("c.json"), "--reference", evaluated("r.json", model=float_bundle)]
    found, out, errors = leukolite("gate", *reports, "--policy", tmp_path / "p")
    assert (found, errors) == (status, [])
    assert out.splitlines()[-1].startswith("gate: INCONCLUSIVE")


def test_a_model_is_no_worse_than_itself_on_two_images_of_a_class(leukolite, evaluated):
    status, out, _ = leukolite("gate", "--candidate", evaluated("c.json"), "--reference", evaluated("r.json"))
    assert (status, out.splitlines()[-1][:10]) == (0, "gate: PASS")


def test_gate_fails_with_status_1_and_says_why(leukolite, evaluated, picture, tmp_path):
    for name in "cdefgh":
        picture(f"colors/TEST/RED/{name}.png", color="BLUE")
    report = evaluated()
    status, out, errors = leukolite("gate", "--candidate", report, "--reference", report, "--json", tmp_path / "v")
    assert (status, errors) == (1, [])
    assert out.splitlines()[0].startswith("FAIL  min_tpr")
    assert out.splitlines()[-1].startswith("gate: FAIL")
    assert json.loads((tmp_path / "v").read_text())["verdict"] == "FAIL"


def test_gate_refuses_another_data_set(leukolite, evaluated, picture):
    first = evaluated("first.json")
    picture("colors/TEST/RED/new.png")
    status, out, errors = leukolite("gate", "--candidate", evaluated("second.json"), "--reference", first)
    assert (status, out) == (2, "")
    assert one_line(errors, "data digest")


@pytest.mark.parametrize("value", ["NaN", "0.75", "null"])
def test_gate_refuses_a_report_that_was_edited(leukolite, evaluated, tmp_path, value):
    report = evaluated()
    bad = tmp_path / "edited.json"
    bad.write_text(report.read_text().replace('"accuracy": 1.0', f'"accuracy": {value}'))
    assert value in bad.read_text()
    status, out, errors = leukolite("gate", "--candidate", bad, "--reference", report, "--json", tmp_path / "v")
    assert (status, out) == (2, "")
    assert one_line(errors, str(bad), "digest")
    assert not (tmp_path / "v").exists()


def test_gate_asks_for_what_its_policy_judges(leukolite, evaluated, tmp_path):
    report = evaluated()
    (tmp_path / "policy.toml").write_text("max_latency_ms = 2\n")
    arguments = ["--candidate", report, "--reference", report, "--policy", tmp_path / "policy.toml"]
    status, out, errors = leukolite("gate", *arguments)
    assert (status, out) == (2, "")
    assert one_line(errors, "max_latency_ms", "--latency")
    for median, wanted in ((1.5, 0), (2.5, 1)):
        (tmp_path / "bench.json").write_text(json.dumps({"latency": {"median_ms": median}}))
        assert leukolite("gate", *arguments, "--latency", tmp_path / "bench.json")[0] == wanted


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


def test_info_prints_the_card(leukolite, bundle):
    status, out, errors = leukolite("info", bundle)
    assert (status, errors) == (0, [])
    assert json.loads(out) == json.loads(json.dumps(load_card(bundle).to_json()))


@pytest.mark.parametrize(
    "command",
    [["info", ""], ["bench", "-m", ""], ["adapt", "-m", "", "--data", ".", "-o", "adapted.tflite"]],
    ids=lambda it: it[0],
)
def test_an_empty_name_is_no_model_and_not_the_shipped_one(leukolite, command):
    status, out, errors = leukolite(*command)
    assert (status, out) == (2, "")
    assert one_line(errors, "a TFLite model at ")


@pytest.mark.parametrize("content", [None, b"", b"text", model_bytes()], ids=["missing", "empty", "text", "no card"])
def test_info_on_what_is_no_bundle_has_status_2(leukolite, tmp_path, content):
    if content is not None:
        (tmp_path / "x.tflite").write_bytes(content)
    status, out, errors = leukolite("info", tmp_path / "x.tflite")
    assert (status, out) == (2, "")
    assert one_line(errors, "x.tflite")
