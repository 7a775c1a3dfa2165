"""What a model refuses to name and what slips through, what that costs at home, and how true its confidence is."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import novelty, unfit
from benchmarks.explain import choose, in_turn
from benchmarks.unfit import Named
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.evaluation import evaluate
from edge_runtime.files import read_json
from edge_runtime.fitness import Limits, complaint
from edge_runtime.groups import Groups
from edge_runtime.image import decode
from edge_runtime.prediction import Prediction
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.squares import coarsen

SPLIT, KNOWN = "TRAIN", "TEST"
PER_CLASS = 25  # pictures of TRAIN that are degraded
PER_CLASS_KNOWN = 100  # that novelty is measured from
EVERY = 8  # of the photographs is cut up
TIMED = 8

_HELD_OUT = (
    *("temperature", "abstain_below", "coverage", "accuracy", "ece", "ece_if_exact"),
    *("accuracy_when_answered", "curve", "mean_of_blind_towers"),
)
_NAMED = 12  # of what slips through, at most, by kind


@dataclass(frozen=True)
class Kind:
    """How pictures of one kind fare. `fit` ones should get a label.

    `refused` counts reasons, `unsure` those below the threshold; `slipped` names what was labelled and should not be.
    `auroc_confidence` and `auroc_distance` are how well lack of confidence and distance tell them from KNOWN.
    """

    name: str
    fit: bool
    pictures: int
    refused: Mapping[str, int]
    unsure: int
    labelled: int
    slipped: tuple[str, ...]
    auroc_confidence: float | None
    auroc_distance: float | None


@dataclass(frozen=True)
class Subject:
    """One model.

    `home` says what of TRAIN is refused, by source and which; `test` holds the figures of its EvalReport on TEST;
    `held_out` what `train confidence` found on TRAIN; `unchecked_ms` and `classify_ms` are the processor time of
    classifications without and with a look at the picture, taken in turn.
    """

    model: str
    view: str
    variant: str
    sha256: str
    temperature: float
    threshold: float
    home: Mapping[str, Any]
    test: Mapping[str, Any]
    held_out: Mapping[str, Any]
    kinds: tuple[Kind, ...]
    unchecked_ms: tuple[float, ...]
    classify_ms: tuple[float, ...]

    @property
    def overhead(self) -> float:
        """How much longer a classification takes with the look: a fraction of that without, by the median of pairs."""
        return float(np.median(np.divide(self.classify_ms, self.unchecked_ms))) - 1


@dataclass(frozen=True)
class Report:
    """All models, in the order in which they were named."""

    subjects: tuple[Subject, ...]
    provenance: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all figures."""
        return asdict(self)


def measure(models: Sequence[Path], held_out: Sequence[Path], *, data: Path, groups: Groups, runs: int) -> Report:
    """Measure models, each with the file that its temperature and threshold are from.

    Raises LeukoliteError when a model or its file cannot be read, or the data set is not whole.
    """
    started, found = time.time(), [_held_out(path) for path in held_out]
    kinds = list(_kinds(data))
    known = [image.path for image in open_dataset(data, split=KNOWN).images]
    subjects = tuple(
        _measure(model, own, kinds, known, data, groups, runs) for model, own in zip(models, found, strict=True)
    )
    return Report(subjects, collect(packages=RUNTIME_PACKAGES, started=started))


def _held_out(path: Path) -> dict[str, Any]:
    """What of `train confidence` is reported; LeukoliteError when the file is none of it."""
    fields = read_json(path, what="what `train confidence` wrote")
    if missing := [name for name in _HELD_OUT if name not in fields]:
        raise LeukoliteError(
            expected=f"what `train confidence` wrote at {show(path)}",
            found=f"no {', '.join(missing)}",
            remedy="make it again: python -m train confidence",
        )
    return {name: fields[name] for name in _HELD_OUT}


