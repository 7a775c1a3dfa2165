"""Progress on standard error, and only where that is a terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Protocol

_BAR_COLUMNS = 40  # at most; what does not fit into the terminal is taken off the bar


class Advance(Protocol):
    """What `progress` yields: to be called after each item, or after `count` of them."""

    def __call__(self, count: int = 1, note: str = "") -> None:
        """Move the bar, and show a note below it; without one the last stays."""


@contextmanager
def progress(description: str, *, total: int | None = None, hidden: bool = False, done: int = 0) -> Iterator[Advance]:
    """A bar with rate and time left, gone when the work is done.

    Drawn with rich where that is installed (the extra `terminal`), and silent otherwise, when piped or `hidden`.
    `done` items were finished before: the bar starts there, and rate and time left do not count them as speed.
    """
    bars = None if hidden or not sys.stderr.isatty() else _rich()
    if bars is None:
        yield lambda count=1, note="": None
        return
    with _display(bars) as display:
        task = display.add_task(description, total=total, completed=done, rate="", note="")

        def advance(count: int = 1, note: str = "") -> None:
            state = display.tasks[0]
            speed = state.finished_speed or state.speed
            display.update(task, advance=count, rate=_rate(speed), note=note or state.fields["note"])

        yield advance


def _display(bars: ModuleType) -> Any:
    """A display of one line for the bar and, once there is a note, one for that, cut off where the terminal ends.

    On a line of its own the note neither wraps nor makes the bar jump when its length changes.
    """
    from rich.console import Console
    from rich.table import Column
    from rich.text import Text

    class Display(bars.Progress):  # type: ignore[name-defined, misc]  # the module is known at run time only
        def get_renderables(self) -> Iterator[Any]:
            yield from super().get_renderables()
            for task in self.tasks:
                if task.fields["note"]:
                    yield Text(task.fields["note"], no_wrap=True, overflow="ellipsis")

    columns = (
        bars.TextColumn("{task.description}", markup=False),
        bars.BarColumn(None, table_column=Column(max_width=_BAR_COLUMNS)),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
    )
    # By default rich sends standard output through its own console, and so the data of `> file` to the terminal.
    return Display(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


def _rate(speed: float | None) -> str:
    """Items a second, with a digit behind the point where they are few."""
    if not speed:
        return ""
    return f"{speed:.1f}/s" if speed < 10 else f"{speed:.0f}/s"


def _rich() -> ModuleType | None:
    """The module rich.progress, None where it is not installed."""
    try:
        from rich import progress as bars
    except ImportError:
        return None
    return bars
