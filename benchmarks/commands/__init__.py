"""The commands of `python -m benchmarks`, a module for each group of them; `add` registers a module's commands."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from edge_runtime.command import DONE, FAILED, note, reader_may_go

PROG = "benchmarks"


def count(text: str) -> int:
    """The type of an option of which there is at least one."""
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is below 1")
    return int(text)


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
