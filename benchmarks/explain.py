"""What explaining costs beside classifying, and how much of the evidence lies on the cells."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.race import thread_ms
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import LabelledImage, open_dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.explanation import EvidenceMap, Explanation
from edge_runtime.heatmap import png
from edge_runtime.locate import Cell, locate
from edge_runtime.markdown import table
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.view import see

MAX_OVERHEAD = 0.05
SPLIT = "TRAIN"  # never TEST: what is looked at here may lead to another recipe
PICTURES = 8  # that are timed
WARMUP_RUNS = 20

Call = Callable[[Any], object]


@dataclass(frozen=True)
class Measurement:
    """One model. Times are of the thread's own processor time, in milliseconds.

    `plain_ms` and `explaining_ms` were taken in turn: a picture's probabilities, and those with its feature maps.
    `explain_ms` is all of `Classifier.explain` and `classify_ms` all of `Classifier.classify`; `draw_ms` is the PNG.
    `on_cells` and `area_of_cells` are each picture's share of the evidence for its answer that lies on stained cells,
    and those cells' share of the map's positions.
    """

    model: str
    variant: str
    view: str
    sha256: str
    plain_ms: tuple[float, ...]
    explaining_ms: tuple[float, ...]
    classify_ms: tuple[float, ...]
    explain_ms: tuple[float, ...]
    draw_ms: tuple[float, ...]
    on_cells: tuple[float, ...]
    area_of_cells: tuple[float, ...]

    @property
    def overhead(self) -> float:
        """How much longer an invoke takes that gives the feature maps as well: a fraction of the plain one.

        The median of pairs of neighbours in time: a machine that others use as well is now fast, now slow.
        """
        return float(np.median(np.divide(self.explaining_ms, self.plain_ms))) - 1


@dataclass(frozen=True)
class Report:
    """All models, in the order in which they were named."""

    measurements: tuple[Measurement, ...]
    provenance: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all samples."""
        return asdict(self)


def measure(models: Sequence[Path], data: Path, *, runs: int, per_class: int) -> Report:
    """Measure these models on images of TRAIN.

    Args:
        models: bundles.
        data: the data set.
        runs: how often each of PICTURES pictures is invoked both ways, at least 1.
        per_class: how many pictures of each class the evidence is looked for on, at least 1.

    Raises LeukoliteError when a model cannot explain, or there are no such images.
    """
    started, images = time.time(), choose(data, per_class=per_class)
    found = tuple(_measure(path, images, runs=runs) for path in models)
    return Report(found, collect(packages=RUNTIME_PACKAGES, started=started))


