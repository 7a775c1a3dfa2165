"""Confusion matrices as pictures, for whoever evaluates; drawn without a display.

matplotlib is no dependency of the device: it is imported when something is drawn (extras `train` and `bench`).
"""

import io
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic
from edge_runtime.metrics import Counts
from edge_runtime.report import EvalReport

_DPI = 120
_DARK = 0.55  # share of a cell above which white text reads better than black
_CELL_IN = 0.9  # inches
_LARGEST_IN = 16.0  # of many classes the cells are made smaller instead,
_LEGIBLE_IN = 0.6  # and below this empty
_TITLE_IN = 3.4
_LETTER_IN, _USUAL_LETTERS, _MOST_LETTERS = 0.09, 12, 28


def draw_confusion(reports: Mapping[str, EvalReport], path: str | os.PathLike[str]) -> None:
    """The confusion matrices side by side under their names: counts, and the share of the true class's images."""
    panels = {}
    for name, report in reports.items():
        counts = np.asarray(report.confusion_matrix, np.int64)
        unread = np.array([report.per_class[label].n for label in report.labels]) - counts.sum(axis=1)
        panels[name] = np.column_stack([counts, unread])
    write_atomic(path, [_draw(panels, next(iter(reports.values())).labels)])


def draw_matrix(matrix: npt.ArrayLike, labels: Sequence[str], path: str | os.PathLike[str], *, title: str = "") -> None:
    """One confusion matrix, drawn as `matrix_png` does."""
    write_atomic(path, [matrix_png(matrix, labels, title=title)])


def matrix_png(matrix: npt.ArrayLike, labels: Sequence[str], *, title: str = "") -> bytes:
    """The picture of a confusion matrix as a PNG; its accuracy and number of images stand behind the title.

    Args:
        matrix: int [classes, classes], rows true, columns predicted; or as `metrics.confusion_matrix` gives it, with
            one column more for images without a prediction.
    """
    return _draw({title: np.asarray(matrix, np.int64)}, labels)


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib Figure of that many inches; LeukoliteError where matplotlib is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise LeukoliteError(
            expected="matplotlib to be installed",
            found=reason(error),
            remedy="install the extra `train` or `bench`, or matplotlib itself",
        ) from error
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def to_png(figure: Any) -> bytes:
    """The figure as a PNG; without the version of matplotlib inside, the same figures give the same file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DPI, bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()


def shorten(label: str) -> str:
    """A class's name as a picture has room for it: printable, and without its middle where it is too long."""
    text, half = show(label), _MOST_LETTERS // 2
    text = text if len(text) <= _MOST_LETTERS else f"{text[: half - 1]}…{text[-half:]}"
    return text.replace("$", r"\$")  # two of them would begin and end a formula


def _draw(panels: Mapping[str, Counts], labels: Sequence[str]) -> bytes:
    """A panel for each matrix, under its name."""
    names = [shorten(label) for label in labels]
    cell = min(_CELL_IN, _LARGEST_IN / len(names))
    side, long = cell * len(names), _LETTER_IN * max(0, max(map(len, names)) - _USUAL_LETTERS)
    figure = new_figure(len(panels) * (1.2 + max(side, _TITLE_IN)) + 1.2 + long, 1.8 + side + long / 2)
    places = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axes, (name, matrix) in zip(places, panels.items(), strict=True):
        shaded = _draw_panel(axes, matrix[:, : len(names)], matrix.sum(axis=1), legible=cell >= _LEGIBLE_IN)
        axes.set_xticks(range(len(names)), names, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted class")
        axes.set_title(_title(name, matrix), fontsize=10)
    places[0].set_ylabel("true class")
    figure.colorbar(shaded, ax=list(places), label="share of the true class's images", shrink=0.8, format="{x:.0%}")
    return to_png(figure)


def _title(name: str, matrix: Counts) -> str:
    """The name of a matrix, its accuracy and its number of images."""
    n, unread = int(matrix.sum()), int(matrix[:, len(matrix) :].sum())
    figures = f"{np.trace(matrix) / n:.2%} of {n:,} images" if n else "no images"
    return (f"{name}: " if name else "") + figures + (f", {unread} unreadable" if unread else "")


def _draw_panel(axes: Any, counts: Counts, totals: Counts, *, legible: bool) -> Any:
    """The cells of one matrix; returns what the colour bar explains."""
    shares = counts / np.maximum(totals, 1)[:, np.newaxis]
    shaded = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), share in np.ndenumerate(shares if legible else shares[:0]):
        color = "white" if share > _DARK else "black"
        text = f"{counts[row, column]:,}\n{share:.1%}"
        axes.text(column, row, text, ha="center", va="center", color=color, fontsize=9)
    return shaded
