"""Runs of the tiny model on made-up boards, by a clock of their own; the command once on the real one."""

import io
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from edge_runtime import bench
from edge_runtime.board import Board, State, Throttling
from edge_runtime.timing import Plan, Timing
from tests.edge_runtime import boards
from tests.edge_runtime.conftest import one_line
from tests.edge_runtime.test_trial import ROOT
from tests.tiny_model import CELL_SPEC, bundle_bytes

PLAN = Plan(num_runs=3, min_secs=0, warmup_runs=2, warmup_min_secs=0)
LATENCY = {
    "init_ms", "warmup_first_ms", "warmup_avg_ms", "num_warmup_runs", "avg_ms", "min_ms", "max_ms", "median_ms",
    "std_ms", "p5_ms", "p90_ms", "p95_ms", "p99_ms", "iqr_ms", "mad_ms", "num_runs", "samples_ms",
}  # fmt: skip


def ticking():
    """A clock on which 2 ms pass between one look and the next."""
    looks = iter(range(10**9))
    return lambda: next(looks) / 500


def run(bundle, board, **settings):
    return bench.run(bundle, plan=PLAN, board=board, clock=ticking(), **settings)


def test_a_run_on_a_good_board(bundle, tmp_path):
    told = []
    found = run(bundle, boards.make(tmp_path), tell=told.append)
    assert (found.invalid_because, found.warnings) == ((), ())
    assert found.init_ms == pytest.approx(2)
    for timing in (found.invoke, found.end_to_end):
        assert timing.warmup_ms == pytest.approx([2, 2])
        assert timing.samples_ms == pytest.approx([2, 2, 2])
    assert told == ["invoke, at least 3 runs and 0 s", "end to end, the same"]


def test_json_is_the_contracts(bundle, tmp_path):
    result = run(bundle, boards.make(tmp_path), num_threads=2)
    result.save(tmp_path / "r.json")
    found = json.loads((tmp_path / "r.json").read_text())
    assert found["latency"].keys() == LATENCY
    assert found["end_to_end"].keys() == LATENCY - {"init_ms"}
    assert found["memory"].keys() == {"init_footprint_kb", "overall_footprint_kb", "peak_mem_mb"}
    assert found["machine"]["board"] == boards.PI_4
    assert {"commit", "packages", "platform", "argv", "started", "seconds"} <= found["provenance"].keys()
    assert (found["valid"], found["invalid_because"], found["warnings"]) == (True, [], [])
    assert found["settings"] == {
        "num_runs": 3, "min_secs": 0, "warmup_runs": 2, "warmup_min_secs": 0, "num_threads": 2,
    }  # fmt: skip
    assert found["model"]["file"] == bundle.name
    assert (found["model"]["variant"], found["model"]["view"]) == ("int8_ptq", "field")
    assert found["latency"]["num_runs"] == len(found["latency"]["samples_ms"]) == 3


def test_memory_is_that_of_this_process(bundle, tmp_path):
    board = replace(boards.make(tmp_path), proc=Board().proc)
    found = run(bundle, board).memory
    assert 0 <= found.init_footprint_kb <= found.overall_footprint_kb + 1024  # some may be given back meanwhile
    assert found.peak_mem_mb > 20  # numpy alone takes as much


def test_without_proc_memory_is_not_known(bundle, tmp_path):
    found = run(bundle, boards.make(tmp_path))
    assert found.memory == bench.Memory(None, None, None)
    assert "memory:" not in "".join(bench.table(found))


@pytest.mark.parametrize(
    ("before", "after", "reasons"),
    [
        ("0x0", "0x0", ()),
        ("0x4", "0x40004", ("throttled before", "throttled after", "throttled meanwhile")),
        ("0x40004", "0x40000", ("throttled before",)),
        ("0x0", "0x10001", ("under-voltage after", "under-voltage meanwhile")),
        ("0x0", "0x20000", ("ARM frequency capped meanwhile",)),
        ("0x0", "0xa0000", ("ARM frequency capped, soft temperature limit meanwhile",)),
        ("0x40000", "0x40000", ()),  # what may have come again is warned of
        ("0x40000", "0x50000", ("under-voltage meanwhile",)),
    ],
)
def test_a_board_that_throttles_makes_a_run_invalid(bundle, tmp_path, before, after, reasons):
    found = run(bundle, boards.make(tmp_path, vcgencmd=boards.answers(tmp_path, before, after)))
    assert found.invalid_because == reasons
    assert found.to_json()["valid"] is not bool(reasons)
    assert found.to_json()["latency"]["num_runs"] == 3  # the figures are kept
    hidden = [warning for warning in found.warnings if "since the board booted hides" in warning]
    assert bool(hidden) is (int(before, 16) >> 16 != 0)


