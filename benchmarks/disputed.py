"""Source cells whose label the model disputes: they stay in every figure, and are named beside it."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import PurePath

from edge_runtime.dataset import LabelledImage
from edge_runtime.groups import Groups
from edge_runtime.markdown import table
from edge_runtime.report import EvalReport, Outcome

DISPUTED_BELOW = 0.5
"""A source is disputed when fewer than this share of its images get its label."""


@dataclass(frozen=True)
class Source:
    """One source photograph: its label, and how its `images` augmented copies were answered."""

    name: str
    label: str
    images: int
    right: int
    answered: str

    @property
    def share_right(self) -> float:
        """The share of its images that got its label."""
        return self.right / self.images


def by_source(report: EvalReport, groups: Groups) -> list[Source]:
    """All sources of a report, those with the smallest share of right answers first.

    Raises LeukoliteError when `groups` lacks an image.
    """
    images = [LabelledImage(path=row.path, name=row.path, label=row.true) for row in report.predictions]
    rows: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
    for row, origin in zip(report.predictions, groups.assign(images), strict=True):
        rows[PurePath(origin.source).stem, row.true].append(row)
    found = []
    for (name, label), outcomes in rows.items():
        answers = Counter(outcome.predicted or "unreadable" for outcome in outcomes)
        most = max(sorted(answers), key=answers.__getitem__)
        found.append(Source(name=name, label=label, images=len(outcomes), right=answers[label], answered=most))
    return sorted(found, key=lambda source: (source.share_right, source.name))


def to_markdown(sources: list[Source]) -> str:
    """The disputed sources as a table, and what they weigh."""
    disputed = [source for source in sources if source.share_right < DISPUTED_BELOW]
    rows = [
        (source.name, source.label, source.images, f"{source.share_right:.2f}", source.answered) for source in disputed
    ]
    images, lost = sum(s.images for s in sources), sum(s.images for s in disputed)
    right = sum(s.right for s in sources) - sum(s.right for s in disputed)
    text = (
        f"{len(disputed)} of {len(sources)} source cells get another answer than their label on most of their images:"
        f" {lost:,} of {images:,} images ({lost / images:.1%}). Some of these labels look wrong to the eye, others are"
        " the model's mistakes; which is which was not decided here. All of them stay in every figure."
    )
    if lost < images:
        rest = right / (images - lost)
        text += (
            f" On the others the accuracy is {rest:.4f}, which estimates nothing: they were picked by their answers."
        )
    return text + "\n\n" + table(("source", "label", "images", "right", "mostly answered"), rows, align="llrrl")
