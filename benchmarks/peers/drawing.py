"""A run with peers drawn: how good against how fast, and against how large."""

from typing import Any

from benchmarks.peers.entrants import OURS
from benchmarks.peers.report import Interval, Report, Row
from edge_runtime.figures import new_figure, to_png

_OURS_COLOR, _SAME_COLOR, _OTHER_COLOR = "#c8651b", "#1f5fa8", "#3f8f4f"


def to_picture(report: Report) -> bytes:
    """The PNG: a point an entrant with its intervals, ours, other engines on our network, and other networks apart."""
    figure = new_figure(12.5, 6.2)
    left, right = figure.subplots(1, 2, sharey=True)
    numbers = {row.name: number for number, row in enumerate(report.rows, 1)}
    for row in report.rows:
        quartiles = row.end_to_end.quartiles_ms
        _point(left, row, numbers[row.name], row.end_to_end.median_ms, ends=quartiles)
        _point(right, row, numbers[row.name], row.size_bytes / 1e3, ends=None)
    left.set(xscale="log", xlabel="bytes to label, ms (bar: quartiles)", ylabel="accuracy (bar: 95 % by source cell)")
    right.set(xscale="log", xlabel="size of the file, kB")
    for axes in (left, right):
        axes.grid(which="both", alpha=0.2)
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center", fontsize=8, frameon=False)
    return to_png(figure)


def _point(axes: Any, row: Row, number: int, x: float, *, ends: Interval | None) -> None:
    """One entrant's place."""
    color = _OURS_COLOR if row.engine == OURS else _SAME_COLOR if row.network == OURS else _OTHER_COLOR
    axes.errorbar(
        x,
        row.accuracy,
        xerr=_bar(x, ends),
        yerr=_bar(row.accuracy, row.accuracy_ci95),
        fmt="o",
        markersize=5,
        color=color,
        elinewidth=0.8,
        label=f"{number} {row.name}",
    )
    axes.annotate(str(number), (x, row.accuracy), xytext=(4, 4), textcoords="offset points", fontsize=8, color=color)


def _bar(middle: float, ends: Interval | None) -> list[list[float]] | None:
    """How far an interval goes to either side, as matplotlib wants it."""
    return None if ends is None else [[max(0.0, middle - ends[0])], [max(0.0, ends[1] - middle)]]
