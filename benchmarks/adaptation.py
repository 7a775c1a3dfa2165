"""How far `leukolite adapt` gets at a microscope that no network has seen: a strong synthetic shift, few cells.

The cells that are adapted to come from TRAIN, as TEST has four source cells of one class; those that are asked about
are all of TEST but the sources that both share. Nothing is chosen by the figures.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.shifts.kinds import GRADES, MICROSCOPE, shift
from benchmarks.shifts.measure import file_of, upright
from benchmarks.shifts.pictures import Shown, sample
from edge_runtime.adapt.adaptation import Adaptation, adapt, parts
from edge_runtime.adapt.embedding import Embedder, Embedding
from edge_runtime.adapt.sample import Sample
from edge_runtime.adapt.tuning import logits, maxima
from edge_runtime.card import load_card, read_model
from edge_runtime.dataset import LabelledImage, open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.graph import read_graph
from edge_runtime.head import find_head, last_convolutions
from edge_runtime.markdown import table
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.rewrite import with_head

PER_CLASS = (5, 10, 25)
PER_SOURCE = 2  # pictures of each source cell of TEST that are asked about
GRADE = 4  # of benchmarks.shifts.GRADES
AIM = 0.90  # balanced accuracy after 25 cells a class

Reals = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Trial:
    """One bundle at one microscope with so many pictures a class, of `sources` source cells in all.

    Balanced accuracies: `before` and `after` on TEST's other sources, each source counting once; `expected` and
    `expected_before` on the few cells themselves, left out by fifths, by which `leukolite adapt` writes a bundle or
    not. `prior` is None where the last convolutions were tuned.
    """

    view: str
    microscope: int
    per_class: int
    sources: int
    before: float
    after: float
    expected_before: float
    expected: float
    prior: dict[str, float] | None

    @property
    def written(self) -> bool:
        """Whether `leukolite adapt` would have written the bundle."""
        return self.expected > self.expected_before

    @property
    def used(self) -> float:
        """What the user has in the end: the adapted bundle's figure, or that of the bundle as it was."""
        return self.after if self.written else self.before


@dataclass(frozen=True)
class Report:
    """All trials, in order."""

    models: tuple[dict[str, str], ...]
    grade: int
    trials: tuple[Trial, ...]
    provenance: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """Pictures and what a bundle makes of them; those that show it no cell have NaN everywhere, and read zeros."""

    shown: tuple[Shown, ...]
    maxima: Reals
    probabilities: Reals
    reads: tuple[Reals, ...]

    @property
    def usable(self) -> npt.NDArray[np.bool_]:
        """Which pictures show a cell, bool [n]."""
        return ~np.isnan(self.maxima[:, 0])


