"""Two EvalReports brought together image by image. What cannot be compared is refused here, and nowhere else."""

import math
import time
from calendar import timegm
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.metrics import Counts, Rates, confusion_matrix, one_against_rest
from edge_runtime.report import EvalReport, Outcome

Indices = npt.NDArray[np.int64]

# Clocks that nobody sets are minutes apart; what is later than that was not measured yet.
CLOCK_SKEW_S = 600.0
_SAME = 1e-9  # an accuracy is a quotient of whole numbers, and JSON keeps all its digits


@dataclass(frozen=True)
class Pairs:
    """Both models' answers to the same images, in the candidate's order.

    `classes`, `candidate` and `reference` are int64 [n], numbers of labels, -1 where a model gave none; the confidences
    are float64 [n], 0 to 1, of the predicted label. `groups` are int64 [n], None where nobody knows which images show
    the same cell. `same_model` is whether both reports are of one file.
    """

    labels: tuple[str, ...]
    paths: Sequence[str]
    classes: Indices
    candidate: Indices
    reference: Indices
    candidate_confidence: npt.NDArray[np.float64]
    reference_confidence: npt.NDArray[np.float64]
    groups: Indices | None
    same_model: bool

    @property
    def n(self) -> int:
        """How many images."""
        return len(self.classes)


def pair(candidate: EvalReport, reference: EvalReport) -> Pairs:
    """Bring the predictions together; raises LeukoliteError where that would compare apples with pears."""
    _check_alike(candidate, reference)
    if len(candidate.labels) < 2:
        raise _unlike("at least two classes, one to be told from the other", ", ".join(map(show, candidate.labels)))
    for role, report in (("candidate", candidate), ("reference", reference)):
        _check_sound(report, role=role)
    labels = tuple(candidate.labels)
    other = {outcome.path: outcome for outcome in reference.predictions}
    rows = list(candidate.predictions)
    mates = [other.get(row.path) for row in rows]
    if any(mate is None or mate.true != row.true for mate, row in zip(mates, rows, strict=True)):
        raise _unlike("the same images under the same classes in both reports", "others")
    known = [mate for mate in mates if mate is not None]
    return Pairs(
        labels=labels,
        paths=[row.path for row in rows],
        classes=_numbers([row.true for row in rows], labels),
        candidate=_numbers([row.predicted for row in rows], labels),
        reference=_numbers([row.predicted for row in known], labels),
        candidate_confidence=_confidences(rows),
        reference_confidence=_confidences(known),
        groups=_groups(rows, known),
        same_model=candidate.model["sha256"] == reference.model["sha256"],
    )


def _check_alike(candidate: EvalReport, reference: EvalReport) -> None:
    """The same labels, images and view, by what the reports say of themselves."""
    pairs = (
        ("labels", list(candidate.labels), list(reference.labels)),
        ("data digest", candidate.data.get("sha256"), reference.data.get("sha256")),
        ("number of images", candidate.n, reference.n),
        ("view", candidate.model.get("view", "unknown"), reference.model.get("view", "unknown")),
    )
    for name, found, wanted in pairs:
        if not wanted or found != wanted:
            raise _unlike(f"the reference's {name} {wanted} in the candidate's report", str(found))


def _check_sound(report: EvalReport, *, role: str) -> None:
    """Every class has images, and the figures are those of the predictions: no NaN, no gap, no slip of a hand."""
    shown = {row.true for row in report.predictions}
    for label in report.labels:
        if label not in report.per_class or label not in shown:
            raise LeukoliteError(
                expected=f"images of every class in the {role}'s report",
                found=f"none of {show(label)}",
                remedy="evaluate on images of every class",
            )
    _check_counts(report, role=role)
    if len({row.path for row in report.predictions}) < report.n:
        raise _unsound(role, "an image twice")
    if not all(row.confidence is None or _is_share(row.confidence) for row in report.predictions):
        raise _unsound(role, "a confidence that is none")
    _check_clock(report, role=role)


