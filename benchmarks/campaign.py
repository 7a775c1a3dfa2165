"""Does the gate catch what it should? Every mutant of a model is run on a whole split and judged.

What a mutant truly loses is counted over all images. The gate is asked twice: with all source cells and with half of
them, since whoever gates a model never has all cells there are.
"""

import multiprocessing
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import mutants
from benchmarks.mutants import Mutant
from edge_runtime.card import read_model
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import LabelledImage, digest, open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.gate import Policy, judge
from edge_runtime.groups import read_groups
from edge_runtime.image import Pixels, decode
from edge_runtime.model import Model
from edge_runtime.report import EvalReport, Outcome, load_report, summarize
from edge_runtime.view import View, cut, see

REFUSED = "refused"  # a damaged model that LiteRT does not load, or does not run
SPLIT = "TEST"
_ROUNDING = 1e-9  # the gate's own: 0.90 - 0.89 is no exact 0.01

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Settings:
    """What is run on what.

    `reference` is the EvalReport of the model that mutants are compared with. `per_kind` is how many mutants of each
    kind of damage are run, the first ones; None for all.
    """

    model: str
    reference: str
    data: str
    groups: str
    processes: int = 2
    per_kind: int | None = None
    seed: int = 1


@dataclass(frozen=True)
class Trial:
    """One mutant: what it truly loses, and the gate's verdict with all source cells and with half of them.

    `excess` is how far the worst rule's figure lies beyond its limit over all images, in shares; 0 or less where no
    limit is broken. `accuracy_drop` is against the reference. None for one that was refused.
    """

    kind: str
    name: str
    excess: float | None
    accuracy_drop: float | None
    verdict: str
    verdict_by_half: str

    @property
    def loses(self) -> bool:
        """Whether it truly loses more than the policy allows; one that does not run loses everything."""
        return self.excess is None or self.excess > _ROUNDING


class Bench:
    """The images of the split as the models see them, kept in memory; one in each process."""

    def __init__(self, settings: Settings) -> None:
        """Decode everything, and run the reference."""
        self._content = read_model(settings.model)
        classifier = Classifier(settings.model)
        self._labels, self._view = classifier.card.labels, classifier.card.input.seen
        self._images = list(open_dataset(settings.data, split=SPLIT).images)
        origins = read_groups(settings.groups).assign(self._images)
        self._groups = [origin.group for origin in origins]
        self._pixels = [see(image.path, self._view) for image in self._images]
        self._half = _half(self._groups, self._images, seed=settings.seed)
        self._reference = self._reports(
            *_read_answers(settings.reference, self._images, self._labels), name="reference"
        )

    def run(self, mutant: Mutant) -> Trial:
        """Damage, run, judge."""
        try:
            predicted, confidence = self._undamaged if mutant.kind == mutants.LABELS else self._answered(mutant)
        except LeukoliteError:
            return Trial(mutant.kind, mutant.name, None, None, REFUSED, REFUSED)
        candidate = self._reports(mutants.relabelled(predicted, mutant), confidence, name=mutant.name)
        whole, half = (judge(mine, its) for mine, its in zip(candidate, self._reference, strict=True))
        excesses = [
            rule.limit - rule.observed if rule.name.startswith("min_") else rule.observed - rule.limit
            for rule in whole.rules
        ]
        drop = next(rule.observed for rule in whole.rules if rule.name == "max_accuracy_drop")
        return Trial(mutant.kind, mutant.name, max(excesses), drop, whole.verdict, half.verdict)

    @cached_property
    def _undamaged(self) -> tuple[Indices, npt.NDArray[np.float64]]:
        """What the model answers as it is; where labels are swapped, only the names of its answers are others."""
        return _answers(Model(self._content), self._pixels)

    def _answered(self, mutant: Mutant) -> tuple[Indices, npt.NDArray[np.float64]]:
        """What the mutant answers."""
        return _answers(Model(mutants.damaged(self._content, mutant)), self._seen(mutant))

    def _seen(self, mutant: Mutant) -> Sequence[Pixels | None]:
        """What the mutant is shown of each image."""
        if mutant.kind != mutants.RESIZE:
            return self._pixels
        return [_resampled(image, self._view, mutant) for image in self._images]

    def _reports(self, predicted: Indices, confidence: npt.NDArray[np.float64], *, name: str) -> list[EvalReport]:
        """Of all images, and of half the source cells."""
        outcomes = [
            Outcome(
                image.name, image.label, self._labels[at] if at >= 0 else None, float(sure) if at >= 0 else None, group
            )
            for image, at, sure, group in zip(self._images, predicted, confidence, self._groups, strict=True)
        ]
        half = [outcome for outcome, kept in zip(outcomes, self._half, strict=True) if kept]
        about = {"sha256": "the split"}
        return [
            summarize(rows, labels=self._labels, groups=None, model={"sha256": name}, data=about, provenance={})
            for rows in (outcomes, half)
        ]


