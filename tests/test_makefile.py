"""What `make` does again and what it leaves, with commands that only note what they were asked for."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parent.parent / "Makefile"
COMMAND = """#!/bin/bash
echo "$(basename "$0") $*" >> log
while (($#)); do
  case $1 in
    --report|--json) mkdir -p "$(dirname "$2")"; touch "$2" ;;
    --out) mkdir -p "$2"; touch "$2/run.json" "$2/SHA256SUMS"; test -e "$2/source.json" || touch "$2/source.json" ;;
  esac
  shift
done
"""


@pytest.fixture
def asked(tmp_path):
    """Runs `make gate` with variables; returns what the stages were asked for, but the look at the data set."""
    shutil.copy(MAKEFILE, tmp_path)
    for name in ("python", "leukolite"):
        path = tmp_path / ".venv" / "bin" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(COMMAND)
        path.chmod(0o755)
    for name in ("pyproject.toml", "constraints.txt", "gate-rehearsal.toml", "strict.toml", ".venv/ready"):
        (tmp_path / name).touch()
    for name in ("image", "jpeg", "dataset", "groups"):
        (tmp_path / "edge_runtime").mkdir(exist_ok=True)
        (tmp_path / "edge_runtime" / f"{name}.py").touch()
    environment = {"PATH": os.environ["PATH"]}  # without the variables of a make that runs the tests

    def make(*variables):
        log = tmp_path / "log"
        log.write_text("")
        done = subprocess.run(
            ["make", "gate", *variables], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return [line for line in log.read_text().splitlines() if "train data" not in line]

    return make


def test_other_choices_are_not_taken_for_done(asked):
    assert [" ".join(line.split()[:3]) for line in asked()] == [
        *("python -m train", "python -m train", "python -m convert"),
        *("leukolite evaluate -m", "leukolite evaluate -m", "leukolite gate --candidate", "leukolite gate --candidate"),
    ]
    (said,) = asked()  # by the gate, which keeps nothing then
    assert "--json" not in said
    judged, _ = asked("POLICY=strict.toml")
    assert "--policy strict.toml --json" in judged
    converted, *evaluated, _, _ = asked("POLICY=strict.toml", "SPLIT=TRAIN")
    assert "-m convert" in converted
    assert all("--split TRAIN" in line for line in (converted, *evaluated))
    assert len(asked("POLICY=strict.toml", "SPLIT=TRAIN")) == 1


def test_what_is_known_of_confidence_is_given_to_the_conversion(asked, tmp_path):
    def given(*variables):
        (converted,) = [line for line in asked(*variables) if "-m convert" in line]
        return [part for part in converted.split() if "confidence" in part]

    kept, own = Path("reports/confidence.json"), Path("build/full-seed1/confidence.json")
    assert given() == []
    (tmp_path / kept).parent.mkdir()
    (tmp_path / kept).touch()
    assert given("SPLIT=TRAIN") == ["--confidence", str(kept), "--confidence-if-same"]
    assert given("PRESET=portable") == []
    (tmp_path / own).touch()  # newer than the bundles
    assert given("SPLIT=TRAIN") == ["--confidence", str(own), "--confidence-if-same"]
