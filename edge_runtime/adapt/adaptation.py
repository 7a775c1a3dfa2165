"""What refitting a bundle's head to a sample of cells gives, and whether it helps: by cells that were left out."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.adapt import refit
from edge_runtime.adapt.sample import Sample
from edge_runtime.head import Head
from edge_runtime.paired import Difference, differences
from edge_runtime.report import EvalReport, Outcome, summarize

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Adaptation:
    """Before and after on the same cells, and the head from all of them.

    `before` is the bundle as it was; `after` answers each cell by a head from all others; `difference` is that of
    balanced accuracy. `head` and `prior` are what all cells give. `cells` counts different ones by label.
    """

    before: EvalReport
    after: EvalReport
    difference: Difference
    prior: refit.Prior
    head: Head
    cells: dict[str, int]
    sample: Sample

    @property
    def helps(self) -> bool:
        """Whether the cells that were left out are told better than before."""
        return self.difference.value > 0

    def summary(self) -> dict[str, Any]:
        """What the card keeps of how it was adapted."""
        return {"cells": self.cells, "data_sha256": self.after.data["sha256"], "prior": asdict(self.prior)}

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all but the numbers of the head."""
        return {
            "schema_version": SCHEMA_VERSION,
            "helps": self.helps,
            **self.summary(),
            "balanced_accuracy_difference": asdict(self.difference),
            "unusable": list(self.sample.unusable),
            "warnings": list(self.sample.warnings),
            "before": self.before.to_json(),
            "after": self.after.to_json(),
        }


def adapt(
    sample: Sample,
    head: Head,
    *,
    labels: tuple[str, ...],
    model: dict[str, Any],
    data: dict[str, Any],
    provenance: dict[str, Any],
) -> Adaptation:
    """Refit a head to a sample.

    Args:
        sample: the cells, as the bundle with that head sees them.
        head: the bundle's.
        labels: in the order of its output.
        model, data, provenance: for the EvalReports.
    """
    cells = gather(sample, head)
    left_out = refit.leave_one_out(cells)
    prior = refit.choose(cells)
    answers = [np.asarray(sample.probabilities, np.float64), refit.shares(left_out)]

    def report(shares: npt.NDArray[np.float64]) -> EvalReport:
        outcomes = [
            Outcome(image.name, image.label, labels[int(own.argmax())], float(own.max()))
            for image, own in zip(sample.images, shares, strict=True)
        ]
        return summarize(
            outcomes, labels=labels, groups=sample.group_names, model=model, data=data, provenance=provenance
        )

    before, after = (each.argmax(axis=1) for each in answers)
    return Adaptation(
        before=report(answers[0]),
        after=report(answers[1]),
        difference=differences(sample.classes, [before], [after], groups=sample.groups).balanced_accuracy,
        prior=prior,
        head=joined(head, refit.refit(cells, prior)),
        cells={label: len(np.unique(sample.groups[sample.classes == n])) for n, label in enumerate(labels)},
        sample=sample,
    )


def gather(sample: Sample, head: Head) -> refit.Cells:
    """The cells for a refit."""
    features = sample.maxima.astype(np.float64)
    logits = features @ np.concatenate(head.weights, axis=1).T + head.bias
    weights = refit.balanced(sample.classes, sample.groups)
    return refit.Cells(features, logits, sample.classes, weights, sample.groups)


def joined(head: Head, found: refit.Refit) -> Head:
    """The head with what a refit adds to it."""
    trust = found.prior.trust
    added = parts(found.weights, head)
    weights = (trust * own + more for own, more in zip(head.weights, added, strict=True))
    return replace(
        head,
        weights=tuple(each.astype(np.float32) for each in weights),
        bias=(trust * head.bias + found.bias).astype(np.float32),
    )


def parts(rows: npt.NDArray[Any], head: Head) -> list[npt.NDArray[Any]]:
    """Rows [n, channels of all towers], such as maxima, as those of each of the head's maps."""
    return np.split(rows, np.cumsum([own.shape[1] for own in head.weights])[:-1], axis=1)
