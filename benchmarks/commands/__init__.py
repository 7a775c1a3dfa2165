"""The commands of `python -m benchmarks`, a module for each group of them; `add` registers a module's commands."""

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from edge_runtime.command import DONE, FAILED, note, reader_may_go
from edge_runtime.errors import show
from edge_runtime.files import check_file

PROG = "benchmarks"
_PICTURES = (".png", ".jpg")


def count(text: str) -> int:
    """The type of an option of which there is at least one."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return int(text)


def seed(text: str) -> int:
    """The type of an option that says where random numbers start."""
    if int(text) < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return int(text)


def output(text: str) -> Path:
    """The type of an option that names a file to be written after minutes of work: refused now where it cannot be."""
    check_file(text)
    return Path(text)


def illustrated(text: str) -> Path:
    """The type of such an option of a command that writes a picture beside the file, of the same name."""
    if Path(text).suffix in _PICTURES:
        raise argparse.ArgumentTypeError(f"{show(text)} is the name of the picture beside it")
    return output(text)


def page(*names: str) -> Callable[[str], str]:
    """The type of an option that names a page with these figures, to be updated after minutes of work."""

    def ready(text: str) -> str:
        from benchmarks import readme

        readme.check(text, names)
        output(text)
        return text

    return ready


def publish(text: str, *, page: str | Path | None, name: str) -> None:
    """Print a table; where a page is given, it is that page's figure of this name as well.

    Raises LeukoliteError when the page has no such figure, or cannot be written.
    """
    from benchmarks import readme

    if page:
        readme.update(page, name, text)
    say(text)


def say(text: str) -> None:
    """Print a result whose files and status count all the same where its reader has gone."""
    with reader_may_go():
        sys.stdout.write(text)
        sys.stdout.flush()


def settle(shortfalls: Iterable[str]) -> int:
    """Say what is not as it should be, a line each; the status: FAILED where there is any."""
    lines = list(shortfalls)
    for line in lines:
        note(PROG, line)
    return FAILED if lines else DONE
