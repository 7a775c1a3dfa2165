"""The suite in a process of its own, on the tiny model. No time is asserted: it says nothing on a shared machine."""

import json
import os
import subprocess
import sys

import pytest

from benchmarks import suite, tabulated
from benchmarks.config import BATCH, FOLDER_IMAGES, NO_ROLE, ROLES, STAGES, Settings
from benchmarks.latency import load_suite
from edge_runtime.command import Terminated
from tests import tiny_model

QUICK = {"num_runs": 3, "min_seconds": 0.001, "warmup_seconds": 0.001, "process_runs": 2, "more_threads": ()}
QUICK_OPTIONS = ("--benchmark-max-time=0.001", "--warmup-seconds=0.001", "--process-runs=1", "--more-threads=")
MODEL_STAGES = [stage for stage in STAGES if stage not in ("import", "locate")]  # the tiny model is of the field view


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    """The suite must not inherit this very pytest's settings."""
    for name in [name for name in os.environ if name.startswith("PYTEST_")] + ["LEUKOLITE_DATA"]:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def settings(bundle, float_bundle):
    return Settings(int8_model=bundle, float32_model=float_bundle, **QUICK)


def test_measures_every_stage_of_both_models(bundle, float_bundle, tmp_path):
    out = tmp_path / "new" / "run.json"
    quick = QUICK | {"more_threads": (2,), "repetitions": 2, "process_runs": 1}
    found = suite.run(Settings(int8_model=bundle, float32_model=float_bundle, **quick), out=out)
    expected = {(stage, role, 1, 1) for stage in MODEL_STAGES for role in ROLES if stage != "folder"}
    expected |= {(stage, role, 2, 1) for stage in ("invoke", "end_to_end") for role in ROLES}
    expected |= {("invoke", role, 1, BATCH) for role in ROLES} | {("folder", role, 1, FOLDER_IMAGES) for role in ROLES}
    keys = [each.key for each in found.measurements]
    assert set(keys) == expected | {("import", NO_ROLE, 1, 1)}
    assert len(keys) == len(set(keys))
    assert [STAGES.index(stage) for stage, *_ in keys] == sorted(STAGES.index(stage) for stage, *_ in keys)
    assert all(
        len(each.samples_ms) >= (4 if each.stage in ("import", "cold_start") else 6) for each in found.measurements
    )
    assert all(len(each.repetitions) == 2 and each.ratio > 0 for each in found.measurements)
    assert load_suite(out) == found
    about = found.find("decode", "int8").about
    assert (about["image"], about["num_threads"], about["input_px"]) == ("generated", 1, [12, 16])
    assert about["model_bytes"] == bundle.stat().st_size
    assert all(kb > 1000 for kb in found.find("cold_start", "int8").about["peaks_kb"])
    assert found.provenance["packages"]["pytest-benchmark"]
    # Still pytest-benchmark's own: its statistics are those of all samples.
    written = json.loads(out.read_text())["benchmarks"]
    assert {entry["group"] for entry in written} == {*MODEL_STAGES, "import"}
    assert all(entry["stats"]["rounds"] == len(entry["stats"]["data"]) for entry in written)


def test_any_bundles_are_measured_under_the_names_of_their_files(bundle, picture, tmp_path):
    # A model of the cell view, whose cells must be found first, and one without a sibling of the other variant.
    looking = tiny_model.save(
        tmp_path / "leukolite-looking.tflite", tiny_model.bundle_bytes(input=tiny_model.CELL_SPEC)
    )
    picture("data/TEST/RED/cell.jpg")
    models = {"int8_model": None, "float32_model": None, "bundles": (bundle, looking)}
    found = suite.run(Settings(data_dir=tmp_path / "data", **QUICK | models), out=tmp_path / "run.json")
    assert {each.role for each in found.measurements} == {NO_ROLE, "tiny-int8", "looking"}
    assert [each.role for each in found.measurements if each.stage == "locate"] == ["looking"]
    assert "| locate" in tabulated.to_markdown(found)
    assert found.find("decode", "looking").about["image"] == "cell.jpg"


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


def test_plain_pytest_without_pytest_benchmark_is_refused():
    command = [sys.executable, "-m", "pytest", "benchmarks", "-p", "no:benchmark"]
    done = subprocess.run(command, cwd=suite.CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 4
    assert "expected pytest-benchmark to measure with, got none; install the extra" in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("options", "status", "said"),
    [
        ([], 0, None),
        (["--benchmark-disable"], 4, "expected a run that measures, got pytest-benchmark switched off"),
        (["-p", "tests.benchmarks.spread"], 4, "expected a run that measures, got pytest-benchmark switched off"),
        (["-k", "nothing"], 5, "expected the benchmark suite to run a measurement, got none;"),
        (["--int8-model=/no/such.tflite"], 4, "expected a TFLite model at /no/such.tflite"),
    ],
)
def test_plain_pytest_measures_or_fails(bundle, float_bundle, tmp_path, options, status, said):
    out = tmp_path / "run.json"
    given = [f"--int8-model={bundle}", f"--float-model={float_bundle}", f"--benchmark-json={out}", *QUICK_OPTIONS]
    command = [sys.executable, "-m", "pytest", "benchmarks", *given, *options]
    done = subprocess.run(command, cwd=suite.CHECKOUT, capture_output=True, text=True)
    assert done.returncode == status, done.stdout + done.stderr
    if status == 0:
        assert len(load_suite(out).measurements) == len(MODEL_STAGES) * len(ROLES) + 1 + len(ROLES)  # and a batch
    else:
        assert said in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        assert not out.exists() or out.stat().st_size == 0


def test_what_is_measured_ends_with_the_command(tmp_path, monkeypatch):
    def interrupt(**told):
        raise Terminated

    ended = tmp_path / "ended"
    code = f"import time; print('a::test_a PASSED', flush=True); time.sleep(5); open({str(ended)!r}, 'w')"
    (tmp_path / "pytest.py").write_text(code)  # in place of the real one, as it lies in the folder of the checkout
    monkeypatch.setattr(suite, "CHECKOUT", tmp_path)
    with pytest.raises(Terminated):
        suite._pytest([], advance=interrupt)
    assert not ended.exists()
