"""`python -m benchmarks compare`: what it prints, its exit status, and what it refuses in one line."""

import json
import re

import pytest

from benchmarks.__main__ import main
from benchmarks.merge import save
from tests.benchmarks.measured import entry, run
from tests.benchmarks.test_comparison import OLD, SLOW


@pytest.fixture
def written(tmp_path):
    """Writes a run; its path."""

    def write(name, *entries, **changes):
        save(run(*entries, **changes), tmp_path / name)
        return str(tmp_path / name)

    return write


def test_a_line_for_each_measurement(written, tmp_path, capsys):
    old = written("old.json", entry(OLD), entry(OLD, stage="cold_start", threads=2))
    new = written("new.json", entry(SLOW), entry(OLD, stage="cold_start", threads=2))
    assert main(["compare", old, new, "--json", str(tmp_path / "found.json")]) == 0
    said = capsys.readouterr()
    lines = {line.split("|")[1].strip(): line for line in said.out.splitlines() if line.startswith("|")}
    assert "+20.0%" in lines["invoke of int8"]
    assert "| slower" in lines["invoke of int8"]
    assert "| no difference can be shown" in lines["cold start of int8 (2 threads)"]
    assert "Of 2 measurement(s), 1 without a difference that can be shown" in said.out
    assert said.err == ""
    found = json.loads((tmp_path / "found.json").read_text())["differences"]
    assert {(each["stage"], each["verdict"]) for each in found} == {
        ("invoke", "slower"),
        ("cold_start", "no difference can be shown"),
    }


@pytest.mark.parametrize(
    ("new", "percent", "status"), [(SLOW, "10", 1), (SLOW, "0", 1), (SLOW, "20", 0), (OLD, "0", 0), (SLOW, None, 0)]
)
def test_status_says_what_is_shown_to_be_slower(written, capsys, new, percent, status):
    options = ["--fail-if-slower", percent] if percent else []
    assert main(["compare", written("old.json", entry(OLD)), written("new.json", entry(new)), *options]) == status
    said = capsys.readouterr().err
    assert ("invoke of int8 is slower by 20.0% (at least " in said) == (status == 1)


@pytest.mark.parametrize(("options", "status"), [([], 0), (["--fail-if-slower", "5"], 1)])
def test_what_was_not_measured_anew_has_not_passed(written, capsys, options, status):
    old = written("old.json", entry(OLD), entry(OLD, stage="decode"))
    assert main(["compare", old, written("new.json", entry(OLD)), *options]) == status
    said = capsys.readouterr().err
    assert ("decode of int8 was not measured anew: run it, or leave it out of OLD" in said) == (status == 1)


def test_what_else_differs_is_said(written, capsys):
    old = written("old.json", entry(OLD), entry(OLD, stage="decode"))
    unstable = entry(SLOW)
    unstable["stats"]["data"][::2] = [10 * each for each in unstable["stats"]["data"][::2]]
    platform = {"platform": {"cpu": "another"}, "packages": {"numpy": "1.24.4", "ai-edge-litert": "2.3.0"}}
    new = written("new.json", unstable, provenance={**platform, "seconds": 1.0})
    assert main(["compare", old, new]) == 0
    said = capsys.readouterr().err
    assert "the processor is not the same (a CPU, then another)" in said
    assert "the numpy is not the same (2, then 1.24.4)" in said
    assert "ai-edge-litert" not in said
    assert "only in OLD, so not compared: decode of int8" in said
    assert "1 of 1 measurements of NEW are unstable" in said


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (None, "expected a benchmark run .* got .*No such file"),
        ("{", "expected a benchmark run"),
        ("[]", "expected a benchmark run"),
        ('{"benchmarks": []}', "expected a run of schema 2"),
        (json.dumps(run()), "expected measurements in .* got a run without any"),
        (json.dumps(run(entry(OLD), schema_version=99)), "expected a run of schema 2.*, got one of schema 99"),
        (json.dumps(run(entry(OLD), schema_version=None)), "expected a run of schema 2.* got one that names none"),
    ],
)
def test_a_baseline_that_cannot_be_read_is_one_line(written, tmp_path, capsys, content, match):
    old = tmp_path / "old.json"
    if content is not None:
        old.write_text(content)
    assert main(["compare", str(old), written("new.json", entry(OLD))]) == 2
    said = capsys.readouterr()
    assert re.fullmatch(f"benchmarks: error: {match}.*; .+\n", said.err), said.err
    assert said.out == ""


@pytest.mark.parametrize("percent", ["-1", "nan"])
def test_a_limit_that_is_none_is_refused(written, capsys, percent):
    run_file = written("run.json", entry(OLD))
    assert main(["compare", run_file, run_file, f"--fail-if-slower={percent}"]) == 2
    assert "--fail-if-slower to be at least 0 percent" in capsys.readouterr().err