@pytest.mark.parametrize(
    ("changes", "warning"),
    [
        ({"governor": "ondemand"}, "the clock may have changed (governor ondemand); see `leukolite doctor`"),
        ({"governor": None}, "the governor is not known; compare several runs"),
        ({"load": "900.5 1.0 1.0 1/2 3"}, "other programs were running (load 900.5); end them"),
        ({"vcgencmd": None}, "whether the board throttled is not known: there is no vcgencmd; compare several runs"),
        (
            {"vcgencmd": "exit 7"},
            "whether the board throttled is not known: vcgencmd gave status 7 and said nothing; compare several runs",
        ),
    ],
)
def test_what_makes_a_run_doubtful(bundle, tmp_path, changes, warning):
    found = run(bundle, boards.make(tmp_path, **changes))
    assert found.warnings == (warning,)
    assert found.to_json()["valid"] is True


def test_firmware_that_falls_silent_is_warned_of(bundle, tmp_path):
    state = State(Throttling(0), None, None)
    silent = replace(state, throttling=Throttling(None, "gone"))
    found = run(bundle, boards.make(tmp_path))
    for before, after in ((state, silent), (silent, state)):
        doubtful = replace(found, before=before, after=after)
        assert doubtful.warnings == ("whether the board throttled is not known: gone; compare several runs",)
        assert doubtful.invalid_because == ()


@pytest.mark.parametrize(
    ("samples", "steady"),
    [([10.0] * 20, True), ([9.1] * 10 + [10.0] * 80 + [10.9] * 10, True), ([10.0] * 90 + [13.0] * 10, False)],
)
def test_spread_is_warned_of(bundle, tmp_path, samples, steady):
    # 5th and 95th percentile of the three: 10 and 10, 9.1 and 10.9 (18 % of the median apart), 10 and 13.
    found = replace(run(bundle, boards.make(tmp_path)), invoke=Timing((10.0,), tuple(samples)))
    assert (found.warnings == ()) is steady
    assert steady or found.warnings[0].startswith("invoke: 5th and 95th percentile are 30% of the median apart; end ")


def test_without_xnnpack_it_warns(bundle, tmp_path):
    found = replace(run(bundle, boards.make(tmp_path)), uses_delegate=False)
    assert found.warnings == ("XNNPACK is not applied; see `leukolite doctor`",)


def test_the_table(bundle, tmp_path):
    board = replace(boards.make(tmp_path), proc=Board().proc)
    lines = list(bench.table(run(bundle, board)))
    assert lines[0] == "tiny-int8.tflite (int8_ptq), 1 thread, in milliseconds\n"
    assert "median          2.000       2.000\n" in lines
    assert "runs                3           3\n" in lines
    assert any(line.startswith("memory: ") for line in lines)
    assert "2 threads" in next(bench.table(run(bundle, board, num_threads=2)))


def test_a_model_of_the_cell_view_sees_a_cell(tmp_path, monkeypatch):
    (tmp_path / "cells.tflite").write_bytes(bundle_bytes(input=CELL_SPEC))
    found = []
    classify = bench.Classifier.classify

    def watched(self, source):
        found.append(classify(self, source))
        return found[-1]

    monkeypatch.setattr(bench.Classifier, "classify", watched)
    run(tmp_path / "cells.tflite", boards.make(tmp_path))
    assert len(found) == 1 + 2 + 3
    assert {len(each.cells) for each in found} == {1}


