"""The suite in a process of its own, on the tiny model. No time is asserted: it says nothing on a shared machine."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import suite
from benchmarks.config import ROLES, STAGES, Settings
from benchmarks.latency import load_suite

QUICK = {"num_runs": 3, "min_seconds": 0.001}


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """The suite must not inherit this very pytest's settings."""
    for name in [name for name in os.environ if name.startswith("PYTEST_")] + ["LEUKOLITE_DATA"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(bundle, float_bundle):
    return Settings(int8_model=bundle, float32_model=float_bundle, **QUICK)


def test_measures_every_stage_of_both_models(settings, tmp_path):
    out = tmp_path / "new" / "run.json"
    found = suite.run(settings, out=out)
    assert [(each.stage, each.role) for each in found.measurements] == [(s, r) for s in STAGES for r in ROLES]
    assert all(len(each.samples_ms) >= 3 for each in found.measurements)
    assert load_suite(out) == found
    assert {entry["group"] for entry in json.loads(out.read_text())["benchmarks"]} == set(STAGES)
    about = found.measurements[0].about
    assert (about["image"], about["num_threads"], about["input_px"]) == ("generated", 1, [12, 16])
    assert found.provenance["packages"]["pytest-benchmark"]


def test_measures_on_a_picture_of_the_data_set(bundle, float_bundle, picture, tmp_path):
    picture("data/TEST/RED/cell.jpg")
    settings = Settings(int8_model=bundle, float32_model=float_bundle, data_dir=tmp_path / "data", **QUICK)
    assert suite.run(settings, out=tmp_path / "run.json").measurements[0].about["image"] == "cell.jpg"


@pytest.mark.parametrize(
    ("name", "value", "match"),
    [
        ("PYTEST_ADDOPTS", "--benchmark-disable", "a run that measures"),
        ("PYTEST_ADDOPTS", "--benchmark-skip", "a run that measures"),
        ("PYTEST_XDIST_WORKER", "gw0", "a run that measures"),
        ("PYTEST_ADDOPTS", "-k nothing", "the benchmark suite to run"),
        ("PYTEST_ADDOPTS", "-k invoke", "a measurement of every stage"),
        ("PYTEST_ADDOPTS", "--collect-only", "the benchmark suite to run"),
        ("PYTEST_ADDOPTS", "--no-such-option", "unrecognized arguments: --no-such-option"),
        ("LEUKOLITE_DATA", "/no/such/folder", "a data set folder"),
    ],
)
def test_a_run_that_cannot_measure_is_refused(settings, tmp_path, monkeypatch, refused, name, value, match):
    monkeypatch.setenv(name, value)
    out = tmp_path / "run.json"
    with refused(match):
        suite.run(settings, out=out)
    assert not out.exists()


def test_models_that_cannot_be_measured_are_refused(bundle, float_bundle, tmp_path, refused):
    for int8, float32, match in (
        (tmp_path / "absent", float_bundle, "a TFLite model at"),
        (float_bundle, bundle, "variant int8"),
    ):
        with refused(match):
            suite.run(Settings(int8_model=int8, float32_model=float32, **QUICK), out=tmp_path / "run.json")


@pytest.mark.parametrize(("option", "status"), [("--benchmark-max-time=0.001", 0), ("--benchmark-disable", 4)])
def test_plain_pytest_measures_or_fails(bundle, float_bundle, tmp_path, option, status):
    out = tmp_path / "run.json"
    models = [f"--int8-model={bundle}", f"--float-model={float_bundle}"]
    command = [sys.executable, "-m", "pytest", "benchmarks", f"--benchmark-json={out}", option, *models]
    done = subprocess.run(command, cwd=suite.CHECKOUT, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    if status == 0:
        assert len(load_suite(out).measurements) == len(STAGES) * len(ROLES)
    else:
        assert "Traceback" not in done.stderr
        assert not out.exists()
