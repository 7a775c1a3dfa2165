"""The verdict on a terminal: drawn with rich where that is installed and somebody looks on, plain text otherwise."""

import sys
from collections.abc import Iterator, Sequence

from edge_runtime.gate import columns
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, PASS, Verdict

_SHOWN = (0, 1, 2, 6)  # of columns.RULES: the reason says limit, figure and interval once more
_COLORS = {PASS: "green", INCONCLUSIVE: "yellow", FAIL: "red"}


def write(verdict: Verdict) -> None:
    """Write to standard output, the verdict as the last line."""
    if not (sys.stdout.isatty() and _draw(verdict)):
        sys.stdout.writelines(table(verdict))


def table(verdict: Verdict) -> Iterator[str]:
    """The verdict as lines of plain text: the rules worst first, what stands behind them, the verdict."""
    yield from _aligned([[row[at] for at in _SHOWN] for row in columns.rule_rows(verdict)])
    if verdict.behind:
        yield "\n"
        yield from _aligned([columns.BEHIND, *columns.behind_rows(verdict)])
        yield from (f"{note}\n" for note in columns.notes(verdict))
        yield "\n"
    yield columns.summary(verdict) + "\n"


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows in columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"


def _draw(verdict: Verdict) -> bool:
    """Draw with rich; False where it is not installed."""
    try:
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except ImportError:
        return False
    console = Console()
    rules = Table(*(columns.RULES[at] for at in _SHOWN), box=SIMPLE_HEAD, padding=0)
    for row in columns.rule_rows(verdict):
        rules.add_row(*(Text(row[at], _COLORS[row[0]] if at == 0 else "") for at in _SHOWN))
    console.print(rules)
    behind = Table(*columns.BEHIND, box=SIMPLE_HEAD, padding=0)
    for row in columns.behind_rows(verdict):
        behind.add_row(*(Text(cell) for cell in row))
    console.print(behind)
    for note in columns.notes(verdict):
        console.print(Text(note, "dim"))
    console.print(Text(columns.summary(verdict), f"bold {_COLORS[verdict.verdict]}"))
    return True
