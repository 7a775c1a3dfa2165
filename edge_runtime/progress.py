"""Progress on standard error, and only where that is a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Protocol


class Advance(Protocol):
    """What `progress` yields: to be called after each item, or after `count` of them."""

    def __call__(self, count: int = 1) -> None:
        """Move the bar."""


@contextmanager
def progress(description: str, *, total: int | None = None, hidden: bool = False) -> Iterator[Advance]:
    """A bar with rate and time left, gone when the work is done.

    Drawn with rich where that is installed (the extra `terminal`), and silent otherwise, when piped or `hidden`.
    """
    bars = None if hidden or not sys.stderr.isatty() else _rich()
    if bars is None:
        yield lambda count=1: None
        return
    from rich.console import Console

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    # By default rich sends standard output through its own console, and so the data of `> file` to the terminal.
    with bars.Progress(*columns, console=console, transient=True, redirect_stdout=False) as display:
        task = display.add_task(description, total=total, rate="")

        def advance(count: int = 1) -> None:
            speed = display.tasks[0].finished_speed or display.tasks[0].speed
            display.update(task, advance=count, rate=f"{speed:.0f}/s" if speed else "")

        yield advance


def _rich() -> ModuleType | None:
    """The module rich.progress, None where it is not installed."""
    try:
        from rich import progress as bars
    except ImportError:
        return None
    return bars
