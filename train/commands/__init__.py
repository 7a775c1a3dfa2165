"""The commands of `python -m train`, a module for each group of them; `add` registers a module's commands."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.command import note
from edge_runtime.native import hushed

if TYPE_CHECKING:
    from edge_runtime.report import EvalReport
    from train.cluster import Cluster
    from train.distribution import Distribution

PROG = "train"
tell = partial(note, PROG)


def start(strategy: str | None = None, cluster: "Cluster | None" = None) -> "Distribution":
    """Start TensorFlow, quietly; with a strategy on all that is to take part."""
    with hushed():
        from train.keras_guard import require_tf_keras

        require_tf_keras()
        from train import stages  # noqa: F401 - what it imports speaks too
        from train.machine import use_cores

        return use_cores(strategy, cluster)


def say_held_out(out: Path, report: "EvalReport | None") -> None:
    """Print where a run is and its held-out figure."""
    if report:
        print(f"{out}: held-out balanced accuracy {report.balanced_accuracy:.4f} on {report.n} images")
    else:
        print(f"{out}: nothing held out; `python -m train crossval` judges the recipe")
