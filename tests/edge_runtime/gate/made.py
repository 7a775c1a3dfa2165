"""EvalReports made up for the gate: so many images right of each class, in so many sources."""

from collections.abc import Sequence
from typing import Any

from edge_runtime.report import EvalReport, Outcome, summarize

LABELS = ("A", "B", "C")
N = 1000  # images of each class


def made(
    *hits: int, n: int = N, sources: int | None = None, labels: Sequence[str] = LABELS, **changes: Any
) -> EvalReport:
    """The first `hits` of `n` images of each class are right, the others spread over the other classes.

    With `sources`, images that follow one another show one cell, so that the wrong ones are in few of them.
    """
    outcomes = [
        Outcome(f"{label}/{number}", label, answer(labels, row, number - hits[row]), changes.get("confidence", 0.9))
        for row, label in enumerate(labels)
        for number in range(n)
    ]
    groups = [f"{label}-{number * sources // n}" for label in labels for number in range(n)] if sources else None
    return summarize(
        outcomes,
        labels=labels,
        groups=groups,
        model={
            "file": "m.tflite",
            "sha256": f"model {hits} {sources}",
            "variant": "int8_qat",
            "view": "field",
            "size_bytes": 1000,
        }
        | changes.get("model", {}),
        data={"root": "d", "split": "TEST", "sha256": "same", "n": len(outcomes)} | changes.get("data", {}),
        provenance=changes.get("provenance", {"started": "2024-05-01T00:00:00Z"}),
    )


def answer(labels: Sequence[str], row: int, wrong: int) -> str:
    """The label itself, or in the place of the `wrong`th wrong image another one."""
    return labels[row] if wrong < 0 else labels[(row + 1 + wrong % (len(labels) - 1)) % len(labels)]
