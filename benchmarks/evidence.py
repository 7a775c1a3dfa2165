"""The files behind a summary, read and checked against one another: figures of different models must not mix."""

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.config import FLOAT32, INT8
from benchmarks.latency import Suite, load_suite
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.gate import OVERALL, Rule, Verdict
from edge_runtime.groups import Groups, read_groups
from edge_runtime.report import EvalReport, load_report

StrPath = str | os.PathLike[str]

_SAME = 1e-9  # the verdict repeats the report's accuracy digit for digit; JSON keeps all of them


@dataclass(frozen=True)
class Evidence:
    """What the summary tells of: both evaluations, the gate's verdict, the suite's run and the training's epochs."""

    int8: EvalReport
    float32: EvalReport
    verdict: Verdict
    suite: Suite
    history: Sequence[Mapping[str, str]]
    groups: Groups | None = None

    @property
    def reports(self) -> dict[str, EvalReport]:
        """The evaluations by role."""
        return {INT8: self.int8, FLOAT32: self.float32}


def gather(
    *,
    int8: StrPath,
    float32: StrPath,
    verdict: StrPath,
    results: StrPath,
    history: StrPath | None = None,
    groups: StrPath | None = None,
) -> Evidence:
    """Read everything; LeukoliteError when a file is not what it should be, or is about something else."""
    evidence = Evidence(
        int8=_evaluation(int8, role=INT8),
        float32=_evaluation(float32, role=FLOAT32),
        verdict=load_verdict(verdict),
        suite=load_suite(results),
        history=read_history(history) if history else (),
        groups=read_groups(groups) if groups else None,
    )
    _check_same_data(evidence)
    _check_same_models(evidence, results=results)
    _check_verdict(evidence, verdict=verdict)
    return evidence


def load_verdict(path: StrPath) -> Verdict:
    """Read what `leukolite gate --json` wrote."""
    fields = read_json(path, what="a gate verdict")
    try:
        # A verdict from before rules said how many sources would settle them has no such field.
        rules = [
            Rule(**{name: rule[name] for name in Rule.__dataclass_fields__ if name in rule}) for rule in fields["rules"]
        ]
        if not rules or not isinstance(fields["verdict"], str):
            raise ValueError("no rules")
    except (KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"a gate verdict at {show(path)}",
            found=reason(error),
            remedy="make it again with `leukolite gate --json`",
        ) from error
    return Verdict(verdict=fields["verdict"], rules=tuple(rules))


def read_history(path: StrPath) -> list[dict[str, str]]:
    """The rows of a training's history (CSV with a header), in order."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except (OSError, ValueError, csv.Error) as error:
        raise LeukoliteError(
            expected=f"a training history (CSV) at {show(path)}", found=reason(error), remedy="check the path"
        ) from error
    if not rows or any(None in row or None in row.values() for row in rows):
        raise LeukoliteError(
            expected=f"a training history (CSV with a header and a line an epoch) at {show(path)}",
            found="lines that do not fit the header" if rows else "no epoch",
            remedy="name the history.csv of a finished training",
        )
    return rows


def load_evaluation(path: StrPath) -> EvalReport:
    """Read an EvalReport, and check what tables and pictures need: figures of every class, and an accuracy."""
    report = load_report(path)
    try:
        _check_figures(report)
    except (KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"an EvalReport with the figures of every class at {show(path)}",
            found=reason(error),
            remedy="make it again with `leukolite evaluate`",
        ) from error
    return report


def _evaluation(path: StrPath, *, role: str) -> EvalReport:
    """The EvalReport of a role; one of the other variant is refused."""
    report = load_evaluation(path)
    variant = str(report.model.get("variant"))
    if not variant.startswith(role):
        raise LeukoliteError(
            expected=f"an EvalReport of a model of variant {role} at {show(path)}",
            found=f"one of variant {variant}",
            remedy="name the report of that model",
        )
    return report


def _check_figures(report: EvalReport) -> None:
    """Raise ValueError, KeyError or TypeError for what load_report takes on trust."""
    if report.accuracy is None or not 0 <= report.accuracy <= 1:
        raise ValueError(f"accuracy {report.accuracy} of {report.n} images")
    shape = np.asarray(report.confusion_matrix, np.int64).shape
    if shape != (len(report.labels), len(report.labels)):
        raise ValueError(f"a confusion matrix of {shape} for {len(report.labels)} classes")
    for label in report.labels:
        _ = report.per_class[label]
        if report.groups is not None:
            _ = [report.groups["per_class"][label][name] for name in ("n", "tpr_ci95", "tnr_ci95")]
    if report.groups is not None:
        _ = report.groups["n"], report.groups["accuracy_ci95"]


def _check_same_data(evidence: Evidence) -> None:
    """Two models are compared on the same images and classes, or not at all."""
    one, other = evidence.int8, evidence.float32
    if one.data["sha256"] != other.data["sha256"] or list(one.labels) != list(other.labels):
        raise LeukoliteError(
            expected="both EvalReports on the same images and classes",
            found=f"data {str(one.data['sha256'])[:12]} and {str(other.data['sha256'])[:12]}",
            remedy="evaluate both models on one data set",
        )


def _check_same_models(evidence: Evidence, *, results: StrPath) -> None:
    """The models that were evaluated must have been timed, and no others under their names."""
    timed_roles = {measurement.role for measurement in evidence.suite.measurements}
    if missing := [role for role in evidence.reports if role not in timed_roles]:
        raise LeukoliteError(
            expected=f"latencies of the models {' and '.join(evidence.reports)} in {show(results)}",
            found=f"none of {' and '.join(missing)}",
            remedy="run `python -m benchmarks run` with --int8 and --float32",
        )
    for measurement in evidence.suite.measurements:
        if measurement.role not in evidence.reports:
            continue
        timed, evaluated = measurement.about["model_sha256"], evidence.reports[measurement.role].model["sha256"]
        if timed != evaluated:
            raise LeukoliteError(
                expected=f"latencies of the {measurement.role} model {str(evaluated)[:12]} in {show(results)}",
                found=f"those of {str(timed)[:12]}",
                remedy="run `python -m benchmarks run` with the models that were evaluated",
            )


def _check_verdict(evidence: Evidence, *, verdict: StrPath) -> None:
    """The verdict names no model; the accuracy that it saw must be the report's."""
    seen = [rule.observed for rule in evidence.verdict.rules if (rule.name, rule.label) == ("min_accuracy", OVERALL)]
    accuracy = evidence.int8.accuracy
    if any(value is not None and accuracy is not None and abs(value - accuracy) > _SAME for value in seen):
        raise LeukoliteError(
            expected=f"a verdict on the int8 report, accuracy {accuracy:.4f}, at {show(verdict)}",
            found=f"one on accuracy {seen[0]:.4f}",
            remedy="run `leukolite gate` on these reports",
        )
