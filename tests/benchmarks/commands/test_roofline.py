import pytest

from benchmarks.__main__ import main
from benchmarks.roofline import measure
from edge_runtime.files import write_json
from tests.benchmarks.roofline.rooflines import report

FIGURES = ("machine", "networks", "layers", "shapes", "candidates")


@pytest.fixture
def asked(monkeypatch):
    """Notes what would be measured; a made-up report comes of it."""
    notes = {}

    def note(models, **settings):
        notes.update(models=models, **settings)
        return report()

    monkeypatch.setattr(measure, "measure", note)
    return notes


def test_it_measures_draws_and_updates_a_page(asked, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(
        "".join(f"<!-- figures:roofline-{n} begin -->\n<!-- figures:roofline-{n} end -->\n" for n in FIGURES)
    )
    out = tmp_path / "r.json"
    assert main(["roofline", "--out", str(out), "--readme", str(page), "--rounds", "3"]) == 0
    assert (asked["rounds"], asked["boards"]) == (3, ("pi-4", "pi-5"))
    assert len(asked["models"]) >= 4
    assert out.with_suffix(".png").is_file()
    printed = capsys.readouterr().out
    assert "| cell int8 " in printed
    assert "| cell int8 " in page.read_text()
    asked.clear()
    assert main(["roofline", "--out", str(out), "--kept"]) == 0
    assert (asked, capsys.readouterr().out) == ({}, printed)


def test_models_of_ones_own_on_this_machine_alone(asked, tmp_path):
    paths = [str(tmp_path / name / "x.tflite") for name in "ab"]
    assert main(["roofline", "--out", str(tmp_path / "r.json"), "--no-boards", "--models", *paths]) == 0
    assert (list(asked["models"]), asked["boards"]) == (["a x", "b x"], ())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rounds", "0"], "--rounds 0, which is not at least 1"),
        (["--models", "a/x.tflite", "b/../a/x.tflite"], "two have the same name"),
        (["--kept"], "expected a report of"),
        ([], "--out"),
    ],
)
def test_usage_is_one_line(asked, tmp_path, capsys, options, said):
    out = ["--out", str(tmp_path / "r.json")] if options else []
    try:
        status = main(["roofline", *out, *options])
    except SystemExit as stopped:
        status = stopped.code
    (line,) = capsys.readouterr().err.splitlines()
    assert (status, asked) == (2, {})
    assert said in line


def test_another_kind_of_report_is_refused(tmp_path, capsys):
    write_json(tmp_path / "r.json", {"schema_version": 9})
    assert main(["roofline", "--out", str(tmp_path / "r.json"), "--kept"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "another schema than 1; make it again" in line