def choose(data: Path, *, per_class: int) -> list[LabelledImage]:
    """As many images of each class, evenly over their sorted names; classes in turn."""
    ordered = sorted(open_dataset(data, split=SPLIT).images, key=lambda image: (image.label, image.name))
    classes = [list(own) for _, own in groupby(ordered, key=lambda image: image.label)]
    if any(len(own) < per_class for own in classes):
        raise LeukoliteError(
            expected=f"{per_class} images of each class in {SPLIT} of {show(data)}",
            found=str(min(map(len, classes))),
            remedy="use the whole data set, or ask for fewer",
        )
    chosen = (own[:: len(own) // per_class][:per_class] for own in classes)
    return [image for row in zip(*chosen, strict=True) for image in row]


def _measure(path: Path, images: Sequence[LabelledImage], *, runs: int) -> Measurement:
    """One model."""
    classifier, explainer = Classifier(path).load(), Classifier(path).load(explaining=True)
    seen = (see(image.path, classifier.card.input.seen) for image in images)
    pictures = [pixels for pixels in seen if pixels is not None][:PICTURES]
    paths = [image.path for image in images[:PICTURES]]
    plain, explaining = in_turn(classifier.model.invoke, explainer.model.invoke_all, pictures, runs=runs)
    classified, explained = in_turn(classifier.classify, explainer.explain, paths, runs=runs)
    explanations = [each for each in (explainer.explain(image.path) for image in images) if each.maps]
    shares = [share for each in explanations if (share := on_cells(each)) is not None]
    return Measurement(
        model=path.name,
        variant=classifier.card.variant,
        view=classifier.card.input.view,
        sha256=classifier.digest,
        plain_ms=tuple(plain),
        explaining_ms=tuple(explaining),
        classify_ms=tuple(classified),
        explain_ms=tuple(explained),
        draw_ms=tuple(map(thread_ms(png), explanations[:PICTURES])),
        on_cells=tuple(share for share, _ in shares),
        area_of_cells=tuple(area for _, area in shares),
    )


def in_turn(first: Call, second: Call, given: Sequence[Any], *, runs: int) -> tuple[list[float], list[float]]:
    """The milliseconds of processor time that each takes for everything given, `runs` times, in changing order."""
    for call in (first, second) * WARMUP_RUNS:
        call(given[0])
    timed = thread_ms(first), thread_ms(second)
    samples: tuple[list[float], list[float]] = ([], [])
    for number in range(runs):
        for each in given:
            for which in (0, 1) if number % 2 else (1, 0):
                samples[which].append(timed[which](each))
    return samples


def on_cells(explanation: Explanation) -> tuple[float, float] | None:
    """The share of the evidence for the answer that lies on stained cells, and their share of the map's positions.

    A position counts whose middle lies in a nucleus's box or around it by a quarter of its size, where the rest of the
    cell is, which is stained less. None where no cell is found, or nothing speaks for the answer.
    """
    cells = locate(explanation.field)
    weight = area = total = count = 0.0
    for each in explanation.maps:
        own = np.maximum(0, each.evidence[..., each.top_class])
        inside = _inside(each, cells)
        weight, total = weight + float(own[inside].sum()), total + float(own.sum())
        area, count = area + float(inside.sum()), count + inside.size
    return (weight / total, area / count) if cells and total > 0 else None


def _inside(shown: EvidenceMap, cells: Sequence[Cell]) -> npt.NDArray[np.bool_]:
    """Which positions lie on a cell."""
    inside = np.zeros(shown.evidence.shape[:2], np.bool_)
    for cell in cells:
        rows = _near(shown.rows_px, cell.top_px, cell.bottom_px)
        inside |= rows[:, np.newaxis] & _near(shown.columns_px, cell.left_px, cell.right_px)
    return inside


def _near(middles_px: npt.NDArray[np.float64], low: int, high: int) -> npt.NDArray[np.bool_]:
    """Which middles lie in a range of half as much again in all."""
    return np.abs(middles_px - (low + high) / 2) <= 0.75 * (high - low)


def shortfalls(report: Report) -> Iterator[str]:
    """What is not within bounds, a line each."""
    for each in report.measurements:
        if each.overhead > MAX_OVERHEAD:
            yield f"{each.view} {each.variant}: explaining adds {each.overhead:.1%}, above {MAX_OVERHEAD:.0%}"


def to_markdown(report: Report) -> str:
    """A row a model, and what a reader must know."""
    header = (
        "view",
        "model",
        "more per invoke",
        "classify ms",
        "explain ms",
        "PNG ms",
        "on cells",
        "their area",
    )
    rows = [
        (
            each.view,
            each.variant,
            f"{each.overhead:+.1%}",
            *(f"{np.median(times):.2f}" for times in (each.classify_ms, each.explain_ms, each.draw_ms)),
            *(f"{np.median(shares):.0%}" for shares in (each.on_cells, each.area_of_cells)),
        )
        for each in report.measurements
    ]
    first = report.measurements[0]
    return table(header, rows, align="llrrrrrr") + (
        f"\nMedians; {len(first.plain_ms):,} invokes either way, in turn, in processor time of one thread"
        f" ({report.provenance['platform'].get('cpu') or 'an unknown processor'}). Evidence: of {len(first.on_cells)}"
        f" images of {SPLIT}, as many of each class, from which the networks learned.\n"
    )
