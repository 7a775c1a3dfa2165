"""The report's picture of rates with their intervals. Drawn without a display."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from edge_runtime.figures import new_figure, to_png
from edge_runtime.files import write_atomic
from edge_runtime.gate import Verdict
from edge_runtime.report import EvalReport

_COLORS = ("#1f5fa8", "#c8651b")  # blue and orange: told apart by colour-blind readers as well


def draw_rates(reports: Mapping[str, EvalReport], verdict: Verdict, path: str | os.PathLike[str]) -> None:
    """TPR and TNR of each class with both 95 % intervals, and the gate's lowest permitted rate."""
    labels = list(next(iter(reports.values())).labels)
    figure = new_figure(10.5, 1.9 + 0.75 * len(labels))
    panels = figure.subplots(1, 2, sharex=True, sharey=True)
    for axes, rate, name in zip(panels, ("tpr", "tnr"), ("TPR (sensitivity)", "TNR (specificity)"), strict=True):
        for number, report in enumerate(reports.values()):
            _draw_rates(axes, report, rate, offset=(number - (len(reports) - 1) / 2) * 0.3, color=_COLORS[number])
        limits = {rule.limit for rule in verdict.rules if rule.name == f"min_{rate}"}
        for limit in limits:
            axes.axvline(limit, color="black", linestyle=":", linewidth=1, label=f"gate's limit, {limit:.2f}")
        axes.set(title=name, xlabel="rate, with 95 % intervals")
        axes.set_yticks(range(len(labels)), labels)
        axes.grid(axis="x", alpha=0.3)
    panels[0].invert_yaxis()
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8.5, frameon=False)
    write_atomic(path, [to_png(figure)])


def _draw_rates(axes: Any, report: EvalReport, rate: str, *, offset: float, color: str) -> None:
    """The rates of one model: a point, a thin line for the interval by image, a broad pale one by source cell."""
    variant = report.model["variant"]
    rows = [number + offset for number in range(len(report.labels))]
    by_image = [getattr(report.per_class[label], f"{rate}_ci95") for label in report.labels]
    if report.groups is not None:
        by_cell = [report.groups["per_class"][label][f"{rate}_ci95"] for label in report.labels]
        _draw_intervals(axes, rows, by_cell, color=color, alpha=0.3, linewidth=9, label=f"{variant}, by source cell")
    _draw_intervals(axes, rows, by_image, color=color, linewidth=1.5, label=f"{variant}, by image (optimistic)")
    points = [getattr(report.per_class[label], rate) for label in report.labels]
    axes.plot([np.nan if point is None else point for point in points], rows, "o", color=color, markersize=4.5)


def _draw_intervals(axes: Any, rows: Sequence[float], intervals: Sequence[Any], **style: Any) -> None:
    """Horizontal lines; a class without samples has no interval."""
    known = [(row, *interval) for row, interval in zip(rows, intervals, strict=True) if interval is not None]
    if known:
        at, low, high = zip(*known, strict=True)
        axes.hlines(at, low, high, **style)
