"""`python -m benchmarks report` and `store`: what they write, and that they write all of it or nothing."""

import json
import re

import pytest

from benchmarks import history
from benchmarks.__main__ import main
from benchmarks.merge import save
from tests.benchmarks.counted import board
from tests.benchmarks.measured import entry, run

COMMIT = "c0ffee" + "0" * 34
NAMES = ("r.html", "r.md", "r.json")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with a run and a history, to work in."""
    monkeypatch.chdir(tmp_path)
    made = {**run()["provenance"], "commit": COMMIT, "dirty": False}
    entries = [entry([1.0, 1.1]), entry([2.0, 2.0], stage="end_to_end")]
    save(run(*entries, provenance=made), tmp_path / "run.json")
    save(run(*entries, provenance=made, schema_version=1), tmp_path / "old.json")
    save(run(provenance=made), tmp_path / "empty.json")
    history.store([history.of_counts(board(), commit="a" * 40, date="2024-01-01T00:00:00Z")], tmp_path / "history")
    (tmp_path / "page.md").write_text("<!-- figures:latency begin -->\n<!-- figures:latency end -->\n")
    return tmp_path


FORMS = ["--html", "r.html", "--markdown", "r.md", "--github-action-benchmark", "r.json"]


def test_report_writes_every_format_and_the_readme(place, capsys):
    assert main(["report", "--results", "run.json", "--history", "history", *FORMS, "--readme", "page.md"]) == 0
    assert capsys.readouterr().out.split() == list(NAMES)
    assert "<svg" in (place / "r.html").read_text()
    assert "## History" in (place / "r.md").read_text()
    assert "end to end of int8" in {each["name"] for each in json.loads((place / "r.json").read_text())}
    assert "2.000 x" in (place / "page.md").read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--results", "absent.json"], "a benchmark run"),
        (["--results", "run.json", "old.json"], "schema 2"),
        (["--results", "empty.json"], "measurements in empty.json"),
        (["--results", "run.json", "run.json"], "different names"),
        (["--results", "run.json", "--history", "absent"], "entries of the history"),
        (["--results", "run.json", "--readme", "run.json"], "the lines <!-- figures:latency begin -->"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(place, capsys, options, said):
    assert main(["report", *options, *FORMS]) == 2
    line = capsys.readouterr().err
    assert re.fullmatch("benchmarks: error: expected .+, got .+; .+\n", line), line
    assert said in line
    assert not any((place / name).exists() for name in NAMES)


@pytest.mark.parametrize("argv", [["report", "--results", "run.json"], ["report", *FORMS], ["store"]])
def test_commands_that_would_do_nothing_are_refused(place, capsys, argv):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_store_keeps_a_run_once(place, capsys):
    argv = ["store", "--results", "run.json", "--history", "history"]
    assert main(argv) == 0
    assert capsys.readouterr().out == f"history/ratios-a-cpu-4-processors-{COMMIT[:12]}.json\n"
    assert main(argv) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "benchmarks: 1 of 1 entries were kept already\n")
    assert len(history.load("history")) == 2


def test_store_takes_the_references_of_every_commit(place, capsys, monkeypatch):
    found = [history.of_counts(board(), commit=letter * 40, date="2024-01-01T00:00:00Z") for letter in "ab"]
    monkeypatch.setattr(history, "of_references", lambda: iter(found))
    assert main(["store", "--references", "--history", "history"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1  # the other is there
