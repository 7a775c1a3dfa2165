"""EvalReport: how a model did on labelled images, as a file that the gate and the README's tables read."""

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from edge_runtime import metrics, resampling
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import fields_of, read_json, write_json
from edge_runtime.seal import SEAL, is_whole, sealed

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """One image's row: `predicted` and `confidence` (0 to 1) are None where it was unreadable or showed no cell.

    `group` names the images that show the same cell, where that is known.
    """

    path: str
    true: str
    predicted: str | None
    confidence: float | None
    group: str | None = None


@dataclass(frozen=True)
class EvalReport:
    """Figures of one model on one data set; CONTRACT.md names the fields.

    `n` counts every labelled image: one without an answer, because it could not be read or shows no stained cell to a
    model of the cell view, counts among `n_errors` and as missed.
    `confusion_matrix` has rows true and columns predicted, so that its sum is n - n_errors.
    A rate without samples is None. `groups` repeats the rates with intervals from resampling whole groups.
    All of these take each image's most probable class for its answer, however sure the model is. `selective` says how
    it is when the model may abstain (edge_runtime/selective.py); None where nobody asked.
    """

    schema_version: int
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    labels: Sequence[str]
    n: int
    n_errors: int
    accuracy: float | None
    balanced_accuracy: float | None
    macro_f1: float | None
    ece: float | None
    confusion_matrix: Sequence[Sequence[int]]
    per_class: Mapping[str, metrics.Rates]
    groups: Mapping[str, Any] | None
    predictions: Sequence[Outcome]
    provenance: Mapping[str, Any]
    selective: Mapping[str, Any] | None = None

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "EvalReport":
        """Read and check what `to_json` wrote; raises LeukoliteError when it is not a whole EvalReport."""
        if fields.get("schema_version") != SCHEMA_VERSION:
            raise LeukoliteError(
                expected=f"an EvalReport of schema {SCHEMA_VERSION}",
                found=f"schema {fields.get('schema_version')!r}",
                remedy="make it again with `leukolite evaluate`",
            )
        try:
            known = {name: fields[name] for name in cls.__dataclass_fields__ if name != "selective"}
            known["selective"] = fields.get("selective")
            known["labels"] = tuple(known["labels"])
            if not all(isinstance(label, str) for label in known["labels"]):
                raise ValueError("labels that are not text")
            _check_counts(known["n"], known["n_errors"])
            known["per_class"] = {label: _read_rates(rates) for label, rates in known["per_class"].items()}
            known["predictions"] = tuple(_read_outcome(row) for row in known["predictions"])
            for part in ("data", "model"):
                _ = known[part]["sha256"]  # a report that does not say on what proves nothing
            if not isinstance(known["provenance"], Mapping):
                raise ValueError("a provenance that is no object")
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise LeukoliteError(
                expected="an EvalReport with all its fields valid",
                found=reason(error),
                remedy="make it again with `leukolite evaluate`",
            ) from error
        return cls(**known)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON, atomically, with a digest over all of it (edge_runtime/seal.py)."""
        write_json(path, sealed(fields_of(self)))  # what `to_json` gives, without a copy of every prediction


def _read_outcome(fields: Mapping[str, Any]) -> Outcome:
    """One image's row from JSON."""
    row = Outcome(**fields)
    named, known = (row.path, row.true), (row.predicted, row.group)
    if not all(isinstance(each, str) for each in named) or not all(isinstance(each, str | None) for each in known):
        raise ValueError(f"a prediction of {str(fields)[:80]}")
    return row


def _read_rates(fields: Mapping[str, Any]) -> metrics.Rates:
    """One class's rates from JSON, where tuples are lists; an interval that is no two numbers becomes None."""
    rates = metrics.Rates(**fields)
    _check_counts(rates.n, rates.tp, rates.fp, rates.fn, rates.tn)
    return replace(rates, tpr_ci95=_read_interval(rates.tpr_ci95), tnr_ci95=_read_interval(rates.tnr_ci95))


def _read_interval(value: Sequence[float] | None) -> metrics.Interval | None:
    """Two finite numbers, or None."""
    if value is None:
        return None
    low, high = (float(end) for end in value)
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def _check_counts(*counts: object) -> None:
    """Raise ValueError unless all are whole numbers from 0."""
    for count in counts:
        if not isinstance(count, int) or isinstance(count, bool) or count < 0:
            raise ValueError(f"a count of {count!r}")


