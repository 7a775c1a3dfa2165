"""What is gained by not answering: accuracy over coverage, beside the figures in which every image counts."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.99, 1.0)


def coverage_curve(
    confidence: npt.ArrayLike, right: npt.ArrayLike, *, shares: npt.ArrayLike | None = None
) -> tuple[dict[str, float], ...]:
    """How accurate the surest answers are, for each of COVERAGES: `coverage`, `threshold` and `accuracy`.

    Equal confidences are answered together, so that coverage may be above the one asked for.

    Args:
        confidence: float [n], 0 to 1; n at least 1. right: bool [n].
        shares: float [n], how much each counts; all the same by default.
    """
    sure, hits = np.asarray(confidence, np.float64), np.asarray(right, np.float64)
    weights = np.ones(len(sure)) if shares is None else np.asarray(shares, np.float64)
    order = np.argsort(-sure, kind="stable")
    reached = np.cumsum(weights[order]) / weights.sum()
    points = []
    for wanted in COVERAGES:
        last = min(int(np.searchsorted(reached, wanted - 1e-9)), len(sure) - 1)  # sums are right to about that
        threshold = float(sure[order[last]])
        answered = sure >= threshold
        covered = weights[answered].sum()
        points.append(
            {
                "coverage": float(covered / weights.sum()),
                "threshold": threshold,
                "accuracy": float(weights[answered] @ hits[answered] / covered),
            }
        )
    return tuple(points)


def selective(
    confidence: Sequence[float | None],
    right: Sequence[bool],
    *,
    answered: Sequence[bool],
    reasons: Sequence[str | None],
    threshold: float,
) -> dict[str, Any]:
    """The part of an EvalReport that says how it is when the model may abstain.

    Args:
        confidence: of each image's most probable class; None where it got none.
        right: whether that is the true class.
        answered: whether a user would have got a label.
        reasons: why not, where that is no matter of confidence.
        threshold: the confidence below which none is given.
    """
    hits, given = np.asarray(right, bool), np.asarray(answered, bool)
    return {
        "threshold": threshold,
        "coverage": float(given.mean()) if len(given) else None,
        "accuracy": float(hits[given].mean()) if given.any() else None,
        "refused": dict(sorted(Counter(filter(None, reasons)).items())),
        "curve": list(coverage_curve([each or 0.0 for each in confidence], hits)) if len(hits) else [],
    }
