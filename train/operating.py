"""Choose how strongly the class prior of the sources is taken out of the logits, on held-out TRAIN images alone."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.metrics import confusion_matrix, one_against_rest
from train.cells import Indices

STRENGTHS = np.round(np.arange(0, 4.01, 0.1), 1)


@dataclass(frozen=True)
class OperatingPoint:
    """Logits are lowered by `strength` times the log share of each class's sources.

    0 leaves them, 1 is the logit adjustment of Menon et al. 2021 (arXiv:2007.07314) for calibrated networks; one
    that is too sure of itself, as small networks are after many epochs, needs more. `lowest_tpr` and
    `balanced_accuracy` are what held-out images gave.
    """

    strength: float
    lowest_tpr: float
    balanced_accuracy: float


def choose(logits: npt.NDArray[np.float32], classes: Indices, *, log_share: npt.NDArray[np.float64]) -> OperatingPoint:
    """The strength at which the class that is found worst is found best: the criterion is on every class's TPR.

    Args:
        logits: float32 [n, classes], unadjusted, of images whose sources the network never saw.
        classes: int64 [n], the true ones.
        log_share: float64 [classes], log of each class's share of the sources.

    Returns:
        The best of STRENGTHS; among equals the one of the higher balanced accuracy, then the smaller one.
    """
    points = [_at(float(strength), logits, classes, log_share) for strength in STRENGTHS]
    return max(points, key=lambda point: (point.lowest_tpr, point.balanced_accuracy, -point.strength))


def _at(
    strength: float, logits: npt.NDArray[np.float32], classes: Indices, log_share: npt.NDArray[np.float64]
) -> OperatingPoint:
    """What one strength gives."""
    matrix = confusion_matrix(classes, (logits - strength * log_share).argmax(axis=1), classes=len(log_share))
    rates = [rate.tpr for rate in one_against_rest(matrix) if rate.tpr is not None]
    return OperatingPoint(strength, min(rates), float(np.mean(rates)))
