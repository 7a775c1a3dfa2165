"""Where accuracy goes between the trained network and the device: figures of each stage, and of the steps between."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from convert.stages import FLOAT32, INT8, KERAS_FLOAT, KERAS_QAT, REFERENCE, STAGES
from edge_runtime.metrics import Interval, wilson
from edge_runtime.model import Probabilities
from edge_runtime.paired import Differences, Indices, McNemar, differences, mcnemar
from edge_runtime.report import EvalReport, Outcome, summarize

SCHEMA_VERSION = 1

STEPS = {
    (KERAS_FLOAT, KERAS_QAT): "fine-tuning with fake quantisation",
    (KERAS_FLOAT, FLOAT32): "conversion of the float network",
    (KERAS_QAT, INT8): "integers in the place of fake quantisation",
    (INT8, REFERENCE): "LiteRT's reference kernels in the place of XNNPACK's",
    (FLOAT32, INT8): "all of it: from the one bundle to the other",
}
"""Neighbouring stages, each with what it was made from, and what happens between them."""


@dataclass(frozen=True)
class ClassFigures:
    """One class against the rest: n images, rates from 0 to 1 (None without samples) and their 95 % intervals."""

    n: int
    tpr: float | None
    tpr_ci95: Interval | None
    tnr: float | None
    tnr_ci95: Interval | None


@dataclass(frozen=True)
class Stage:
    """One stage's figures over all images; one without an answer counts as missed."""

    name: str
    accuracy: float
    accuracy_ci95: Interval | None
    balanced_accuracy: float | None
    per_class: Mapping[str, ClassFigures]


@dataclass(frozen=True)
class Change:
    """What differs between two stages' answers: the share of equal labels, how many are not, and probabilities.

    All None where no image has an answer. `largest` and `mean_abs` are of |difference| over images and classes.
    """

    agreement: float | None
    labels_changed: int
    largest: float | None
    mean_abs: float | None


@dataclass(frozen=True)
class Step:
    """From one stage to another that was made from it. `differences` by source cell; None where cells are unknown."""

    before: str
    after: str
    what: str
    change: Change
    mcnemar: McNemar
    differences: Differences | None


@dataclass(frozen=True)
class Label:
    """A stage's answer to an image, and its probability."""

    label: str
    score: float


@dataclass(frozen=True)
class Changed:
    """An image whose label changed in some step."""

    path: str
    true: str
    answers: Mapping[str, Label]


@dataclass(frozen=True)
class Attribution:
    """Everything that was found. `n_unanswered` images could not be read, or show no stained cell to a cell view.

    `by_source` is whether intervals are from resampling source cells; otherwise they are Wilson's, too narrow for
    images that show the same cell. `against_float` has the change from Keras float to each stage.
    """

    schema_version: int
    model: Mapping[str, Any]
    data: Mapping[str, Any]
    labels: Sequence[str]
    n: int
    n_unanswered: int
    by_source: bool
    stages: Sequence[Stage]
    against_float: Mapping[str, Change]
    steps: Sequence[Step]
    changed: Sequence[Changed]
    provenance: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


def attribute(
    probabilities: Probabilities,
    names: Sequence[str],
    true: Sequence[str],
    *,
    labels: Sequence[str],
    groups: Sequence[str] | None,
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    provenance: Mapping[str, Any],
) -> Attribution:
    """Compare the answers of all stages.

    Args:
        probabilities: float32 [stages, n, classes] in the order of STAGES; NaN where an image has no answer.
        names: of the n images, to be found again by.
        true: their labels.
        labels: of the classes.
        groups: which images show the same cell, by the name of each image's group; None where nobody knows.
        model: what to say about the networks.
        data: what to say about the images.
        provenance: of the result.
    """
    answered = ~np.isnan(probabilities).any(axis=(0, 2))
    best = np.where(answered, np.nan_to_num(probabilities).argmax(axis=2), -1)
    outcomes = _outcomes(probabilities, best, names, true, labels)
    return Attribution(
        schema_version=SCHEMA_VERSION,
        model=model,
        data=data,
        labels=tuple(labels),
        n=len(names),
        n_unanswered=int((~answered).sum()),
        by_source=groups is not None,
        stages=[
            _stage(stage, summarize(rows, labels=labels, groups=groups, model={}, data={}, provenance={}))
            for stage, rows in outcomes.items()
        ],
        against_float={
            stage: _change(probabilities[0, answered], own[answered])
            for stage, own in zip(STAGES, probabilities, strict=True)
        },
        steps=_steps(probabilities[:, answered], best, np.array([labels.index(label) for label in true]), groups),
        changed=[
            Changed(
                path=names[row],
                true=true[row],
                answers={
                    stage: Label(labels[best[number, row]], float(probabilities[number, row].max()))
                    for number, stage in enumerate(STAGES)
                },
            )
            for row in np.flatnonzero((best != best[0]).any(axis=0)).tolist()
        ],
        provenance=provenance,
    )


def _steps(probabilities: Probabilities, best: Indices, classes: Indices, groups: Sequence[str] | None) -> list[Step]:
    """All steps, from answers [stages, answered images, classes] and the best class of every image, -1 for none."""
    numbers = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    steps = []
    for (before, after), what in STEPS.items():
        pair = [STAGES.index(before), STAGES.index(after)]
        first, second = best[pair]
        steps.append(
            Step(
                before=before,
                after=after,
                what=what,
                change=_change(*probabilities[pair]),
                mcnemar=mcnemar(classes, first, second),
                differences=None if numbers is None else differences(classes, [first], [second], groups=numbers),
            )
        )
    return steps


def _outcomes(
    probabilities: Probabilities, best: Indices, names: Sequence[str], true: Sequence[str], labels: Sequence[str]
) -> dict[str, list[Outcome]]:
    """Each stage's rows, as an evaluation has them."""
    return {
        stage: [
            Outcome(name, label, labels[one], float(row[one])) if one >= 0 else Outcome(name, label, None, None)
            for name, label, row, one in zip(names, true, answers, bests, strict=True)
        ]
        for stage, answers, bests in zip(STAGES, probabilities, best, strict=True)
    }


def _stage(name: str, report: EvalReport) -> Stage:
    """The figures of a stage, with intervals by source cell where there are any."""
    right = sum(row.predicted == row.true for row in report.predictions)
    by_source = report.groups["per_class"] if report.groups else {}
    return Stage(
        name=name,
        accuracy=right / report.n,
        accuracy_ci95=report.groups["accuracy_ci95"] if report.groups else wilson(right, report.n),
        balanced_accuracy=report.balanced_accuracy,
        per_class={
            label: ClassFigures(
                n=rates.n,
                tpr=rates.tpr,
                tpr_ci95=by_source[label]["tpr_ci95"] if by_source else rates.tpr_ci95,
                tnr=rates.tnr,
                tnr_ci95=by_source[label]["tnr_ci95"] if by_source else rates.tnr_ci95,
            )
            for label, rates in report.per_class.items()
        },
    )


def _change(before: Probabilities, after: Probabilities) -> Change:
    """What differs between float32 [n, classes] of two stages."""
    if not len(before):
        return Change(agreement=None, labels_changed=0, largest=None, mean_abs=None)
    same, moved = before.argmax(axis=1) == after.argmax(axis=1), np.abs(after - before)
    return Change(
        agreement=float(same.mean()),
        labels_changed=int((~same).sum()),
        largest=float(moved.max()),
        mean_abs=float(moved.mean(dtype=np.float64)),
    )