def test_a_model_that_cannot_classify_is_refused(bundle, tmp_path, monkeypatch, refused):
    from edge_runtime.prediction import failed

    monkeypatch.setattr(bench.Classifier, "classify", lambda self, source: failed("", "expected a, got b; do c"))
    with refused("to classify a generated picture, got expected a, got b, do c; use another bundle"):
        run(bundle, boards.make(tmp_path))


@pytest.fixture
def command(leukolite, bundle, monkeypatch, tmp_path):
    """`leukolite bench` in this process, with a clock and a board that are made up."""

    def call(*arguments, **changes):
        real = bench.run
        made = {"board": boards.make(tmp_path, **changes), "clock": ticking()}
        monkeypatch.setattr(bench, "run", lambda model, **given: real(model, **{**given, **made}))
        return leukolite("bench", "-m", bundle, "--num-runs", 3, "--min-secs", 0, *arguments)

    return call


def test_command_prints_the_table_and_nothing_else(command):
    status, out, errors = command()
    assert (status, errors) == (0, [])
    assert out.startswith("tiny-int8.tflite (int8_ptq), 1 thread")


def test_command_tells_a_terminal_what_it_is_doing(command, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    said = Terminal()
    monkeypatch.setattr("sys.stderr", said)
    assert command()[0] == 0
    assert said.getvalue().splitlines() == [
        "leukolite: measuring invoke, at least 3 runs and 0 s", "leukolite: measuring end to end, the same",
    ]  # fmt: skip


def test_invalid_run_is_status_1_one_line_and_its_figures(command, tmp_path):
    script = boards.answers(tmp_path, "0x4", "0x40000")
    status, out, errors = command("--result-json", tmp_path / "r.json", vcgencmd=script)
    assert status == 1
    assert one_line(errors, "a board that runs at full speed", "throttled before; throttled meanwhile")
    assert "median" in out
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["valid"], found["invalid_because"]) == (False, ["throttled before", "throttled meanwhile"])
    assert found["latency"]["num_runs"] == 3


def test_warnings_are_lines_of_standard_error(command):
    status, _, errors = command(governor="ondemand")
    assert status == 0
    assert errors == ["leukolite: warning: the clock may have changed (governor ondemand); see `leukolite doctor`"]


def test_result_that_cannot_be_written_is_one_line_before_the_work(command, tmp_path):
    (tmp_path / "file").touch()
    status, out, errors = command("--result-json", tmp_path / "file" / "r.json")
    assert status == 2
    assert one_line(errors, "to be able to write", "file/r.json")
    assert out == ""


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--num-runs", "0"), ("--warmup-runs", "0"), ("--num-threads", "0"), ("--min-secs", "-1"),
        ("--min-secs", "nan"), ("--min-secs", "inf"), ("--num-runs", "many"),
    ],
)  # fmt: skip
def test_usage(leukolite, bundle, option, value):
    status, out, errors = leukolite("bench", "-m", bundle, option, value)
    assert (status, out) == (2, "")
    assert one_line(errors, option)


@pytest.mark.parametrize("content", [None, b"", b"text"])
def test_no_model(leukolite, tmp_path, content):
    if content is not None:
        (tmp_path / "m.tflite").write_bytes(content)
    status, out, errors = leukolite("bench", "-m", tmp_path / "m.tflite")
    assert (status, out) == (2, "")
    assert one_line(errors, "a TFLite model", "m.tflite")


def test_the_command_itself_on_this_machine(bundle, tmp_path):
    boards.make(tmp_path, vcgencmd="echo throttled=0x0")
    options = ["-m", str(bundle), "--num-runs", "5", "--min-secs", "0", "--result-json", str(tmp_path / "r.json")]
    done = subprocess.run(
        [sys.executable, "-m", "edge_runtime", "bench", *options],
        capture_output=True, text=True, timeout=120, cwd=ROOT, env=boards.on_path(tmp_path), check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert all(line.startswith("leukolite: warning: ") for line in done.stderr.splitlines())
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["valid"], found["before"]["throttling"]["bits"], found["latency"]["num_runs"]) == (True, 0, 5)
    assert found["latency"]["min_ms"] > 0
    assert found["uses_delegate"] is True
    assert done.stdout.splitlines()[0] == "tiny-int8.tflite (int8_ptq), 1 thread, in milliseconds"
