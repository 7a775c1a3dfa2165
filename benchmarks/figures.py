"""The report's pictures: confusion matrices, and rates with their intervals. Drawn without a display."""

import io
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.files import write_atomic
from edge_runtime.gate import Verdict
from edge_runtime.report import EvalReport

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120
_COLORS = ("#1f5fa8", "#c8651b")  # blue and orange: told apart by colour-blind readers as well
_DARK = 0.55  # share of a cell above which white text reads better than black


def draw_confusion(reports: Mapping[str, EvalReport], path: str | os.PathLike[str]) -> None:
    """The confusion matrices side by side: counts, and the share of the true class's images."""
    classes = len(next(iter(reports.values())).labels)
    figure = _figure(len(reports) * (1.2 + 0.9 * classes) + 1.2, 1.8 + 0.9 * classes)
    panels = figure.subplots(1, len(reports), squeeze=False, sharey=True)[0]
    drawn = [_draw_matrix(axes, report) for axes, report in zip(panels, reports.values(), strict=True)]
    panels[0].set_ylabel("true class")
    figure.colorbar(drawn[0], ax=list(panels), label="share of the true class's images", shrink=0.8, format="{x:.0%}")
    _save(figure, path)


def draw_rates(reports: Mapping[str, EvalReport], verdict: Verdict, path: str | os.PathLike[str]) -> None:
    """TPR and TNR of each class with both 95 % intervals, and the gate's lowest permitted rate."""
    labels = list(next(iter(reports.values())).labels)
    figure = _figure(10.5, 1.9 + 0.75 * len(labels))
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
    _save(figure, path)


def _draw_matrix(axes: Any, report: EvalReport) -> Any:
    """One matrix; returns what the colour bar explains."""
    counts = np.asarray(report.confusion_matrix)
    totals = np.array([report.per_class[label].n for label in report.labels])
    shares = counts / np.maximum(totals, 1)[:, np.newaxis]
    shaded = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares):
        color = "white" if share > _DARK else "black"
        text = f"{counts[row, column]:,}\n{share:.1%}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    axes.set_xticks(range(len(report.labels)), report.labels, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(report.labels)), report.labels)
    axes.set_xlabel("predicted class")
    unread = f", {report.n_errors} unreadable" if report.n_errors else ""
    axes.set_title(f"{report.model['variant']}: {report.accuracy:.2%} of {report.n:,} images{unread}", fontsize=10)
    return shaded


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


def _figure(width: float, height: float) -> "Figure":
    """An empty figure of that many inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LeukoliteError(
            expected="matplotlib to be installed", found=reason(error), remedy="install the extra `bench`"
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: "Figure", path: str | os.PathLike[str]) -> None:
    """Write as PNG, atomically; without the version of matplotlib inside, the same figures give the same file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    write_atomic(path, [buffer.getvalue()])
