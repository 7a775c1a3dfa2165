"""What each epoch gave, as CSV, and drawn as curves."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from edge_runtime.files import write_atomic

HISTORY_NAME = "history.csv"
CURVES_NAME = "curves.png"


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; rates are 0 to 1, the learning rate is the one that the epoch began with.

    The held-out figures are of the averaged weights, on a balanced sample.
    """

    epoch: int
    seconds: float
    images_per_s: float
    learning_rate: float
    loss: float
    accuracy: float
    held_out_balanced_accuracy: float
    held_out_lowest_tpr: float

    def describe(self, epochs: int) -> str:
        """One line for the terminal."""
        return (
            f"epoch {self.epoch}/{epochs}: {self.seconds:.0f} s, {self.images_per_s:.0f} images/s, "
            f"loss {self.loss:.4f}, accuracy {self.accuracy:.4f}, held out: balanced accuracy "
            f"{self.held_out_balanced_accuracy:.4f}, lowest TPR {self.held_out_lowest_tpr:.4f}"
        )


def read_history(directory: Path) -> list[Epoch]:
    """The epochs written so far; none where there is no history."""
    path = directory / HISTORY_NAME
    if not path.is_file():
        return []
    with path.open(newline="") as stream:
        return [
            Epoch(epoch=int(row.pop("epoch")), **{k: float(v) for k, v in row.items()})
            for row in csv.DictReader(stream)
        ]


def write_history(directory: Path, history: Sequence[Epoch]) -> None:
    """Write all epochs as CSV."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, [field.name for field in fields(Epoch)], lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(epoch) for epoch in history)
    write_atomic(directory / HISTORY_NAME, [buffer.getvalue().encode()])


def draw_curves(directory: Path, history: Sequence[Epoch]) -> None:
    """Loss, accuracy and held-out figures against the epoch, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    numbers = [epoch.epoch for epoch in history]
    left.plot(numbers, [epoch.loss for epoch in history], marker="o", label="training loss")
    left.set(xlabel="epoch", ylabel="cross-entropy", yscale="log")
    right.plot(numbers, [epoch.accuracy for epoch in history], marker="o", label="training accuracy")
    right.plot(numbers, [e.held_out_balanced_accuracy for e in history], marker="o", label="held-out balanced accuracy")
    right.plot(numbers, [epoch.held_out_lowest_tpr for epoch in history], marker="o", label="held-out lowest TPR")
    right.set(xlabel="epoch", ylabel="share", ylim=(0, 1.02))
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    write_atomic(directory / CURVES_NAME, [buffer.getvalue()])