def run(settings: Settings, *, advance: Callable[[], None] = lambda: None) -> list[Trial]:
    """Run the mutants in several processes, in their order; `advance` is called after each."""
    found = mutants.mutants(read_model(settings.model), seed=settings.seed)
    kinds = dict.fromkeys(mutant.kind for mutant in found)
    chosen = [each for kind in kinds for each in [m for m in found if m.kind == kind][: settings.per_kind]]
    trials = []
    # Spawned: LiteRT's threads do not survive a fork.
    with ProcessPoolExecutor(settings.processes, multiprocessing.get_context("spawn")) as pool:
        for trial in pool.map(partial(_run, settings), chosen):
            trials.append(trial)
            advance()
    return trials


def to_json(settings: Settings, trials: Sequence[Trial]) -> dict[str, Any]:
    """Everything, with the digests of what was run on what."""
    images = open_dataset(settings.data, split=SPLIT).images
    return {
        "schema_version": 1,
        "weights_sha256": mutants.Graph(read_model(settings.model)).digest(),
        "data_sha256": digest(images),
        "n": len(images),
        "policy": asdict(Policy()),
        "seed": settings.seed,
        "trials": [asdict(trial) for trial in trials],
    }


def _half(groups: Sequence[str], images: Sequence[LabelledImage], *, seed: int) -> list[bool]:
    """Which images belong to a half of each class's groups, drawn by `seed`; the larger half of an odd number."""
    random, kept = np.random.default_rng(seed), set()
    for label in sorted({image.label for image in images}):
        names = sorted({group for group, image in zip(groups, images, strict=True) if image.label == label})
        kept |= {names[int(at)] for at in random.permutation(len(names))[: (len(names) + 1) // 2]}
    return [group in kept for group in groups]


def _answers(model: Model, seen: Sequence[Pixels | None]) -> tuple[Indices, npt.NDArray[np.float64]]:
    """Predicted class and its probability for each picture, -1 and 0 where there is none to look at."""
    found = [None if pixels is None else model.predict(pixels) for pixels in seen]
    predicted = np.array([-1 if each is None else int(each.argmax()) for each in found], np.int64)
    return predicted, np.array([0.0 if each is None else min(1.0, float(each.max())) for each in found])


def _read_answers(
    path: str, images: Sequence[LabelledImage], labels: Sequence[str]
) -> tuple[Indices, npt.NDArray[np.float64]]:
    """The same from an EvalReport on these images."""
    report = load_report(path, must_be_sealed=True)
    rows = {row.path: row for row in report.predictions}
    if list(report.labels) != list(labels) or set(rows) != {image.name for image in images}:
        raise LeukoliteError(
            expected=f"an EvalReport on these {len(images)} images and labels at {show(path)}",
            found="one on others",
            remedy="evaluate the reference on the same data set",
        )
    index = {label: at for at, label in enumerate(labels)}
    chosen = [rows[image.name] for image in images]
    predicted = np.array([index.get(row.predicted or "", -1) for row in chosen], np.int64)
    return predicted, np.array([row.confidence or 0.0 for row in chosen])


def _resampled(image: LabelledImage, view: View, mutant: Mutant) -> Pixels | None:
    """What a model sees of an image whose field was made smaller by another rule."""
    pixels = decode(image.path, height_px=2 * view.field_height_px, width_px=2 * view.field_width_px)
    crops, _ = cut(mutants.resampled(pixels, mutant), view)
    return crops[0] if len(crops) else None


@cache
def _bench(settings: Settings) -> Bench:
    """One for all mutants of a process; not its initializer, of which a pool says no more than that it failed."""
    return Bench(settings)


def _run(settings: Settings, mutant: Mutant) -> Trial:
    """One mutant."""
    return _bench(settings).run(mutant)
