"""Progress on standard error, and only where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress(description: str, *, total: int | None = None) -> Iterator[Callable[[], None]]:
    """A bar with rate and time left; yields a function to call after each item.

    Drawn with rich where that is installed (the extra `terminal`), and silent otherwise and when piped.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    try:
        from rich import progress as bars
        from rich.console import Console
    except ImportError:
        yield lambda: None
        return
    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[rate]}"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=Console(stderr=True), transient=True) as display:
        task = display.add_task(description, total=total, rate="")

        def advance() -> None:
            speed = display.tasks[0].finished_speed or display.tasks[0].speed
            display.update(task, advance=1, rate=f"{speed:.0f}/s" if speed else "")

        yield advance
