import json

import pytest

from benchmarks import latency
from tests.benchmarks.conftest import MEDIANS_MS, benchmark_run
from tests.benchmarks.measured import entry


def test_medians_are_those_of_the_raw_samples(run_file):
    suite = latency.load_suite(run_file())
    found = {(each.stage, each.role): each.median_ms for each in suite.measurements}
    assert found == pytest.approx(MEDIANS_MS)
    assert list(found) == list(MEDIANS_MS)  # in the order of the stages, whatever the file's


def test_spread(run_file):
    entries = [entry([1.0])]
    entries[0]["stats"]["data"] = [2e-3, 1.8e-3, 6e-3, 2e-3]
    found = latency.load_suite(run_file(benchmarks=entries)).measurements[0]
    assert found.iqr_ms == pytest.approx(1.05)  # from 1.95 to 3.0 by linear interpolation of 1.8, 2.0, 2.0, 6.0
    assert found.statistics.p90_ms == pytest.approx(4.8)


def test_ratios_are_of_each_process_and_their_median_is_the_run_s(run_file):
    found = latency.load_suite(run_file(benchmarks=[entry([3.0, 1.0, 2.0])])).measurements[0]
    assert found.ratios == pytest.approx((3.0, 1.0, 2.0))
    assert found.ratio == pytest.approx(2.0)


def test_what_a_run_lacks_is_not_found(run_file):
    suite = latency.load_suite(run_file(benchmarks=[entry([1.0])]))
    assert suite.find("invoke", "int8") is suite.measurements[0]
    assert suite.find("decode", "int8") is None


@pytest.mark.parametrize(
    ("changes", "schema"),
    [({"schema_version": 1}, "of schema 1"), ({"schema_version": "3"}, "of schema '3'"), (None, "that names none")],
)
def test_another_schema_is_refused(run_file, tmp_path, refused, changes, schema):
    fields = benchmark_run(**(changes or {}))
    if changes is None:  # as runs of the first version are
        del fields["schema_version"]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(fields))
    with refused(f"a run of schema 2, with a reference workload, at .*other.json, got one {schema}.*; measure"):
        latency.load_suite(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"benchmarks": []},
        {"benchmarks": None},
        {"benchmarks": [{}]},
        {"benchmarks": [{"extra_info": {}, "stats": {"data": [1.0]}}]},
        {"machine_info": None},
        {"machine_state": {"cpus": 2}},
        {"benchmarks": [entry([1.0], accuracy=0.9)]},
        {"benchmarks": [entry([1.0], accuracy={"accuracy": 1.9, "accuracy_ci95_by_source": None})]},
        {"benchmarks": [entry([1.0], accuracy={"accuracy": 0.9, "accuracy_ci95_by_source": [0.1]})]},
        {"benchmarks": [entry([1.0], batch=0)]},
        {"benchmarks": [entry([1.0], batch=float("nan"))]},
        {"benchmarks": [entry([1.0], threads=[1])]},
        {"benchmarks": [entry([1.0]), entry([2.0])]},
        {"machine_state": {"cpus": "two", "load_1min_at_start": 0.1}},
        {"machine_state": {"cpus": 2, "load_1min_at_start": float("nan")}},
        {"provenance": 3},
        {"provenance": {"platform": None}},
        {"provenance": {"packages": "numpy"}},
    ],
)
def test_a_run_without_measurements_or_of_others_is_refused(run_file, refused, changes):
    with refused("run"):
        latency.load_suite(run_file(**changes))


@pytest.mark.parametrize("samples", [[], [0.0], [-1.0], [float("nan")], [None], "no"])
def test_samples_that_are_no_times_are_refused(run_file, refused, samples):
    entries = benchmark_run()["benchmarks"]
    entries[0]["stats"]["data"] = samples
    with refused():
        latency.load_suite(run_file(benchmarks=entries))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_file_that_is_no_json_object_is_refused(tmp_path, refused, content):
    path = tmp_path / "run.json"
    path.write_bytes(content)
    with refused("a benchmark run"):
        latency.load_suite(path)
