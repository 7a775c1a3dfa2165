"""What fine-tuning for int8 is worth: float, post-training quantisation and QAT on the same held-out TRAIN images.

All three answer each image by the tower that never saw its source. Post-training quantisation is the network that
fine-tuning starts from, calibrated on the same images, in the same arithmetic. Runs of the same setting and different
seeds are averaged; runs of different settings stand below each other, so that learning rate and length are chosen
on held-out sources. TEST is not looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.metrics import confusion_matrix, one_against_rest
from edge_runtime.paired import Differences, McNemar, differences, mcnemar
from train import operating
from train.cells import Indices
from train.comparable import FLOAT, PTQ, Run

CHOSEN, ONCE = "as chosen", "once"


@dataclass(frozen=True)
class Against:
    """A network minus another on the same images: over all runs, and McNemar's test in each."""

    differences: Differences
    mcnemar: Sequence[McNemar]


@dataclass(frozen=True)
class Figures:
    """One network's held-out figures at one strength of the class prior, rates averaged over its runs.

    `agreement` is the share of images with the float network's label. A class without images has no rates.
    """

    strength: float
    accuracy: float
    balanced_accuracy: float
    lowest_tpr: float
    tpr: Mapping[str, float | None]
    tnr: Mapping[str, float | None]
    agreement: float
    against: Mapping[str, Against]


@dataclass(frozen=True)
class Row:
    """One network or setting: its figures with the class prior taken out as often as was chosen, and once."""

    name: str
    runs: Sequence[str]
    figures: Mapping[str, Figures]


@dataclass(frozen=True)
class Comparison:
    """Float, post-training quantisation, then QAT in each setting, on n images of so many groups."""

    labels: Sequence[str]
    n: int
    groups: int
    seeds: Sequence[int]
    rows: Sequence[Row]

    @property
    def verdicts(self) -> list[str]:
        """For each setting of QAT and each operating point one plain sentence on what it is worth."""
        settings = [row for row in self.rows if row.name not in (FLOAT, PTQ)]
        return [_verdict(row, point) for row in settings for point in (CHOSEN, ONCE)]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields, and the verdicts."""
        return {"schema_version": 1, **asdict(self), "verdicts": self.verdicts}


def compare(runs: Sequence[Run]) -> Comparison:
    """Compare finished QAT runs; LeukoliteError when they are not comparable.

    The strength of the prior is chosen for each network and setting by the rule of `train.operating`, over its runs.
    That is done on these images: a little too good, for all of them alike.
    """
    settings = _by_setting(runs)
    first = next(iter(settings.values()))
    members = {FLOAT: [(run, run.float_logits) for run in first], PTQ: [(run, run.ptq_logits) for run in first]}
    members |= {name: [(run, run.qat_logits) for run in own] for name, own in settings.items()}
    points: dict[str, dict[str, Figures]] = {name: {} for name in members}
    for point, fixed in ((CHOSEN, None), (ONCE, 1.0)):
        predicted: dict[str, list[Indices]] = {}
        for name, own in members.items():
            held_out = [(logits, run.classes, run.log_share) for run, logits in own]
            strength = operating.choose_for_all(held_out, fixed=fixed).strength
            predicted[name] = [(logits - strength * share).argmax(axis=1) for logits, _, share in held_out]
            points[name][point] = _figures(strength, predicted, name, first[0])
    rows = [Row(name, [str(run.directory) for run, _ in own], points[name]) for name, own in members.items()]
    run = first[0]
    return Comparison(run.labels, len(run.classes), len(np.unique(run.groups)), [run.seed for run in first], rows)


def _by_setting(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """The runs of each setting, in the same order of float networks; what is not comparable is refused."""
    settings: dict[str, list[Run]] = {}
    for run in sorted(runs, key=lambda run: (run.learning_rate, run.epochs, run.seed, run.float_digest)):
        settings.setdefault(run.setting, []).append(run)
    first = next(iter(settings.values()))
    for name, own in settings.items():
        if [run.float_digest for run in own] != [run.float_digest for run in first]:
            raise _incomparable(
                "a run of each float network in each setting",
                f"{len(own)} in {name} and {len(first)} in {first[0].setting}, or of others",
            )
        for run, reference in zip(own, first, strict=True):
            if not _same_images(run, first[0]):
                raise _incomparable("runs on the same images and source cells", f"others in {show(run.directory)}")
            if not np.allclose(run.ptq_logits, reference.ptq_logits, atol=1e-3):  # resummed in another order
                raise _incomparable("the same calibration in all settings", f"another in {show(run.directory)}")
    if len({run.float_digest for run in first}) < len(first):
        raise _incomparable("each float network once in a setting", f"one twice in {first[0].setting}")
    return settings


def _same_images(run: Run, other: Run) -> bool:
    """Whether both answer for the same images and groups, in the same order."""
    same = run.data_sha256 == other.data_sha256 and run.labels == other.labels
    return same and np.array_equal(run.classes, other.classes) and np.array_equal(run.groups, other.groups)


def _incomparable(expected: str, found: str) -> LeukoliteError:
    """What is raised for runs that do not belong into one table."""
    return LeukoliteError(expected=expected, found=found, remedy="compare other runs, or make them again")


def _figures(strength: float, predicted: Mapping[str, Sequence[Indices]], name: str, run: Run) -> Figures:
    """One network's figures; those before it in the table are already predicted."""
    own, classes = predicted[name], run.classes
    matrices = [confusion_matrix(classes, labels, classes=len(run.labels)) for labels in own]
    rates = [one_against_rest(matrix) for matrix in matrices]
    tpr = {label: _mean([run_[c].tpr for run_ in rates]) for c, label in enumerate(run.labels)}
    tnr = {label: _mean([run_[c].tnr for run_ in rates]) for c, label in enumerate(run.labels)}
    known = [rate for rate in tpr.values() if rate is not None]
    return Figures(
        strength=strength,
        accuracy=float(np.mean([labels == classes for labels in own])),
        balanced_accuracy=float(np.mean(known)),
        lowest_tpr=min(known),
        tpr=tpr,
        tnr=tnr,
        agreement=float(np.mean([a == b for a, b in zip(own, predicted[FLOAT], strict=True)])),
        against={
            other: Against(
                differences(classes, predicted[other], own, groups=run.groups),
                [mcnemar(classes, a, b) for a, b in zip(predicted[other], own, strict=True)],
            )
            for other in (FLOAT, PTQ)
            if other in predicted and other != name
        },
    )


def _mean(rates: Sequence[float | None]) -> float | None:
    """The mean of rates; None where a class has no images."""
    known = [rate for rate in rates if rate is not None]
    return float(np.mean(known)) if known else None


def _verdict(row: Row, point: str) -> str:
    """What a setting of QAT is worth over post-training quantisation."""
    between = row.figures[point].against[PTQ].differences
    worth = {1: "worth it", 0: "worth nothing that these source cells can show", -1: "worse than not fine-tuning"}
    value, (low, high) = 100 * between.balanced_accuracy.value, between.balanced_accuracy.ci95
    lowest = between.lowest_tpr
    return (
        f"{row.name}, prior taken out {point}: {worth[between.balanced_accuracy.sign]}. Against post-training "
        f"quantisation held-out balanced accuracy {value:+.2f} points (95 % interval by source cell {100 * low:+.2f} "
        f"to {100 * high:+.2f}), lowest TPR {100 * lowest.value:+.2f} ({100 * lowest.ci95[0]:+.2f} to "
        f"{100 * lowest.ci95[1]:+.2f})."
    )