def load_report(path: str | os.PathLike[str], *, must_be_sealed: bool = False) -> EvalReport:
    """Read an EvalReport; the error of a bad file names it.

    Raises LeukoliteError as well when the file is no longer what its digest says. Reports from before there were
    digests have none, and are refused only where one `must_be_sealed`.
    """
    fields = read_json(path, what="an EvalReport")
    if (SEAL in fields or must_be_sealed) and not is_whole(fields):
        raise LeukoliteError(
            expected=f"an EvalReport at {show(path)} as `leukolite evaluate` left it, by the digest inside",
            found="another content" if SEAL in fields else "one without a digest",
            remedy="make it again with `leukolite evaluate`",
        )
    try:
        return EvalReport.from_json(fields)
    except LeukoliteError as error:
        raise LeukoliteError(
            expected=f"an EvalReport at {show(path)}", found=str(error).partition("; ")[0], remedy="make it again"
        ) from error


def summarize(
    outcomes: Sequence[Outcome],
    *,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    provenance: Mapping[str, Any],
    selective: Mapping[str, Any] | None = None,
) -> EvalReport:
    """The report of some outcomes; `groups` names each outcome's group, in the same order."""
    if groups is not None:
        outcomes = [replace(outcome, group=group) for outcome, group in zip(outcomes, groups, strict=True)]
    index = {label: number for number, label in enumerate(labels)}
    true = np.array([index[outcome.true] for outcome in outcomes], np.int64)
    predicted = np.array([index.get(outcome.predicted or "", -1) for outcome in outcomes], np.int64)
    matrix = metrics.confusion_matrix(true, predicted, classes=len(labels))
    rates = metrics.one_against_rest(matrix)
    sensitivities = [rate.tpr for rate in rates if rate.tpr is not None]
    read = predicted >= 0
    confidence = np.array([outcome.confidence or 0.0 for outcome in outcomes])
    return EvalReport(
        schema_version=SCHEMA_VERSION,
        model=model,
        data=data,
        labels=tuple(labels),
        n=len(outcomes),
        n_errors=int((~read).sum()),
        accuracy=float((true == predicted).mean()) if outcomes else None,
        balanced_accuracy=float(np.mean(sensitivities)) if sensitivities else None,
        macro_f1=metrics.macro_f1(matrix),
        ece=metrics.expected_calibration_error(confidence[read], (true == predicted)[read]),
        confusion_matrix=matrix[:, :-1].tolist(),
        per_class=dict(zip(labels, rates, strict=True)),
        groups=None if groups is None or not outcomes else _by_group(true, predicted, groups, labels=labels),
        predictions=tuple(outcomes),
        provenance=provenance,
        selective=selective,
    )


def summary(report: EvalReport) -> dict[str, Any]:
    """The part of an EvalReport that fits a card."""
    return {
        "split": report.data["split"],
        "data_sha256": report.data["sha256"],
        "n": report.n,
        "n_errors": report.n_errors,
        "accuracy": report.accuracy,
        "accuracy_ci95_by_source": None if report.groups is None else report.groups["accuracy_ci95"],
        "balanced_accuracy": report.balanced_accuracy,
        "per_class": {
            label: {"n": rates.n, "tpr": rates.tpr, "tnr": rates.tnr} for label, rates in report.per_class.items()
        },
    }


def _by_group(
    true: metrics.Counts, predicted: metrics.Counts, groups: Sequence[str], *, labels: Sequence[str]
) -> dict[str, Any]:
    """The rates of all images with 95 % intervals from resampling groups, and how many groups stand behind each."""
    names, numbers = np.unique(np.asarray(groups), return_inverse=True)
    matrices = metrics.by_group(true, predicted, numbers.astype(np.int64), classes=len(labels))
    rates = metrics.one_against_rest(matrices.sum(axis=0))
    drawn = metrics.cluster_bootstrap(matrices)
    return {
        "n": len(names),
        "resamples": resampling.RESAMPLES,
        "seed": resampling.RESAMPLING_SEED,
        "accuracy": float((true == predicted).mean()),
        "accuracy_ci95": drawn.accuracy_ci95,
        "per_class": {
            label: {
                "n": int((matrices[:, c].sum(axis=1) > 0).sum()),
                "tpr": rates[c].tpr,
                "tpr_ci95": drawn.tpr_ci95[c],
                "tnr": rates[c].tnr,
                "tnr_ci95": drawn.tnr_ci95[c],
            }
            for c, label in enumerate(labels)
        },
    }
