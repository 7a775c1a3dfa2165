"""The trial in its process: what it finds, and what becomes of a process that fails, dies or hangs."""

import subprocess
import sys
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from edge_runtime import trial
from edge_runtime.card import load_card
from edge_runtime.classifier import SHIPPED_MODEL
from edge_runtime.trial import Trial, attempt, combinations

ROOT = Path(__file__).parents[2]


def python(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


def test_this_machine_computes_what_the_card_says(monkeypatch, tmp_path):
    (tmp_path / "numpy.py").write_text("raise SystemExit('this is not numpy')")
    monkeypatch.chdir(tmp_path)
    assert attempt() == Trial(uses_delegate=True, golden=True)


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("raise ValueError('two\\nlines')", "lines"),
        ("import os; os.abort()", "the process was ended by SIGABRT"),
        ("import os; os.kill(os.getpid(), 11)", "the process was ended by SIGSEGV"),
        ("import os; os.kill(os.getpid(), 40)", "the process was ended by signal 40"),
        ("raise SystemExit(3)", "status 3 and no answer"),
        ("print('rubbish')", "status 0 and no answer"),
        ("print('[]')", "status 0 and no answer"),
        ("print('{}')", "status 0 and no answer"),
    ],
)
def test_what_goes_wrong_in_there_is_told_in_a_line(code, error):
    assert attempt(python(code)) == Trial(None, None, error)


def test_a_process_that_hangs_is_given_up():
    found = attempt(python("import time; time.sleep(60)"), timeout_s=0.2)
    assert found == Trial(None, None, "no answer within 0.2 s")


def test_where_no_process_can_be_started_it_is_tried_in_this_one(tmp_path, capfd):
    assert attempt((str(tmp_path / "python"),)) == Trial(uses_delegate=True, golden=True)
    assert capfd.readouterr() == ("", "")


def test_that_fails_in_a_line_too(tmp_path, monkeypatch):
    def fail():
        raise ImportError("no runtime")

    monkeypatch.setattr(trial, "_answer", fail)
    assert attempt((str(tmp_path / "python"),)) == Trial(None, None, "ImportError: no runtime")


def test_another_answer_than_the_cards_is_no_match(monkeypatch):
    other = load_card(SHIPPED_MODEL)
    beside = replace(other, golden={**other.golden, "output": [value + 2 for value in other.golden["output"]]})
    monkeypatch.setattr("edge_runtime.card.load_card", lambda model: beside)
    assert trial._answer()["golden"] is False


def test_the_kept_trials_are_good_and_are_what_the_command_prints():
    rows = combinations()
    printed = trial._answer()
    assert all(row.keys() == printed.keys() for row in rows)
    assert all(row["golden"] is True and row["uses_delegate"] is True for row in rows)
    assert {row["machine"] for row in rows} == {"x86_64", "aarch64"}


def test_what_ci_installs_was_tried():
    mine = {name: metadata.version(name) for name in trial.PACKAGES}
    tried = any(all(row[name] == value for name, value in mine.items()) for row in combinations())
    assert tried, "python -m edge_runtime.trial >> edge_runtime/tested.jsonl"


def test_the_oldest_versions_that_the_wheel_allows_were_tried():
    required = [line for line in metadata.requires("leukolite") or [] if "extra" not in line]
    lowest = {line.partition(">=")[0]: line.partition(">=")[2] for line in required}
    assert lowest.keys() == set(trial.PACKAGES)
    for name, version in lowest.items():
        assert any(f"{row[name]}.".startswith(f"{version}.") for row in combinations()), name


def test_the_command_prints_one_object_to_standard_output():
    done = subprocess.run(trial.COMMAND, capture_output=True, text=True, timeout=120, cwd=ROOT, check=True)
    assert done.stdout.count("\n") == 1
    assert f'"python": "{sys.version.split()[0]}"' in done.stdout
