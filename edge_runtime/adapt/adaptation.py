"""What fitting a bundle to a sample of cells gives, and whether it helps: by cells that were left out.

There are two ways: another head alone (refit.py), or small steps of the last convolutions and the head (tuning.py). The
first can go far, where light or stain are other ones; the second brings back features where they are not.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.adapt import refit, tuning
from edge_runtime.adapt.sample import Sample
from edge_runtime.head import Convolution, Head
from edge_runtime.paired import Difference, differences
from edge_runtime.report import EvalReport, Outcome, summarize

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Adaptation:
    """Before and after on the same cells, and the head from all of them.

    `before` is the bundle as it was; `after` answers each cell by what others gave; `difference` is that of balanced
    accuracy. `head` is what all cells give, with the `prior` under which it was refitted alone, or with other
    `convolutions` where these were tuned along with it; the other of both is None, or empty. `features` are each
    channel's maxima in the sample then, float32 [n, channels] for each of the head's maps. `cells` counts different
    ones by label.
    """

    before: EvalReport
    after: EvalReport
    difference: Difference
    prior: refit.Prior | None
    convolutions: tuple[Convolution, ...]
    head: Head
    features: list[npt.NDArray[np.float32]]
    cells: dict[str, int]
    sample: Sample

    @property
    def helps(self) -> bool:
        """Whether the cells that were left out are told better than before."""
        return self.difference.value > 0

    def summary(self) -> dict[str, Any]:
        """What the card keeps of how it was adapted."""
        return {
            "cells": self.cells,
            "data_sha256": self.after.data["sha256"],
            "tuned": "head" if self.prior else "last convolutions and head",
            "prior": asdict(self.prior) if self.prior else None,
        }

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
    convolutions: tuple[Convolution, ...] = (),
    labels: tuple[str, ...],
    model: dict[str, Any],
    data: dict[str, Any],
    provenance: dict[str, Any],
    advance: Callable[[], None] = lambda: None,
) -> Adaptation:
    """Fit a bundle's end to a sample, in the way that tells cells better that were left out.

    Args:
        sample: the cells, as the bundle with that head sees them.
        head: the bundle's.
        convolutions: what makes the maps that it reads; without them the head alone is fitted.
        labels: in the order of its output.
        model, data, provenance: for the EvalReports.
        advance: called after each of refit.ROUNDS + 1 parts of the work, or, without convolutions, once.
    """
    cells = gather(sample, head)
    ways = [_tuned(cells, sample, convolutions, head, advance)] if convolutions else []
    ways.append(refit.left_out(cells))
    left_out, best = chosen(cells, ways)
    prior, features = None, parts(sample.maxima, head)
    if convolutions and best == 0:
        convolutions, head = tuning.tune(sample.reads, convolutions, head, classes=cells.classes, weights=cells.weights)
        features = tuning.maxima(sample.reads, convolutions)
    else:
        prior, convolutions = refit.choose(cells), ()
        head = joined(head, refit.refit(cells, prior))
    advance()
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
        convolutions=convolutions,
        head=head,
        features=features,
        cells={label: len(np.unique(sample.groups[sample.classes == n])) for n, label in enumerate(labels)},
        sample=sample,
    )


def chosen(cells: refit.Cells, ways: Sequence[npt.NDArray[np.float64]]) -> tuple[npt.NDArray[np.float64], int]:
    """Which way tells cells that were left out best, by balanced accuracy, and answers that hardly gain by the choice.

    Args:
        cells: all of them.
        ways: the logits [n, classes] that each way gave to cells while they were left out.

    Returns:
        Logits, float64 [n, classes], each part's by the way that tells the other parts best: how it is answered itself
        has no say, though layers that the others were answered by did see it. And the number of the way that tells all
        of them best; of ways that are equally good it is the first.
    """
    rights = np.array([cells.weights * (way.argmax(axis=1) == cells.classes) for way in ways])
    found = np.empty_like(cells.logits)
    for part in refit.deal(cells):
        found[part] = ways[int(rights[:, ~part].sum(axis=1).argmax())][part]
    return found, int(rights.sum(axis=1).argmax())


def _tuned(
    cells: refit.Cells,
    sample: Sample,
    convolutions: tuple[Convolution, ...],
    head: Head,
    advance: Callable[[], None],
) -> npt.NDArray[np.float64]:
    """Logits, float64 [n, classes], of each cell by convolutions and head that were tuned to the other parts."""
    found = np.empty_like(cells.logits)
    for part in refit.deal(cells):
        if part.any():
            kept = ~part
            weights = refit.balanced(cells.classes[kept], cells.groups[kept])
            tuned, its_head = tuning.tune(
                [own[kept] for own in sample.reads], convolutions, head, classes=cells.classes[kept], weights=weights
            )
            found[part] = tuning.logits(
                tuning.maxima([own[part] for own in sample.reads], tuned), its_head.weights, its_head.bias
            )
        advance()
    return found


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
