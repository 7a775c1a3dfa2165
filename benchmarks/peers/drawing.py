"""A run with peers drawn: how good against how fast, and against how large."""

import math
from collections.abc import Sequence
from typing import Any

from benchmarks.peers.entrants import OURS
from benchmarks.peers.report import Interval, Report, Row
from edge_runtime.figures import new_figure, to_png

_OURS_COLOR, _SAME_COLOR, _OTHER_COLOR = "#c8651b", "#1f5fa8", "#3f8f4f"
_NEAR = (0.08, 0.012)  # powers of ten and accuracy, within which two numbers would be drawn over each other


def to_picture(report: Report) -> bytes:
    """The PNG: a point an entrant with its intervals, ours, other engines on our network, and other networks apart."""
    figure = new_figure(12.5, 6.2)
    left, right = figure.subplots(1, 2, sharey=True)
    for number, row in enumerate(report.rows, 1):
        _point(left, row, number, row.end_to_end.median_ms, ends=row.end_to_end.quartiles_ms)
        _point(right, row, number, row.size_bytes / 1e3, ends=None)
    _number(left, [(row.end_to_end.median_ms, row.accuracy) for row in report.rows])
    _number(right, [(row.size_bytes / 1e3, row.accuracy) for row in report.rows])
    left.set(xscale="log", xlabel="bytes to label, ms (bar: quartiles)", ylabel="accuracy (bar: 95 % by source cell)")
    right.set(xscale="log", xlabel="size of the file, kB")
    for axes in (left, right):
        axes.grid(which="both", alpha=0.2)
        axes.margins(x=0.12)  # for the numbers
        axes.xaxis.get_minor_locator().set_params(subs=(2, 5))  # as many as do not lie over each other
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter("{x:g}")
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


def _number(axes: Any, points: Sequence[tuple[float, float]]) -> None:
    """Write the numbers beside the points, those of neighbours together beside the last of them."""
    for together in gathered(points):
        axes.annotate(
            spelled([index + 1 for index in together]),
            points[together[-1]],
            xytext=(5, 5),
            textcoords="offset points",
            fontsize=8,
        )


def spelled(numbers: Sequence[int]) -> str:
    """Numbers in order, those that follow each other as a range: 2, 7-9."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


def gathered(points: Sequence[tuple[float, float]]) -> list[list[int]]:
    """Indices of points (x above 0, y), from left to right, those of one list each near the one before it."""
    found: list[list[int]] = []
    for index in sorted(range(len(points)), key=lambda index: points[index]):
        x, y = points[index]
        for together in found:
            other_x, other_y = points[together[-1]]
            if math.log10(x / other_x) < _NEAR[0] and abs(y - other_y) < _NEAR[1]:
                together.append(index)
                break
        else:
            found.append([index])
    return found


def _bar(middle: float, ends: Interval | None) -> list[list[float]] | None:
    """How far an interval goes to either side, as matplotlib wants it."""
    return None if ends is None else [[max(0.0, middle - ends[0])], [max(0.0, ends[1] - middle)]]
