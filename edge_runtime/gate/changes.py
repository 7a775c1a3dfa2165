"""Which images got another label, and where they lie."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge_runtime.dataset import digest, open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.report import EvalReport


@dataclass(frozen=True)
class Change:
    """An image whose label differs: what it shows, what each model says (None: no answer)."""

    path: str
    true: str
    reference: str | None
    candidate: str | None

    @property
    def kind(self) -> str:
        """What became of the answer."""
        if self.reference == self.true:
            return "lost"
        return "won" if self.candidate == self.true else "wrong as before"


def changes(candidate: EvalReport, reference: EvalReport) -> Sequence[Change]:
    """All of them: those that were right before first, those that are right now last."""
    before = {row.path: row.predicted for row in reference.predictions}
    order = ("lost", "wrong as before", "won")
    found = (
        Change(row.path, row.true, before[row.path], row.predicted)
        for row in candidate.predictions
        if before[row.path] != row.predicted
    )
    return sorted(found, key=lambda change: (order.index(change.kind), change.true, change.path))


def find_images(data: str | os.PathLike[str], report: EvalReport) -> Mapping[str, str]:
    """The files of the report's images, by their names in it.

    Raises LeukoliteError when the folder does not hold these very images.
    """
    dataset = open_dataset(data, split=report.data.get("split"))
    if digest(dataset.images) != report.data["sha256"]:
        raise LeukoliteError(
            expected=f"the images of the reports below {show(data)}",
            found="others",
            remedy="name the folder that both models were evaluated on",
        )
    return {image.name: image.path for image in dataset.images}