def measure(
    models: Sequence[Path],
    data: Path,
    *,
    groups: Path,
    microscopes: int,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Adapt each bundle at each of some synthetic microscopes.

    Args:
        models: bundles.
        data: the data set with both splits.
        groups: which pictures show the same cell.
        microscopes: how many, at least 1; each has a draw of cells of its own.
        advance: called after each microscope.
    """
    started, contents = time.time(), [read_model(path) for path in models]
    embedders = [
        Embedder(content, load_card(content), name=show(path)) for content, path in zip(contents, models, strict=True)
    ]
    asked = sample(open_dataset(data, split="TEST"), groups=groups, per_source=PER_SOURCE, seed=0)
    trials = []
    for number in range(microscopes):
        drawn = draw(data, groups=groups, seed=number)
        few, others = (look(embedders, pictures, microscope=number) for pictures in (drawn, asked))
        for content, embedder, own, rest in zip(contents, embedders, few, others, strict=True):
            trials += [try_out(content, embedder, own, rest, microscope=number, per_class=count) for count in PER_CLASS]
        advance()
    described = tuple(
        {"file": path.name, "view": load_card(content).input.view}
        for path, content in zip(models, contents, strict=True)
    )
    return Report(described, GRADE, tuple(trials), collect(packages=RUNTIME_PACKAGES, started=started))


def draw(data: Path, *, groups: Path, seed: int) -> tuple[Shown, ...]:
    """The pictures of TRAIN that a user labels: as many of each class as the largest of PER_CLASS, in turn by class.

    From different sources as long as there are any, then further ones of the same, as a user meets a cell twice.
    """
    pool = sample(open_dataset(data, split="TRAIN"), groups=groups, per_source=2, seed=seed)
    random = np.random.default_rng(seed)
    rows = []
    for label in sorted({shown.label for shown in pool}):
        own = [shown for shown in pool if shown.label == label]
        order = random.permutation(len(own))
        met: dict[str, int] = {}
        turns = []
        for index in order:
            source = own[index].source
            turns.append((met.get(source, 0), index))
            met[source] = met.get(source, 0) + 1
        chosen = [own[index] for _, index in sorted(turns, key=lambda turn: turn[0])][: max(PER_CLASS)]
        if len(chosen) < max(PER_CLASS):
            raise LeukoliteError(
                expected=f"{max(PER_CLASS)} pictures of each class in TRAIN of {show(data)}",
                found=f"{len(chosen)} of {show(label)}",
                remedy="use the whole data set",
            )
        rows.append(chosen)
    return tuple(shown for row in zip(*rows, strict=True) for shown in row)


def look(embedders: Sequence[Embedder], pictures: Sequence[Shown], *, microscope: int) -> list[Seen]:
    """What each bundle makes of pictures that one microscope has taken."""
    found: list[list[Embedding | None]] = [[] for _ in embedders]
    for shown in pictures:
        content = file_of(shift(upright(shown), kind=MICROSCOPE, grade=GRADE, seed=microscope, name=MICROSCOPE))
        for own, embedder in zip(found, embedders, strict=True):
            own.append(_embed(embedder, content))
    return [_seen(pictures, own, embedder) for own, embedder in zip(found, embedders, strict=True)]


def _embed(embedder: Embedder, content: bytes) -> Embedding | None:
    """What a bundle makes of a picture; None where it finds no cell."""
    try:
        return embedder.embed(content)
    except LeukoliteError:
        return None


def _seen(pictures: Sequence[Shown], found: Sequence[Embedding | None], embedder: Embedder) -> Seen:
    """One bundle's, as arrays."""
    channels = sum(own.shape[1] for own in embedder.head.weights)
    nothing = np.full(channels, np.nan, np.float32), np.full(len(embedder.head.bias), np.nan, np.float32)
    return Seen(
        tuple(pictures),
        np.stack([nothing[0] if each is None else each.maxima for each in found]),
        np.stack([nothing[1] if each is None else each.probabilities for each in found]),
        tuple(
            np.stack(
                [np.zeros(own.reads.shape[1:], np.float32) if each is None else each.reads[tower] for each in found]
            )
            for tower, own in enumerate(embedder.convolutions)
        ),
    )


def try_out(content: bytes, embedder: Embedder, few: Seen, others: Seen, *, microscope: int, per_class: int) -> Trial:
    """Adapt to the first so many pictures of each class, and ask about the others."""
    labels = load_card(content).labels
    cells = _sample(few, labels, count=per_class * len(labels))
    found = adapt(
        cells,
        embedder.head,
        convolutions=embedder.convolutions,
        labels=labels,
        model={},
        data={"sha256": ""},
        provenance={},
    )
    known = {few.shown[index].source for index in range(len(few.shown))}
    asked = np.array([shown.source not in known for shown in others.shown])
    truth = np.array([labels.index(shown.label) for shown in others.shown])
    sources = np.array([shown.source for shown in others.shown])
    before, after = (
        np.where(others.usable, np.nan_to_num(values).argmax(axis=1), -1)
        for values in (others.probabilities, _adapted(content, found, others))
    )
    return Trial(
        view=load_card(content).input.view,
        microscope=microscope,
        per_class=per_class,
        sources=len(set(cells.group_names)),
        before=by_source(truth[asked], before[asked], sources[asked]),
        after=by_source(truth[asked], after[asked], sources[asked]),
        expected_before=found.before.balanced_accuracy or 0.0,
        expected=found.after.balanced_accuracy or 0.0,
        prior=asdict(found.prior) if found.prior else None,
    )


def _sample(few: Seen, labels: Sequence[str], *, count: int) -> Sample:
    """The first pictures of some that show a cell, as `leukolite adapt` would see them with a groups file."""
    kept = [index for index in range(count) if few.usable[index]]
    shown = [few.shown[index] for index in kept]
    names = [each.source for each in shown]
    return Sample(
        images=tuple(LabelledImage(each.path, each.name, each.label) for each in shown),
        maxima=few.maxima[kept],
        probabilities=few.probabilities[kept],
        classes=np.array([labels.index(each.label) for each in shown]),
        groups=np.unique(names, return_inverse=True)[1].astype(np.int64),
        group_names=tuple(names),
        unusable=(),
        warnings=(),
        reads=tuple(own[kept] for own in few.reads),
    )


def _adapted(content: bytes, found: Adaptation, others: Seen) -> Reals:
    """Logits by the layers that the adapted bundle holds, quantised where it is int8, but for the rounding of maps."""
    model = with_head(content, found.head, features=found.features, convolutions=found.convolutions, name="the bundle")
    graph = read_graph(model)
    head, features = find_head(graph, name="it"), parts(others.maxima, found.head)
    if found.convolutions:
        features = maxima(others.reads, last_convolutions(graph, head, name="it"))
    return logits(features, head.weights, head.bias)


def by_source(truth: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], sources: npt.NDArray[np.str_]) -> float:
    """Balanced accuracy in which each source cell counts once, however many pictures show it."""
    rates = []
    for label in np.unique(truth):
        own = truth == label
        rates.append(
            mean(float((answers[own & (sources == name)] == label).mean()) for name in np.unique(sources[own]))
        )
    return mean(rates)


