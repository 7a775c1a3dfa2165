"""Choose how strongly the class prior of the sources is taken out of the logits, on held-out TRAIN images alone."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.metrics import confusion_matrix, one_against_rest
from train.cells import Indices

HeldOut = tuple[npt.NDArray[np.float32], Indices, npt.NDArray[np.float64]]
"""Unadjusted logits [n, classes], true classes [n] and log shares [classes] of one run."""

LOGITS_NAME = "held_out_logits.npz"  # in a run directory
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)  # as .npz ends that is none
STRENGTHS = np.round(np.arange(0, 5.01, 0.1), 1)


@dataclass(frozen=True)
class OperatingPoint:
    """Logits are lowered by `strength` times the log share of each class's sources.

    0 leaves them, 1 is the logit adjustment of Menon et al. 2021 (arXiv:2007.07314) for calibrated networks; one
    that is too sure of itself, as small networks are after many epochs, needs more. `lowest_tpr` and
    `balanced_accuracy` are what held-out images gave; None where none were.
    """

    strength: float
    lowest_tpr: float | None
    balanced_accuracy: float | None


def choose(
    logits: npt.NDArray[np.float32], classes: Indices, *, log_share: npt.NDArray[np.float64], fixed: float | None = None
) -> OperatingPoint:
    """The strength at which the class that is found worst is found best: the criterion is on every class's TPR.

    Args:
        logits: float32 [n, classes], unadjusted, of images whose sources the network never saw.
        classes: int64 [n], the true ones.
        log_share: float64 [classes], log of each class's share of the sources.
        fixed: this strength, and none other.

    Returns:
        The best of STRENGTHS; among equals the one of the higher balanced accuracy, then the smaller one.
    """
    return choose_for_all([(logits, classes, log_share)], fixed=fixed)


def choose_for_all(runs: Sequence[HeldOut], *, fixed: float | None = None) -> OperatingPoint:
    """As `choose`, by each class's TPR averaged over several runs: what one run says rests on a few cells."""
    strengths = STRENGTHS if fixed is None else [fixed]
    points = [_at(float(strength), runs) for strength in strengths]
    return max(points, key=lambda point: (point.lowest_tpr, point.balanced_accuracy, -point.strength))


def read_held_out(path: Path) -> HeldOut:
    """The held-out logits that a run left; LeukoliteError when the file is none."""
    try:
        with np.load(path) as stored:
            return stored["plain"], stored["classes"], stored["log_share"]
    except UNREADABLE as error:
        raise LeukoliteError(
            expected=f"the held-out logits of a finished run at {show(path)}",
            found=reason(error),
            remedy="name a run directory that `train float` or `train qat` wrote with blind towers",
        ) from error


def _at(strength: float, runs: Sequence[HeldOut]) -> OperatingPoint:
    """What one strength gives."""
    rates = np.mean([_sensitivities(strength, *run) for run in runs], axis=0)
    return OperatingPoint(strength, float(rates.min()), float(rates.mean()))


def _sensitivities(
    strength: float, logits: npt.NDArray[np.float32], classes: Indices, log_share: npt.NDArray[np.float64]
) -> list[float]:
    """Each class's TPR in one run; a class without images counts as found."""
    matrix = confusion_matrix(classes, (logits - strength * log_share).argmax(axis=1), classes=len(log_share))
    return [1.0 if rate.tpr is None else rate.tpr for rate in one_against_rest(matrix)]