def _kinds(data: Path) -> Iterator[tuple[str, bool, list[Named]]]:
    """Each kind's name, whether its pictures are fit for an answer, and they themselves."""
    photographs = unfit.originals(data)
    paths = [path for path, _ in photographs]
    home = [image.path for image in choose(data, per_class=PER_CLASS)]
    yield "the same cells cut out tightly", True, unfit.cropped(paths[::EVERY])
    for name, pictures in unfit.degraded(home):
        yield name, False, pictures
    yield "red cells and platelets only", False, unfit.red_cells(paths[:: EVERY // 4])
    for name, make in unfit.MADE.items():
        yield name, False, make()
    basophils = [path for path, category in photographs if category == unfit.BASOPHIL]
    yield "basophils, a class it never saw", False, [(Path(path).name, path) for path in basophils]


def _measure(
    path: Path,
    held_out: Mapping[str, Any],
    kinds: Sequence[tuple[str, bool, list[Named]]],
    known: Sequence[str],
    data: Path,
    groups: Groups,
    runs: int,
) -> Subject:
    """One model."""
    classifier, explainer = Classifier(path).load(), Classifier(path).load(explaining=True)
    report, _ = evaluate(classifier, open_dataset(data, split=KNOWN))
    chosen = choose(data, per_class=PER_CLASS_KNOWN)
    labels = classifier.card.labels
    shown = [image for image in chosen if len(novelty.look(explainer, [image.path])[0])]
    features, _ = novelty.look(explainer, [image.path for image in shown])
    model = novelty.Novelty.fit(features, np.array([labels.index(image.label) for image in shown], np.int64))
    own, sure = novelty.look(explainer, known[::5])
    scores = -sure, model.distance(own)
    pictures = [image.path for image in chosen[:TIMED]]
    unchecked = Classifier(path, checks=False).load()
    plain_ms, checked_ms = in_turn(unchecked.classify, classifier.classify, pictures, runs=runs)
    return Subject(
        model=path.name,
        view=classifier.card.input.view,
        variant=classifier.card.variant,
        sha256=classifier.digest,
        temperature=classifier.card.temperature,
        threshold=classifier.threshold,
        home=_home(classifier, data, groups),
        test={
            "n": report.n,
            "accuracy": report.accuracy,
            "balanced_accuracy": report.balanced_accuracy,
            "ece": report.ece,
            "selective": report.selective,
        },
        held_out=held_out,
        kinds=tuple(_kind(classifier, explainer, model, scores, *kind) for kind in kinds),
        unchecked_ms=tuple(plain_ms),
        classify_ms=tuple(checked_ms),
    )


def _home(classifier: Classifier, data: Path, groups: Groups) -> dict[str, Any]:
    """What is refused of TRAIN, whose pictures are good but for those that a cell was shifted out of."""
    view, limits = classifier.card.input.seen, classifier.card.fitness or Limits()
    images = open_dataset(data, split=SPLIT).images
    sources = [origin.source for origin in groups.assign(images)]
    size = {"height_px": view.field_height_px, "width_px": view.field_width_px}
    reasons = [complaint(coarsen(decode(image.path, **size)), limits) for image in images]
    counts = Counter(sources)
    by_source = sum(1 / counts[source] for source, why in zip(sources, reasons, strict=True) if why) / len(counts)
    return {
        "pictures": len(images),
        "sources": len(counts),
        "refused": dict(Counter(filter(None, reasons))),
        "share_by_source": by_source,
        "names": [f"{image.name}: {why}" for image, why in zip(images, reasons, strict=True) if why],
    }


def _kind(
    classifier: Classifier,
    explainer: Classifier,
    model: novelty.Novelty,
    scores: tuple[novelty.Reals, novelty.Reals],
    name: str,
    fit: bool,
    pictures: Sequence[Named],
) -> Kind:
    """How one kind fares."""
    sources = [source for _, source in pictures]
    found = [classifier.classify(source) for source in sources]
    features, sure = novelty.look(explainer, sources)
    distance = model.distance(features) if len(features) else np.zeros(0)
    labelled = [(called, each) for (called, _), each in zip(pictures, found, strict=True) if each.label]
    return Kind(
        name=name,
        fit=fit,
        pictures=len(found),
        refused=dict(Counter(each.reason for each in found if each.refused and each.reason)),
        unsure=sum(each.abstained and not each.refused for each in found),
        labelled=len(labelled),
        slipped=() if fit else tuple(_say(called, each) for called, each in labelled[:_NAMED]),
        auroc_confidence=novelty.auroc(scores[0], -sure),
        auroc_distance=novelty.auroc(scores[1], distance),
    )


def _say(called: str, prediction: Prediction) -> str:
    """A picture and what it was taken for."""
    return f"{called}: {prediction.label} {prediction.confidence:.2f}"
