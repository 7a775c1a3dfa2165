"""Runs of `leukolite bench`, by a clock that ticks, on made-up boards."""

import itertools
import json
import math
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from edge_runtime import bench
from edge_runtime.timing import Plan
from tests.edge_runtime import boards as made_up

PLAN = Plan(num_runs=3, min_secs=0, warmup_runs=1, warmup_min_secs=0)


@pytest.fixture
def result(bundle, tmp_path):
    """Writes a real run whose calls take these milliseconds; `change` may alter its JSON."""
    names = itertools.count()

    def make(ms=2.0, change=lambda value: None):
        number = next(names)
        looks = itertools.count()
        board = made_up.make(tmp_path / f"board-{number}")
        run = bench.run(bundle, plan=PLAN, board=board, clock=lambda: next(looks) * ms / 1e3)
        value = json.loads(json.dumps(run.to_json()))
        change(value)
        path = tmp_path / f"result-{number}.json"
        path.write_text(json.dumps(value))
        return path

    return make


@pytest.fixture
def board(tmp_path, capsys):
    """Runs the command on a result: status, standard output and standard error, one line of either."""

    def run(path, *options):
        status = main(["board", str(path), "--reference", str(tmp_path / "kept"), *options])
        said = capsys.readouterr()
        (line,) = (said.out + said.err).splitlines()
        return status, line

    return run


def test_an_unknown_board_is_told_with_the_command_that_adds_it(result, board):
    path = result()
    status, line = board(path)
    assert status == 2
    assert f"expected a reference of {made_up.PI_4} (field int8_ptq, 1 thread) at " in line
    assert line.endswith(f"got those of no board; add it: python -m benchmarks board {path} --add")


def test_what_is_added_says_when_how_and_with_what(result, board, tmp_path):
    assert board(result(), "--add") == (0, str(tmp_path / "kept" / "raspberry-pi-4-model-b-rev-1-4.json"))
    value = json.loads((tmp_path / "kept" / "raspberry-pi-4-model-b-rev-1-4.json").read_text())
    assert (value["board"], value["emulated"]) == (made_up.PI_4, False)
    run = value["runs"]["field int8_ptq, 1 thread"]
    assert run["latency"] == {"median_ms": pytest.approx(2.0), "spread": pytest.approx(0, abs=1e-3), "num_runs": 3}
    assert {"date", "obtained", "versions", "model_sha256", "end_to_end"} <= run.keys()
    assert run["versions"].keys() == {"python", "leukolite", "ai-edge-litert", "numpy", "pillow"}


def test_another_kind_of_run_is_added_beside_it_and_the_same_in_its_place(result, board, tmp_path):
    board(result(), "--add")
    board(result(change=lambda value: value["settings"].update(num_threads=4)), "--add")
    board(result(change=lambda value: value["model"].update(view="cell")), "--add")
    _, path = board(result(ms=3.0), "--add")
    runs = json.loads(Path(path).read_text())["runs"]
    assert list(runs) == ["field int8_ptq, 1 thread", "field int8_ptq, 4 threads", "cell int8_ptq, 1 thread"]
    assert runs["field int8_ptq, 1 thread"]["latency"]["median_ms"] == pytest.approx(3.0)


@pytest.mark.parametrize(("ms", "status"), [(1.0, 0), (2.0, 0), (2.4, 0), (2.6, 1)])
def test_a_quarter_slower_than_the_reference_fails(result, board, ms, status):
    board(result(2.0), "--add")
    found, line = board(result(ms))
    assert found == status
    assert f"latency {ms / 2:.2f} times the reference, end to end {ms / 2:.2f} times" in line


def test_other_versions_and_another_model_are_named(result, board):
    board(result(), "--add")

    def change(value):
        value["model"]["sha256"] = "ab"
        value["provenance"]["packages"]["numpy"] = "9"

    assert board(result(change=change))[1].endswith("; other than there: numpy, model")


def spread(value):
    """From there on it is not steady: 5th and 95th percentile half of the median apart."""
    median = value["latency"]["median_ms"]
    value["latency"].update(p5_ms=0.75 * median, p95_ms=1.25 * median)


def test_a_run_that_was_not_steady_is_no_reference_and_proves_nothing(result, board):
    assert board(result(change=spread), "--add")[0] == 2
    board(result(), "--add")
    status, line = board(result(ms=9.0, change=spread))
    assert status == 3
    assert "not steady" in line


def emulate(value):
    value["machine"]["board"] = None
    value["machine"]["cpu"] = "Raspberry Pi 4, emulated (qemu-user)"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda value: value.update(valid=False, invalid_because=["throttled meanwhile"]), "got throttled meanwhile"),
        (lambda value: value.update(schema_version=99), "schema 99"),
        (lambda value: value.pop("latency"), "KeyError"),
        (lambda value: value["latency"].update(median_ms=0), "a median of 0.0 ms"),
        (lambda value: value["end_to_end"].update(median_ms=math.nan), "a median of nan ms"),
        (lambda value: value["end_to_end"].update(p95_ms=math.inf), "and inf"),
        (lambda value: value.update(machine=[]), "TypeError"),
        (emulate, "an emulator tells nothing about time"),
    ],
)
@pytest.mark.parametrize("options", [[], ["--add"]])
def test_what_is_no_run_of_a_real_board_is_refused(result, board, tmp_path, change, said, options):
    status, line = board(result(change=change), *options)
    assert status == 2
    assert said in line
    assert not (tmp_path / "kept").exists()


def test_counts_of_an_emulated_board_are_no_reference_of_times(result, board, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "raspberry-pi-4-model-b-rev-1-4.json").write_text('{"emulated": true, "runs": 3}')
    assert board(result())[0] == board(result(), "--add")[0] == 2


@pytest.mark.parametrize(
    "change",
    [
        lambda kept: kept.update(schema_version=0),
        lambda kept: kept.update(runs=[]),
        lambda kept: kept["runs"].update({"field int8_ptq, 1 thread": {}}),
        lambda kept: kept["runs"]["field int8_ptq, 1 thread"]["end_to_end"].update(median_ms=math.nan),
        lambda kept: kept["runs"]["field int8_ptq, 1 thread"].pop("versions"),
    ],
)
def test_a_broken_reference_is_named(result, board, change):
    path = Path(board(result(), "--add")[1])
    kept = json.loads(path.read_text())
    change(kept)
    path.write_text(json.dumps(kept))
    status, line = board(result())
    assert status == 2
    assert f"expected runs of a real board in {path}, got " in line
