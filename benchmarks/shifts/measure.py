"""Show shifted pictures to models, as a device gets them."""

import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from queue import SimpleQueue

from PIL import Image

from benchmarks.shifts.answers import NONE, Answers, Measured
from benchmarks.shifts.kinds import GRADES, shift
from benchmarks.shifts.pictures import Shown
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import Dataset
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.evaluation import check_labels
from edge_runtime.image import Pixels, decode, decode_field
from edge_runtime.native import hushed
from edge_runtime.parallel import count_workers
from edge_runtime.progress import progress
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.threads import in_order

Crew = Sequence[Classifier]  # one of each model, for one thread
Rows = list[list[list[int]]]  # by model, kind and grade


def measure(
    models: Mapping[str, Path], dataset: Dataset, pictures: Sequence[Shown], *, kinds: Sequence[str], seed: int
) -> Measured:
    """What each model answers to each picture at each grade of each kind.

    A model answers what `leukolite classify` would print: below its threshold, or without a cell, nothing. A picture is
    decoded once, at its full size; shifted, it reaches all models as the bytes of a file that loses nothing.

    Args:
        models: bundles by the names that the report gives them.
        dataset: what the pictures are from.
        pictures: at least one.
        kinds: of benchmarks.shifts.KINDS.
        seed: of the shifts.

    Raises LeukoliteError when a model or a picture cannot be read, or the class folders are not a model's labels.
    """
    started, labels = time.time(), dataset.labels
    crew = [Classifier(path) for path in models.values()]
    for classifier in crew:
        check_labels(dataset, classifier.card.labels)
    workers = count_workers(len(pictures), num_threads=1)
    idle: SimpleQueue[Crew] = SimpleQueue()
    with hushed():
        for _ in range(workers):
            idle.put([classifier.twin() for classifier in crew])

    def work(shown: Shown) -> Rows:
        mine = idle.get()
        try:
            return _answers(mine, shown, kinds=kinds, labels=labels, seed=seed)
        finally:
            idle.put(mine)

    rows = []
    with progress("shift", total=len(pictures)) as advance:
        for row in in_order(work, pictures, workers=workers):
            rows.append(row)
            advance()
    answers = tuple(
        Answers(
            name=name,
            model=classifier.path.name,
            sha256=(classifier.digest,),
            variant=classifier.card.variant,
            view=classifier.card.input.view,
            predicted={
                kind: tuple(tuple(row[model][which][grade] for row in rows) for grade in range(GRADES + 1))
                for which, kind in enumerate(kinds)
            },
        )
        for model, (name, classifier) in enumerate(zip(models, crew, strict=True))
    )
    return Measured(
        data={"root": dataset.root.resolve().name, "split": _splits(dataset, pictures)},
        labels=labels,
        pictures=tuple((shown.name, labels.index(shown.label), shown.source) for shown in pictures),
        seed=seed,
        answers=answers,
        provenance=collect(packages=RUNTIME_PACKAGES, started=started),
    )


def _splits(dataset: Dataset, pictures: Sequence[Shown]) -> str | None:
    """The splits that the pictures are from, with whose folder their names begin; None where there are no splits."""
    return "+".join(sorted({PurePath(shown.name).parts[0] for shown in pictures})) if dataset.split else None


def upright(shown: Shown) -> Pixels:
    """A picture as large as it was taken, upright, uint8 [height, width, 3]."""
    try:
        size = decode_field(shown.path, height_px=1, width_px=1)
        return decode(shown.path, height_px=size.source_height_px, width_px=size.source_width_px)
    except LeukoliteError as error:
        raise LeukoliteError(
            expected=f"to be able to read {show(shown.name)}", found=error.found, remedy="replace the file"
        ) from error


def _answers(crew: Crew, shown: Shown, *, kinds: Sequence[str], labels: Sequence[str], seed: int) -> Rows:
    """All answers to one picture."""
    pixels = upright(shown)
    untouched = [_answer(classifier, file_of(pixels), labels) for classifier in crew]
    rows: Rows = [[[answer] for _ in kinds] for answer in untouched]
    for which, kind in enumerate(kinds):
        for grade in range(1, GRADES + 1):
            content = file_of(shift(pixels, kind=kind, grade=grade, seed=seed, name=shown.name))
            for row, classifier in zip(rows, crew, strict=True):
                row[which].append(_answer(classifier, content, labels))
    return rows


def _answer(classifier: Classifier, content: bytes, labels: Sequence[str]) -> int:
    """The class that a model answers; NONE where it gives none, len(labels) for one that the data set has not.

    Raises LeukoliteError when what became of a picture can no longer be read: that is no wrong answer.
    """
    prediction = classifier.classify(content)
    if prediction.error is not None:
        raise LeukoliteError(
            expected="pictures that can be read when they are shifted, the widest six times as large either way",
            found=prediction.error,
            remedy="take smaller pictures, or leave out the kind wider",
        )
    label = prediction.label
    if label is None:
        return NONE
    return labels.index(label) if label in labels else len(labels)


def file_of(pixels: Pixels) -> bytes:
    """The picture as a file: BMP, which loses nothing and takes the least time."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()
