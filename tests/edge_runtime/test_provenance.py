import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from edge_runtime import provenance


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A git checkout with one commit, from which the code seems to run."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    for command in (
        ["init", "--quiet"],
        ["-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--allow-empty", "-m", "first"],
    ):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    monkeypatch.setattr(provenance, "_CHECKOUT", tmp_path)
    return tmp_path


def test_collect_says_where_a_result_comes_from(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/leukolite", "evaluate", "--data", "x"])
    found = provenance.collect(packages=["numpy", "no-such-package"], started=time.time() - 5)
    assert list(found) == ["commit", "dirty", "packages", "platform", "argv", "started", "seconds"]
    assert found["packages"] == {"numpy": np.__version__, "no-such-package": None}
    assert found["argv"] == ["leukolite", "evaluate", "--data", "x"]
    assert 5 <= found["seconds"] < 60
    assert found["platform"]["cpus"] >= 1
    assert json.dumps(found, allow_nan=False)


@pytest.mark.parametrize(
    ("argument", "kept"),
    [
        ("/home/me/blood cells/TEST", "TEST"),
        ("/home/me/cells/", "cells"),
        ("/cells", "cells"),
        ("--data=/home/me/cells", "--data=cells"),
        ("/home/two\nlines/cells", "cells"),
        ("build/run/float", "build/run/float"),
        ("--split=TRAIN/TEST", "--split=TRAIN/TEST"),
        ("s3://bucket/images", "s3://bucket/images"),
        ("-", "-"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_of_whole_paths_the_name_is_kept(monkeypatch, argument, kept):
    monkeypatch.setattr(sys, "argv", ["/usr/bin/leukolite", argument])
    assert provenance.collect(packages=[], started=0)["argv"] == ["leukolite", kept]


def test_start_is_given_in_utc():
    assert provenance.collect(packages=[], started=0)["started"] == "1970-01-01T00:00:00Z"


def test_commit_and_changes_of_a_checkout(checkout):
    (checkout / "file.txt").write_text("one")
    subprocess.run(["git", "-C", checkout, "add", "file.txt"], check=True)
    found = provenance.collect(packages=[], started=0)
    assert len(found["commit"]) == 40
    assert found["dirty"] is True
    subprocess.run(["git", "-C", checkout, "reset", "--quiet"], check=True)
    assert provenance.collect(packages=[], started=0)["dirty"] is False  # outputs beside the code do not count


def test_installed_code_has_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "_CHECKOUT", tmp_path)
    found = provenance.collect(packages=[], started=0)
    assert (found["commit"], found["dirty"]) == (None, None)


def test_code_installed_below_another_projects_checkout_has_no_commit(checkout, monkeypatch):
    (checkout / "site-packages").mkdir()
    monkeypatch.setattr(provenance, "_CHECKOUT", checkout / "site-packages")
    assert provenance.git("rev-parse", "HEAD") is None


def test_missing_git_is_no_error(checkout, monkeypatch):
    monkeypatch.setenv("PATH", str(checkout / "nothing"))
    assert provenance.git("rev-parse", "HEAD") is None


def test_cpu_name_is_a_line_of_text_or_none():
    name = provenance.cpu_name()
    assert name is None or (name and "\n" not in name)
