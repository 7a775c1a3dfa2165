import pytest

from benchmarks import latency
from tests.benchmarks.conftest import MEDIANS_MS, benchmark_run


def test_medians_are_those_of_the_raw_samples(run_file):
    suite = latency.load_suite(run_file())
    found = {(each.stage, each.role): each.median_ms for each in suite.measurements}
    assert found == pytest.approx(MEDIANS_MS)
    assert list(found) == list(MEDIANS_MS)  # in the order of the stages, whatever the file's


def test_spread(run_file):
    found = latency.load_suite(run_file()).find("decode", "int8")
    assert found.iqr_ms == pytest.approx(2.1)  # from 1.9 to 4.0 by linear interpolation of 1.8, 2.0, 6.0
    assert found.statistics.p90_ms == pytest.approx(5.2)


@pytest.mark.parametrize(
    ("stage", "role", "base", "expected"),
    [
        ("invoke", "int8", ("decode", "int8"), 0.5),
        ("invoke", "int8", ("invoke", "float32"), 0.25),
        ("end_to_end", "float32", ("decode", "int8"), 3.0),
        ("decode", "int8", ("decode", "int8"), 1.0),
    ],
)
def test_ratios(run_file, stage, role, base, expected):
    suite = latency.load_suite(run_file())
    assert suite.ratio(suite.find(stage, role), stage=base[0], role=base[1]) == pytest.approx(expected)


def test_part_of_a_run_has_no_ratio_to_what_it_lacks(run_file):
    entries = [entry for entry in benchmark_run()["benchmarks"] if entry["name"] == "test_invoke[int8]"]
    suite = latency.load_suite(run_file(benchmarks=entries))
    assert suite.find("decode", "int8") is None
    assert suite.ratio(suite.measurements[0], stage="decode", role="int8") is None
    assert "none" in latency.to_markdown(suite)


def test_table_gives_every_time_beside_its_ratios(run_file):
    text = latency.to_markdown(latency.load_suite(run_file()))
    row = next(line for line in text.splitlines() if line.startswith("| invoke") and "int8_qat" in line)
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == ["invoke", "int8_qat", "1.000", "1.050", "2.600", "3", "0.50 x", "0.25 x"]
    assert "/ int8 decode" in text
    assert "noise" in text
    assert "busy" not in text
    assert "XNNPACK" not in text


def test_table_says_what_spoils_a_run(run_file):
    run = benchmark_run(machine_state={"load_1min_at_start": 3.5, "cpus": 4})
    for entry in run["benchmarks"]:
        entry["extra_info"]["uses_delegate"] = entry["extra_info"]["role"] == "int8"
    text = latency.to_markdown(latency.load_suite(run_file(**run)))
    assert "busy" in text
    assert "Without XNNPACK: float32." in text


@pytest.mark.parametrize(
    "changes",
    [
        {"benchmarks": []},
        {"benchmarks": None},
        {"benchmarks": [{}]},
        {"benchmarks": [{"extra_info": {}, "stats": {"data": [1.0]}}]},
        {"machine_info": None},
        {"provenance": 3},
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
