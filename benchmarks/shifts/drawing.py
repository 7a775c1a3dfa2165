"""Pictures: the curves of all models, and what each shift looks like."""

import io
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.shifts.curves import MEAN, Curve, Curves
from benchmarks.shifts.kinds import GRADES, shift
from edge_runtime.figures import new_figure, shorten, to_png
from edge_runtime.image import Pixels, resize

COLUMNS = 6
_PANEL_IN = 2.1
_COLORS = ("#1f5fa8", "#c8651b", "#3f8f4f", "#8a4f9e")  # blue and orange first, as in benchmarks/figures.py
_TILE_HEIGHT_PX, _TILE_WIDTH_PX, _GAP_PX, _LABEL_PX = 75, 100, 3, 80
_QUALITY = 85


def curves_png(curves: Sequence[Curves]) -> bytes:
    """Balanced accuracy by grade: a panel a kind, a line a model, with the interval as a pale band.

    Models that follow each other in pairs of float and int8 of the same view have one colour, float dashed.
    """
    kinds = list(curves[0].curves)
    rows = -(-(len(kinds)) // COLUMNS)
    figure = new_figure(min(COLUMNS, len(kinds)) * _PANEL_IN + 0.5, rows * _PANEL_IN + 0.7)
    panels = figure.subplots(rows, min(COLUMNS, len(kinds)), sharex=True, sharey=True, squeeze=False)
    colors = _colors(curves)
    for axes, kind in itertools.zip_longest(panels.flat, kinds):
        if kind is None:
            axes.set_axis_off()
            continue
        for each, color in zip(curves, colors, strict=True):
            _draw_curve(axes, each.curves[kind], each.answers.variant, color=color, name=shorten(each.answers.name))
        axes.set_title("mean of the kinds" if kind == MEAN else kind, fontsize=9)
        axes.set(xticks=range(GRADES + 1), ylim=(0, 1))
        axes.grid(alpha=0.3)
    for axes in panels[-1]:
        axes.set_xlabel("grade", fontsize=9)
    figure.supylabel("balanced accuracy, by source cell", fontsize=9)
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8.5, frameon=False)
    return to_png(figure)


def sheet(pixels: Pixels, *, kinds: Sequence[str], seed: int, name: str) -> bytes:
    """A JPEG of one picture at all grades: a row a kind, the untouched one at the left."""
    rows = []
    for kind in kinds:
        tiles = (shift(pixels, kind=kind, grade=grade, seed=seed, name=name) for grade in range(GRADES + 1))
        rows.append(np.hstack([_label(kind), *map(_tile, tiles)]))
    buffer = io.BytesIO()
    Image.fromarray(np.vstack(rows)).save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()


def _colors(curves: Sequence[Curves]) -> list[str]:
    """A colour for each model; the next one where a model has the view and kind of variant of one before it."""
    seen: list[set[tuple[str, bool]]] = []
    colors = []
    for each in curves:
        own = (each.answers.view, each.answers.variant.startswith("float"))
        if not seen or own in seen[-1] or all(view != own[0] for view, _ in seen[-1]):
            seen.append(set())
        seen[-1].add(own)
        colors.append(_COLORS[(len(seen) - 1) % len(_COLORS)])
    return colors


def _draw_curve(axes: Any, curve: Curve, variant: str, *, color: str, name: str) -> None:
    """One line; only that of int8 has the band, since those of a pair cover each other."""
    is_float = variant.startswith("float")
    values = [figure.value for figure in curve.balanced_accuracy]
    axes.plot(values, "--" if is_float else "-", color=color, linewidth=1.2, marker="o", markersize=2.5, label=name)
    if not is_float:
        low, high = zip(*(figure.ci95 for figure in curve.balanced_accuracy), strict=True)
        axes.fill_between(range(len(values)), low, high, color=color, alpha=0.12, linewidth=0)


def _tile(pixels: Pixels) -> Pixels:
    """A picture small, with white beside it and below."""
    small = resize(pixels, height_px=_TILE_HEIGHT_PX, width_px=_TILE_WIDTH_PX)
    return np.pad(small, ((0, _GAP_PX), (0, _GAP_PX), (0, 0)), constant_values=255)


def _label(text: str) -> Pixels:
    """A tile that names the row."""
    from PIL import ImageDraw

    tile = Image.new("RGB", (_LABEL_PX, _TILE_HEIGHT_PX + _GAP_PX), "white")
    ImageDraw.Draw(tile).text((4, _TILE_HEIGHT_PX // 2), text, fill="black", anchor="lm")
    return np.asarray(tile)