def shortfalls(report: Report) -> Iterator[str]:
    """Where the aim is missed, a line each."""
    for view in (model["view"] for model in report.models):
        reached = mean(trial.used for trial in _trials(report, view, max(PER_CLASS)))
        if reached < AIM:
            yield f"{view}: balanced accuracy {reached:.3f} from {max(PER_CLASS)} cells a class, below {AIM:g}"


def to_markdown(report: Report) -> str:
    """A row a bundle and number of cells, and what a reader must know."""
    header = ("view", "a class", "before", "after", "worst and best", "left out said", "written")
    rows = [
        (
            view,
            count,
            f"{mean(trial.before for trial in own):.3f}",
            f"{mean(trial.used for trial in own):.3f}",
            f"{min(trial.used for trial in own):.3f} to {max(trial.used for trial in own):.3f}",
            f"{mean(trial.expected for trial in own):.3f}",
            f"{sum(trial.written for trial in own)} of {len(own)}",
        )
        for view in (model["view"] for model in report.models)
        for count in PER_CLASS
        if (own := _trials(report, view, count))
    ]
    microscopes = len({trial.microscope for trial in report.trials})
    return table(header, rows, align="lrrrlrr") + (
        f"\nBalanced accuracy by source cell on TEST, means over {microscopes} synthetic microscopes of grade"
        f" {report.grade} of {GRADES}, each with another draw of cells from TRAIN. *Left out said* is what `leukolite"
        " adapt` prints as AFTER, from the few cells alone; where that is no better than before, it writes nothing, and"
        " *after* counts the bundle as it was.\n"
    )


def _trials(report: Report, view: str, per_class: int) -> list[Trial]:
    """Those of the bundle of a view with so many pictures a class."""
    return [trial for trial in report.trials if (trial.view, trial.per_class) == (view, per_class)]