def _check_counts(report: EvalReport, *, role: str) -> None:
    """What the report says of its predictions is what they say themselves."""
    true, predicted = (
        _numbers([getattr(row, name) for row in report.predictions], report.labels) for name in ("true", "predicted")
    )
    matrix = confusion_matrix(true, predicted, classes=len(report.labels))
    figures = {
        "n": (report.n, int(matrix.sum())),
        "n_errors": (report.n_errors, int(matrix[:, -1].sum())),
        "confusion_matrix": (report.confusion_matrix, matrix[:, :-1].tolist()),
        "per_class": ([_counts(report.per_class[label]) for label in report.labels], _all_counts(matrix)),
    }
    for name, (said, counted) in figures.items():
        if said != counted:
            raise _unsound(role, f"another {name} than that of its predictions")
    accuracy = float((true == predicted).mean())
    if not isinstance(report.accuracy, int | float) or not abs(report.accuracy - accuracy) <= _SAME:
        raise _unsound(role, f"accuracy {report.accuracy}, where its predictions give {accuracy:.4f}")


def _all_counts(matrix: Counts) -> list[tuple[float | None, ...]]:
    """Of every class."""
    return [_counts(rates) for rates in one_against_rest(matrix)]


def _counts(rates: Rates) -> tuple[float | None, ...]:
    """What a class's rates are made of, and they themselves; not their intervals."""
    return (rates.n, rates.tp, rates.fp, rates.fn, rates.tn, rates.tpr, rates.tnr)


def _check_clock(report: EvalReport, *, role: str) -> None:
    """A report from the future: one of two clocks is wrong, and nothing tells which report is the newer one."""
    started = report.provenance.get("started")
    if started is None:
        return
    try:
        at = timegm(time.strptime(started, "%Y-%m-%dT%H:%M:%SZ"))
    except (TypeError, ValueError) as error:
        raise _unsound(role, f"the time {started!r}") from error
    if at > time.time() + CLOCK_SKEW_S:
        raise LeukoliteError(
            expected=f"a {role}'s report of the past",
            found=f"one that was begun at {started}, which is to come",
            remedy="set the clocks of both machines, and evaluate again",
        )


def _groups(rows: Sequence[Outcome], mates: Sequence[Outcome]) -> Indices | None:
    """The group of each image, from whichever report knows; LeukoliteError where they contradict one another."""
    names = [row.group if row.group is not None else mate.group for row, mate in zip(rows, mates, strict=True)]
    if any(mate.group not in (None, name) for mate, name in zip(mates, names, strict=True)):
        raise _unlike("the same groups of images in both reports", "others")
    if all(name is None for name in names):
        return None
    missing = sum(name is None for name in names)
    if missing:
        raise _unlike(f"the group of each of {len(names)} images in the reports", f"none for {missing}")
    return np.unique(np.array(names, str), return_inverse=True)[1].astype(np.int64)


def _numbers(names: Sequence[str | None], labels: Sequence[str]) -> Indices:
    """Labels as numbers, -1 for None; LeukoliteError for one that is none."""
    index: dict[str | None, int] = {None: -1, **{label: number for number, label in enumerate(labels)}}
    unknown = next((name for name in names if name not in index), None)
    if unknown is not None:
        raise _unlike(f"predictions among the labels {', '.join(map(show, labels))}", show(unknown))
    return np.array([index[name] for name in names], np.int64)


def _confidences(rows: Sequence[Outcome]) -> npt.NDArray[np.float64]:
    """Confidences, 0 where there is none."""
    return np.array([row.confidence or 0.0 for row in rows], float)


def _is_share(value: object) -> bool:
    """A number from 0 to 1."""
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1


def _unlike(expected: str, found: str) -> LeukoliteError:
    """Reports that are not about the same."""
    return LeukoliteError(
        expected=expected, found=found, remedy="evaluate both models on the same images with the same --groups"
    )


def _unsound(role: str, found: str) -> LeukoliteError:
    """A report that contradicts itself."""
    return LeukoliteError(
        expected=f"figures in the {role}'s report that follow from its predictions",
        found=found,
        remedy="make it again with `leukolite evaluate`",
    )
