"""What all commands have in common."""

import os
from pathlib import Path

import pytest

from benchmarks import pipeline, start, suite
from benchmarks.__main__ import main
from benchmarks.commands import illustrated, output, page
from benchmarks.commands.roofline import FIGURES
from benchmarks.roofline import tables
from benchmarks.roofline.report import Report


@pytest.fixture
def idle(monkeypatch):
    """Whatever measures for minutes must not be called."""

    def measure(*given, **settings):
        raise AssertionError("it measured before it looked at what it is to write")

    for module, name in ((start, "measure"), (pipeline, "measure"), (suite, "run")):
        monkeypatch.setattr(module, name, measure)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["start", "--out", "{folder}"], "expected to be able to write {folder}, got a folder there; name a file"),
        (["run", "--out", "{folder}/a.json", "--table", "{folder}"], "expected to be able to write {folder}, got a"),
        (["run", "--out", "{file}/a.json"], "got {file}, which is no folder; name a file"),
        (
            ["start", "--out", "{folder}/a.json", "--readme", "{file}"],
            "expected the lines <!-- figures:start begin -->",
        ),
        (["start", "--out", "{folder}/a.json", "--readme", "{folder}/none"], "expected a README at {folder}/none"),
        (
            ["report", "--results", "x", "--html", "{folder}/a", "--markdown", "{folder}"],
            "{folder}, got a folder there",
        ),
        (["pipeline", "--data", "x", "--out", "{folder}/a.json", "--readme", "{file}"], "<!-- figures:pipeline begin"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(idle, tmp_path, capsys, argv, said):
    (tmp_path / "file").write_text("")
    names = {"folder": tmp_path, "file": tmp_path / "file"}
    assert main([part.format(**names) for part in argv]) == 2
    told = capsys.readouterr().err
    assert said.format(**names) in told
    assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_the_picture_beside_a_report_does_not_replace_it(capsys):
    with pytest.raises(SystemExit):
        main(["power", "--out", "report.png"])
    assert "report.png is the name of the picture beside it" in capsys.readouterr().err
    assert illustrated("report.json") == Path("report.json")


@pytest.mark.parametrize("name", [os.devnull, "new", "new/folder/file.json"])
def test_what_can_be_written_is_taken_and_not_yet_made(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert output(name) == Path(name)
    assert list(tmp_path.iterdir()) == []


def test_a_page_with_its_markers_is_taken_as_it_is(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("<!-- figures:a begin --><!-- figures:a end -->")
    assert page("a")(str(path)) == str(path)
    assert path.read_text() == "<!-- figures:a begin --><!-- figures:a end -->"


def test_the_figures_that_roofline_asks_a_page_for_are_those_that_it_makes():
    kept = Report.load(suite.CHECKOUT / "reports" / "roofline.json")
    assert tuple(tables.figures(kept)) == FIGURES
