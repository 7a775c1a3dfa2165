"""A roofline drawn: each layer's multiply-adds a second over those a byte, below what the machine can do."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.roofline.report import Network, Report
from edge_runtime.figures import new_figure, to_png
from edge_runtime.files import write_atomic

_COLUMNS = 2
_COLORS = {"second cache": "#1f5fa8", "memory": "#c8651b"}
_SIZE = 900.0  # of a point that takes all the time, in square points


def draw(report: Report, path: Path) -> None:
    """Write the picture, a panel a network; layers that multiply nothing have no place in it."""
    rows = -(-len(report.networks) // _COLUMNS)
    figure = new_figure(5.6 * _COLUMNS, 0.6 + 4.2 * rows)
    panels = list(figure.subplots(rows, _COLUMNS, sharex=True, sharey=True, squeeze=False).flat)
    for axes, network in zip(panels, report.networks, strict=False):
        _panel(axes, report, network)
    for axes in panels[len(report.networks) :]:
        axes.remove()
    handles, names = next(iter(figure.axes)).get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3, fontsize=8.5, frameon=False)
    write_atomic(path, [to_png(figure)])


def _panel(axes: Any, report: Report, network: Network) -> None:
    """The roofs, the layers with their numbers in the table, and the whole."""
    multiplying = [(number, layer) for number, layer in enumerate(network.layers, 1) if layer.multiply_adds]
    positions = [network.whole, *(layer for _, layer in multiplying)]
    lowest, highest = (edge(each.intensity for each in positions) for edge in (min, max))
    span = np.geomspace(lowest / 3, highest * 3, 200)
    for where, color in _COLORS.items():
        roof = [report.roof(network, intensity, where=where) for intensity in span]
        axes.plot(span, roof, color=color, label=f"peak, and bandwidth of {where}")
    total = network.share_of_sum * network.whole.us
    for number, layer in multiplying:
        size = _SIZE * layer.times * layer.us / total
        axes.scatter(layer.intensity, layer.gmacs, s=max(size, 12), color="#777777", alpha=0.4)
        axes.annotate(str(number), (layer.intensity, layer.gmacs), ha="center", va="center", fontsize=8)
    axes.plot(network.whole.intensity, network.whole.gmacs, "*", color="black", markersize=11, label="the whole")
    share = network.whole.gmacs / report.peaks[network.kind].gmacs
    axes.set(xscale="log", yscale="log", title=f"{network.name}: {share:.0%} of peak")
    axes.set(xlabel="multiply-adds a byte", ylabel="billion multiply-adds a second")
    axes.grid(which="both", alpha=0.2)
