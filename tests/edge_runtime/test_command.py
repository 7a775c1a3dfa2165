import argparse
import io
import os
import signal
import sys
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest

from edge_runtime.command import DONE, FAILED, UNUSABLE, Parser, complain, note, noted, reader_may_go, run
from edge_runtime.errors import LeukoliteError, LeukoliteWarning


def parser(call) -> Parser:
    """A command line with one sub-command, which takes a number."""
    top = Parser(prog="tool")
    command = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser).add_parser("go")
    command.add_argument("--number", type=int)
    command.set_defaults(call=call)
    return top


def raising(error: BaseException):
    """A sub-command that fails."""

    def call(args: argparse.Namespace) -> int:
        raise error

    return call


@pytest.mark.parametrize("status", [DONE, FAILED, 3])
def test_status_is_the_sub_commands(status):
    assert run(parser(lambda _: status), ["go"]) == status


def test_arguments_reach_the_sub_command():
    assert run(parser(lambda args: args.number), ["go", "--number", "7"]) == 7


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (LeukoliteError(expected="a", found="b", remedy="do c"), "expected a, got b; do c"),
        (OSError(28, "No space left on device"), "got OSError: [Errno 28] No space left on device; free the resource"),
        (MemoryError(), "got MemoryError; free the resource"),
        (ValueError("two\nlines"), "got ValueError: two lines; this is a bug"),
        (RecursionError("deep"), "got RecursionError: deep; this is a bug"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_error_is_one_line_and_status_2(error, line, capsys):
    assert run(parser(raising(error)), ["go"]) == UNUSABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tool: error: expected ")
    assert line in err
    assert err.count("\n") == 1


def gone(*_):
    """What a pipe without a reader says to whoever writes or flushes."""
    raise BrokenPipeError


def test_a_reader_that_has_gone_ends_the_call_well(capsys):
    assert run(parser(gone), ["go"]) == DONE
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("status", [FAILED, 3])
def test_a_status_that_is_known_stays_whatever_becomes_of_the_output(monkeypatch, status):
    output = io.StringIO()
    output.flush = gone
    monkeypatch.setattr(sys, "stdout", output)
    assert run(parser(lambda _: status), ["go"]) == status


def test_what_is_only_shown_may_have_lost_its_reader():
    def call(args: argparse.Namespace) -> int:
        with reader_may_go():
            gone()
        return FAILED

    assert run(parser(call), ["go"]) == FAILED


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt(), 130), (OSError("disk"), 2), (ImportError(), 2)])
def test_what_goes_wrong_while_arguments_are_read_is_one_line(error, status, capsys):
    def read(text: str) -> int:
        raise error

    top = parser(lambda _: DONE)
    top.add_argument("--early", type=read)
    assert run(top, ["--early", "x", "go"]) == status
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("argv", [["--debug", "go"], ["go", "--debug"]])
@pytest.mark.parametrize("error", [LeukoliteError(expected="a", found="b", remedy="c"), ValueError("bug")], ids=type)
def test_debug_shows_the_traceback_before_the_line(error, argv, capsys):
    assert run(parser(raising(error)), argv) == UNUSABLE
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1].startswith("tool: error: expected ")


def test_interrupt_is_one_line_and_status_130(capsys):
    assert run(parser(raising(KeyboardInterrupt())), ["go"]) == 130
    assert capsys.readouterr().err == "tool: interrupted\n"


@pytest.fixture
def own_handler():
    """SIGTERM ends the process, as it does that of a command; Ray, in tests before, leaves a handler of its own."""
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield signal.SIG_DFL
    if before is not None:  # None was not set by Python, and cannot be set again
        signal.signal(signal.SIGTERM, before)


def test_a_request_to_end_is_one_line_and_status_143(own_handler, capsys):
    assert run(parser(lambda _: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(60)), ["go"]) == 143
    assert capsys.readouterr().err == "tool: terminated\n"
    assert signal.getsignal(signal.SIGTERM) is own_handler


def test_what_is_whole_at_any_moment_may_be_ended_at_once(own_handler):
    assert run(parser(lambda _: signal.getsignal(signal.SIGTERM)), ["go"], terminable=False) is own_handler
    assert run(parser(lambda _: signal.getsignal(signal.SIGTERM)), ["go"]) is not own_handler


def test_a_caller_s_own_handler_of_sigterm_stays(own_handler):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert run(parser(lambda _: os.kill(os.getpid(), signal.SIGTERM) or DONE), ["go"]) == DONE


def test_another_thread_than_the_main_one_may_run_a_command():
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(run, parser(lambda _: DONE), ["go"]).result() == DONE


@pytest.mark.parametrize(
    "argv", [[], ["gone"], ["go", "--number", "x"], ["go", "--unknown"], ["go", "two\nlines"], ["go", "--number"]]
)
def test_usage_error_is_one_line_and_status_2(argv, capsys):
    with pytest.raises(SystemExit) as caught:
        run(parser(lambda _: DONE), argv)
    assert caught.value.code == UNUSABLE
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("tool: error: expected valid arguments, got: ")
    assert "--help" in err
    assert err.count("\n") == 1


def test_names_that_are_not_utf8_can_be_printed(capsysbinary):
    assert run(parser(lambda _: print("\udcff") or DONE), ["go"]) == DONE
    assert capsysbinary.readouterr().out == b"\\udcff\n"


def test_closed_streams_are_no_error(monkeypatch):
    def write(args: argparse.Namespace) -> int:
        print("nobody reads this")
        print("nor this", file=sys.stderr)
        return DONE

    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    assert run(parser(write), ["go"]) == DONE


def test_complaints_and_notes_are_told_apart(capsys):
    complain("tool", "bad")
    note("tool", "fine")
    assert capsys.readouterr() == ("", "tool: error: bad\ntool: fine\n")


def test_complaints_and_notes_are_one_line_whatever_the_names_in_them_are(capsys):
    complain("tool", "bad\n.png: expected")
    note("tool", "\x1b[31m.txt: ignored")
    assert capsys.readouterr().err == "tool: error: bad\\n.png: expected\ntool: \\x1b[31m.txt: ignored\n"


def test_warnings_become_notes_when_the_block_is_over(capsys):
    with noted("tool"):
        for _ in range(2):  # said each time, though from one line
            warnings.warn("odd\nmodel", LeukoliteWarning, stacklevel=1)
        assert capsys.readouterr().err == ""
    assert capsys.readouterr().err == "tool: odd model\n" * 2


def test_an_error_stands_alone(capsys):
    def load() -> None:
        with noted("tool"):
            warnings.warn("odd model", LeukoliteWarning, stacklevel=1)
            raise LeukoliteError(expected="a", found="b", remedy="c")

    with pytest.raises(LeukoliteError):
        load()
    assert capsys.readouterr().err == ""
