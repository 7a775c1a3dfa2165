"""What every command line of the project shares: one-line errors, exit statuses and --debug."""

import argparse
import contextlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NoReturn, TextIO

from edge_runtime.errors import LeukoliteError, LeukoliteWarning, reason, show

DONE = 0
FAILED = 1  # the gate failed, or some inputs could not be used
UNUSABLE = 2  # usage, or an input that cannot be read at all
INCONCLUSIVE = 3
INTERRUPTED = 128 + signal.SIGINT  # as shells count
TERMINATED = 128 + signal.SIGTERM


class Terminated(BaseException):
    """SIGTERM: raised where it arrives, as KeyboardInterrupt is for SIGINT, so that no half file is left."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints take one line; it, and so every sub-command, has `--debug`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help="show the traceback of an error"
        )

    def error(self, message: str) -> NoReturn:
        """Print the complaint and exit with status 2."""
        print(
            f"{self.prog.split()[0]}: error: expected valid arguments, got: {show(message)}; see `{self.prog} --help`",
            file=sys.stderr,
        )
        raise SystemExit(UNUSABLE)


def run(parser: Parser, argv: list[str] | None = None, *, terminable: bool = True) -> int:
    """Parse, call the chosen sub-command's `call(args)` and return the exit status that it returns.

    With `terminable` SIGTERM ends the call as Ctrl-C does, and not the process where it stands.
    """
    _prepare_streams()
    warnings.filterwarnings("ignore", module=r"PIL\b")  # a damaged image gets one line, and that is ours
    name, args = parser.prog, argparse.Namespace()
    status = DONE  # of what ends because its reader has gone, as in `| head`: nobody is left to tell
    try:
        with _terminable() if terminable else contextlib.nullcontext():
            parser.parse_args(argv, args)  # here: to name a model takes imports, which can be interrupted, or fail
            call: Callable[[argparse.Namespace], int] = args.call
            status = call(args)
            sys.stdout.flush()
            return status
    except LeukoliteError as error:
        return _fail(name, str(error), debug="debug" in args)
    except BrokenPipeError:
        _abandon(sys.stdout)
        return status
    except KeyboardInterrupt:
        _abandon(sys.stdout)
        note(name, "interrupted")
        return INTERRUPTED
    except Terminated:
        _abandon(sys.stdout)
        note(name, "terminated")
        return TERMINATED
    except (OSError, MemoryError) as error:
        message = f"expected to finish, got {reason(error)}; free the resource it names and try again"
        return _fail(name, message, debug="debug" in args)
    except Exception as error:
        message = f"expected to finish, got {reason(error)}; this is a bug, report it with what --debug shows"
        return _fail(name, message, debug="debug" in args)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM raises Terminated meanwhile, where it would end the process at once; handlers of others stay."""

    def terminate(number: int, frame: object) -> NoReturn:
        raise Terminated

    alone = threading.current_thread() is threading.main_thread()  # Python lets no other thread set a handler
    before = signal.getsignal(signal.SIGTERM) if alone else None
    if before is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def reader_may_go() -> Iterator[None]:
    """Go on behind the block where its reader has gone: for what is shown of a result that counts all the same."""
    try:
        yield
    except BrokenPipeError:
        _abandon(sys.stdout)


def _abandon(stream: TextIO) -> None:
    """Python flushes standard streams once more at exit, and ends with status 120 where that fails again."""
    with contextlib.suppress(OSError, ValueError):
        stream.flush()
        return
    with contextlib.suppress(OSError, ValueError):  # a stream that is no file, in tests, has no descriptor
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _prepare_streams() -> None:
    """File names need not be valid UTF-8, and a caller may have closed a stream."""
    sys.stdout = sys.stdout or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    sys.stderr = sys.stderr or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def complain(name: str, message: str) -> None:
    """One line on standard error about something that does not stop the rest."""
    _say(f"{name}: error: {message}")


def note(name: str, message: str) -> None:
    """One line on standard error that is no error."""
    _say(f"{name}: {message}")


def _say(line: str) -> None:
    """Write it to standard error, if that can still be written to; a file's name in it may hold line breaks."""
    try:
        print(show(line), file=sys.stderr)
    except OSError:  # its reader has gone, or its disk is full: nobody is left to tell
        _abandon(sys.stderr)


@contextlib.contextmanager
def noted(name: str) -> Iterator[None]:
    """What the block warns of becomes a note each, when it is over: the library warns, and commands say it.

    For command lines, while one thread runs: the filters of warnings belong to the whole process.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", LeukoliteWarning)
        yield
    for warning in caught:
        note(name, " ".join(str(warning.message).split()))


def _fail(name: str, message: str, *, debug: bool) -> int:
    """Say what was wrong in one line, with the traceback before it if asked."""
    if debug:
        import traceback

        traceback.print_exc()
    _abandon(sys.stdout)
    complain(name, message)
    return UNUSABLE
