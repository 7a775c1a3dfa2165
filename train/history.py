"""What each epoch gave, as CSV, and drawn as curves."""

import csv
import io
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edge_runtime import figures
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic
from edge_runtime.memory import PROC, read_kb

HISTORY_NAME = "history.csv"
CURVES_NAME = "curves.png"

Tpr = Mapping[str, float | None]

_BY_CLASS = ("tpr", "held_out_tpr")  # a column a class, its name behind this prefix
_NAMED = 8  # curves that can be told apart


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; rates and shares are 0 to 1, the learning rate is the one that the epoch began with.

    `input_wait_share` is the part of the time in which training waited for images. A class without images has the
    rate None. The held-out figures are of the averaged weights, on a balanced sample; None where nothing is held out.
    A figure that an older history.csv lacks is NaN, or an empty mapping.
    """

    epoch: int
    seconds: float
    images_per_s: float
    input_wait_share: float
    learning_rate: float
    loss: float
    accuracy: float
    tpr: Tpr
    held_out_balanced_accuracy: float | None
    held_out_lowest_tpr: float | None
    held_out_tpr: Tpr
    peak_rss_mb: float

    def describe(self, epochs: int) -> str:
        """One line for the terminal."""
        held_out = "nothing held out"
        if self.held_out_balanced_accuracy is not None:
            held_out = (
                f"held out: balanced accuracy {self.held_out_balanced_accuracy:.4f}, "
                f"lowest TPR {self.held_out_lowest_tpr:.4f}{self._worst()}"
            )
        return (
            f"epoch {self.epoch}/{epochs}: {self.seconds:.0f} s, {self.images_per_s:.0f} images/s "
            f"({self.input_wait_share:.0%} waiting), loss {self.loss:.4f}, accuracy {self.accuracy:.4f}, {held_out}"
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return {name: dict(value) if name in _BY_CLASS else value for name, value in vars(self).items()}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Epoch":
        """The epoch that `to_json` gave."""
        return cls(**state)

    def _worst(self) -> str:
        """The class with the lowest held-out rate, in brackets."""
        rates = {label: rate for label, rate in self.held_out_tpr.items() if rate is not None}
        return f" ({show(min(rates, key=lambda label: rates[label]))})" if rates else ""


def peak_rss_mb() -> float:
    """The most memory that this process has held at once, in MB of 10^6 bytes."""
    # getrusage counts the process that started this one as well, where that was larger.
    peak_kb = read_kb(PROC / "self" / "status", "VmHWM")
    if peak_kb is not None:
        return peak_kb * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def read_history(directory: Path) -> list[Epoch]:
    """The epochs written so far; none where there is no history. LeukoliteError where the file is none of ours."""
    path = directory / HISTORY_NAME
    if not path.is_file():
        return []
    try:
        with path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            return [_from_row(row) for row in csv.DictReader(stream, strict=True)]
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise LeukoliteError(
            expected=f"the history of a training (CSV) at {show(path)}",
            found=reason(error),
            remedy="remove the file, or give another --out",
        ) from error


def write_history(directory: Path, history: Sequence[Epoch]) -> None:
    """Write all epochs as CSV: a column a figure, then one a class for the rates."""
    single = [field.name for field in fields(Epoch) if field.name not in _BY_CLASS]
    by_class = dict.fromkeys(f"{name}_{label}" for name in _BY_CLASS for e in history for label in getattr(e, name))
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [*single, *by_class], lineterminator="\n")
    writer.writeheader()
    for epoch in history:
        row = epoch.to_json()
        rates = {f"{name}_{label}": rate for name in _BY_CLASS for label, rate in row.pop(name).items()}
        writer.writerow(row | rates)
    write_atomic(directory / HISTORY_NAME, [buffer.getvalue().encode("utf-8", "surrogateescape")])


def _from_row(row: dict[str | Any, str | Any]) -> Epoch:
    """An epoch from its line of the CSV; ValueError or KeyError where that is none."""
    if None in row:  # where csv puts what no column is there for
        raise ValueError("lines that do not fit the header")
    values: dict[str, Any] = {"epoch": int(row["epoch"])}
    for field in fields(Epoch)[1:]:
        if field.name in _BY_CLASS:
            prefix = f"{field.name}_"
            own = {name.removeprefix(prefix): text for name, text in row.items() if name.startswith(prefix)}
            values[field.name] = {label: float(text) if text else None for label, text in own.items()}
        else:
            values[field.name] = float(row.get(field.name) or "nan")
    return Epoch(**values)


def draw_curves(directory: Path, history: Sequence[Epoch]) -> None:
    """Loss, rates, the held-out rate of each class and the learning rate against the epoch, as PNG."""
    figure = figures.new_figure(11, 7.2)
    (loss, shares), (by_class, learning_rate) = figure.subplots(2, 2, sharex=True)
    numbers = [epoch.epoch for epoch in history]

    def plot(axes: Any, values: Sequence[float | None], **style: Any) -> None:
        axes.plot(numbers, [float("nan") if value is None else value for value in values], marker="o", ms=3, **style)

    plot(loss, [epoch.loss for epoch in history], label="training")
    loss.set(title="loss", ylabel="cross-entropy", yscale="log")
    plot(shares, [epoch.accuracy for epoch in history], label="training accuracy")
    plot(shares, [e.held_out_balanced_accuracy for e in history], label="held-out balanced accuracy")
    plot(shares, [epoch.held_out_lowest_tpr for epoch in history], label="held-out lowest TPR")
    shares.set(title="training and held out", ylabel="share", ylim=(0, 1.02))
    for label, style in _styles(history[-1].held_out_tpr if history else {}).items():
        plot(by_class, [epoch.held_out_tpr.get(label) for epoch in history], **style)
    by_class.set(title="held-out TPR of each class", xlabel="epoch", ylabel="share", ylim=(0, 1.02))
    plot(learning_rate, [epoch.learning_rate for epoch in history])
    learning_rate.set(title="learning rate at the start of the epoch", xlabel="epoch", ylim=(0, None))
    for axes in (loss, shares, by_class, learning_rate):
        axes.grid(alpha=0.3)
        axes.xaxis.get_major_locator().set_params(integer=True)
    for axes in (shares, by_class):
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=8)
    write_atomic(directory / CURVES_NAME, [figures.to_png(figure)])


def _styles(latest: Tpr) -> dict[str, dict[str, Any]]:
    """How each class's curve is drawn: named and coloured, of many classes those with the lowest rates only."""
    lowest = sorted(latest, key=lambda label: 1.0 if (rate := latest[label]) is None else rate)[:_NAMED]
    colors = {label: f"C{number}" for number, label in enumerate(label for label in latest if label in lowest)}
    others = [label for label in latest if label not in lowest]
    # matplotlib takes a name that begins with an underscore for its own.
    names = {label: figures.shorten(f" {label}" if label.startswith("_") else label) for label in colors}
    styles = {label: {"label": names[label], "color": color} for label, color in colors.items()}
    pale: dict[str, dict[str, Any]] = {label: {"color": "lightgray", "zorder": 1} for label in others}
    if others:
        pale[others[0]]["label"] = f"{len(others)} others, now higher"
    return styles | pale
