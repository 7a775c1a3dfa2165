"""Which source cells networks that never saw them answer otherwise than by their label, and whose label is in doubt.

Nothing is decided by eye, and nothing is left out anywhere for it.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge_runtime.groups import Origin
from train.cells import Indices

NO_ANSWER = "no answer"


@dataclass(frozen=True)
class SourceAnswer:
    """One source photograph with one label.

    `right` of its `images` got that label, those without an answer among the others; most got `answered`.
    `confidence` (0 to 1) is the mean probability of the label, `suggested` the label that it might have instead,
    or None where the label is not in doubt.
    """

    source: str
    group: str
    label: str
    images: int
    right: int
    answered: str
    confidence: float
    suggested: str | None

    @property
    def fails(self) -> bool:
        """Whether at most half of its images got its label."""
        return 2 * self.right <= self.images


def by_source(
    probabilities: npt.NDArray[np.float32],
    classes: Indices,
    origins: Sequence[Origin],
    *,
    labels: Sequence[str],
    unseen: Sequence[tuple[Origin, str]] = (),
) -> list[SourceAnswer]:
    """Every source and label of some images, those with the smallest share of right answers first.

    A label is in doubt by confident learning (Northcutt, Jiang and Chuang 2021, arXiv:1911.00068, equation 2), a source
    taken for one sample: another class's mean probability reaches what sources of that class have on average, and is
    the highest that does.

    Args:
        probabilities: float32 [n, classes], of networks that never saw the source.
        classes: int64 [n], the labels' numbers.
        origins: of each image.
        labels: the classes' names.
        unseen: origins and labels of images without an answer.
    """
    numbers: dict[tuple[str, int], list[int]] = {}
    for index, (origin, own) in enumerate(zip(origins, classes.tolist(), strict=True)):
        numbers.setdefault((origin.source, own), []).append(index)
    means = np.array([probabilities[rows].mean(axis=0) for rows in numbers.values()])
    given = np.array([own for _, own in numbers])
    usual = np.array(
        [means[given == own, own].mean() if (given == own).any() else np.inf for own in range(len(labels))]
    )
    lost = Counter((origin.source, label) for origin, label in unseen)
    found = []
    for ((source, own), rows), mean in zip(numbers.items(), means, strict=True):
        answers = Counter(labels[best] for best in probabilities[rows].argmax(axis=1))
        reached = np.where(mean >= usual, mean, -1.0)
        suggested = labels[int(reached.argmax())] if reached.max() > 0 else labels[own]
        found.append(
            SourceAnswer(
                source=source,
                group=origins[rows[0]].group,
                label=labels[own],
                images=len(rows) + lost[source, labels[own]],
                right=answers[labels[own]],
                answered=max(sorted(answers), key=answers.__getitem__),
                confidence=float(mean[own]),
                suggested=None if suggested == labels[own] else suggested,
            )
        )
    seen = {(answer.source, answer.label) for answer in found}
    for source, label in sorted(lost.keys() - seen):
        group = next(origin.group for origin, own in unseen if (origin.source, own) == (source, label))
        found.append(SourceAnswer(source, group, label, lost[source, label], 0, NO_ANSWER, 0.0, None))
    return sorted(found, key=lambda answer: (answer.right / answer.images, answer.source, answer.label))
