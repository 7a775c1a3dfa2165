"""What a cross-validation leaves for people: a table of sources, a page, a confusion matrix, a sheet of what fails."""

import csv
import io
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from edge_runtime import figures
from edge_runtime.dataset import LabelledImage
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.figures import draw_confusion
from edge_runtime.files import write_atomic
from edge_runtime.image import decode
from train.cells import Cells
from train.crossval import CrossValidation
from train.doubt import SourceAnswer, by_source
from train.folds import COLUMNS

SOURCES_NAME, FOLDS_NAME, PAGE_NAME = "sources.csv", "folds.csv", "crossval.md"
CONFUSION_NAME, SHEET_NAME = "confusion.png", "failing.png"

_SHEET_COLUMNS, _MOST_SHOWN = 6, 60
_THUMBNAIL_PX = (120, 160)


def save(found: CrossValidation, out: Path) -> list[SourceAnswer]:
    """Write sources.csv, folds.csv, crossval.md, confusion.png, failing.png; returns the sources, the worst first.

    folds.csv is a `--validation-split`: by it, cross-validations of other seeds hold out the same cells.
    """
    cells = found.cells
    unseen = [(origin, image.label) for origin, image in zip(cells.unseen_origins, cells.unseen, strict=True)]
    sources = by_source(found.probabilities, cells.classes, cells.origins, labels=cells.labels, unseen=unseen)
    rows = ({**asdict(answer), "confidence": f"{answer.confidence:.4f}"} for answer in sources)
    write_atomic(out / SOURCES_NAME, [_csv([field.name for field in fields(SourceAnswer)], rows)])
    dealt = ({"path": image.name, "fold": fold} for image, fold in _dealt(cells))
    write_atomic(out / FOLDS_NAME, [_csv(COLUMNS, dealt)])
    draw_confusion({"cross-validated": found.report}, out / CONFUSION_NAME)
    failing = [answer for answer in sources if answer.fails]
    if failing:
        _draw_sheet(failing[:_MOST_SHOWN], _first_images(found), out / SHEET_NAME)
    else:
        (out / SHEET_NAME).unlink(missing_ok=True)
    write_atomic(out / PAGE_NAME, ["".join(f"{line}\n" for line in _page(found, sources)).encode()])
    return sources


def _dealt(cells: Cells) -> Iterator[tuple[LabelledImage, int]]:
    """Each image and its fold; those that show no cell too, as other views see them.

    Groups that show none at all, which nobody has learned from, are dealt in turn.
    """
    folds = cells.folds.tolist()
    yield from zip(cells.images, folds, strict=True)
    of_group = {origin.group: fold for origin, fold in zip(cells.origins, folds, strict=True)}
    turns = itertools.cycle(sorted(set(folds)))
    for image, origin in zip(cells.unseen, cells.unseen_origins, strict=True):
        yield image, of_group.setdefault(origin.group, next(turns))


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> bytes:
    """The rows below the names of their columns."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return buffer.getvalue().encode("utf-8", "surrogateescape")


def _page(found: CrossValidation, sources: Sequence[SourceAnswer]) -> Iterator[str]:
    """The figures as Markdown."""
    report = found.report
    groups = report.groups or {}  # there is at least one image, and so they are there
    yield f"Cross-validated by source cell, {report.data['split'].partition(',')[0]}: {report.n:,} images,"
    yield f"{len(sources)} sources in {groups['n']} groups, none answered by a network that saw its group."
    yield f"{report.n_errors} images got no answer and count as missed."
    yield ""
    yield f"Balanced accuracy **{report.balanced_accuracy:.4f}**, accuracy {report.accuracy:.4f}"
    yield f"(95 % by group: {_interval(groups['accuracy_ci95'])})."
    if found.int8:
        yield f"Fine-tuned for int8: balanced accuracy **{found.int8.balanced_accuracy:.4f}**,"
        yield f"accuracy {found.int8.accuracy:.4f}, {found.agreement:.2%} of labels as before."
    yield ""
    yield "| class | images | groups | TPR | by group | TNR | by group |"
    yield "|:--|--:|--:|--:|--:|--:|--:|"
    for label, own in groups["per_class"].items():
        rates = f"{own['tpr']:.4f} | {_interval(own['tpr_ci95'])} | {own['tnr']:.4f} | {_interval(own['tnr_ci95'])}"
        yield f"| {show(label)} | {report.per_class[label].n} | {own['n']} | {rates} |"
    yield ""
    yield f"Sources with at most half of their images right: {sum(answer.fails for answer in sources)}."
    yield f"Were every image of the others right, the balanced accuracy would be {_without_other_errors(sources):.4f}."
    yield "The label of those with a suggestion is in doubt by confident learning; none is left out of any figure."
    yield ""
    yield "| source | label | images | right | mostly answered | P(label) | suggested |"
    yield "|:--|:--|--:|--:|:--|--:|:--|"
    for answer in sources:
        if answer.fails or answer.suggested:
            counts = f"{answer.images} | {answer.right} | {answer.answered} | {answer.confidence:.2f}"
            yield f"| {show(answer.source)} | {answer.label} | {counts} | {answer.suggested or ''} |"


def _without_other_errors(sources: Sequence[SourceAnswer]) -> float:
    """The balanced accuracy if no source had a wrong answer but those that fail."""
    images, wrong = Counter[str](), Counter[str]()
    for answer in sources:
        images[answer.label] += answer.images
        wrong[answer.label] += answer.fails * (answer.images - answer.right)
    return 1 - sum(wrong[label] / images[label] for label in images) / len(images)


def _interval(value: Sequence[float] | None) -> str:
    """An interval as text."""
    return "-" if value is None else f"{value[0]:.3f} to {value[1]:.3f}"


def _first_images(found: CrossValidation) -> dict[tuple[str, str], str]:
    """The path of an image of each source and label: the first that was answered otherwise, or the first."""
    cells, best = found.cells, found.probabilities.argmax(axis=1)
    first: dict[tuple[str, str], str] = {}
    wrong_first = sorted(range(len(cells.images)), key=lambda index: bool(best[index] == cells.classes[index]))
    for index in wrong_first:
        image = cells.images[index]
        first.setdefault((cells.origins[index].source, image.label), image.path)
    return first


def _draw_sheet(failing: Sequence[SourceAnswer], images: dict[tuple[str, str], str], path: Path) -> None:
    """An image of each failing source with its label and what it was taken for."""
    rows = -(-len(failing) // _SHEET_COLUMNS)
    figure = figures.new_figure(2.1 * _SHEET_COLUMNS, 2.0 * rows)
    axes = figure.subplots(rows, _SHEET_COLUMNS, squeeze=False)
    for panel in axes.flat:
        panel.axis("off")
    height_px, width_px = _THUMBNAIL_PX
    for panel, answer in zip(axes.flat, failing, strict=False):
        try:
            panel.imshow(decode(images[answer.source, answer.label], height_px=height_px, width_px=width_px))
        except (KeyError, LeukoliteError):  # every image of it without a cell, or gone
            panel.text(0.5, 0.5, "no picture", ha="center")
        doubt = "?" if answer.suggested else ""
        title = f"{figures.shorten(answer.source)}\n{figures.shorten(answer.label)}{doubt} taken for\n"
        panel.set_title(f"{title}{figures.shorten(answer.answered)}, {answer.right}/{answer.images}", fontsize=7)
    write_atomic(path, [figures.to_png(figure)])
