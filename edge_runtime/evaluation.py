"""Evaluate a bundle on labelled images. Every image counts: none is dropped, whatever is wrong with it."""

import csv
import io
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from edge_runtime.classifier import Classifier
from edge_runtime.dataset import Dataset, digest
from edge_runtime.errors import LeukoliteError
from edge_runtime.files import write_atomic
from edge_runtime.groups import Groups
from edge_runtime.parallel import classify_all, count_workers
from edge_runtime.prediction import Prediction
from edge_runtime.progress import progress
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.report import EvalReport, Outcome, summarize
from edge_runtime.selective import selective


def evaluate(classifier: Classifier, dataset: Dataset, *, groups: Groups | None = None) -> tuple[EvalReport, list[str]]:
    """Classify every image of `dataset`, by the most probable class whatever the confidence or the picture.

    Returns:
        The report, and a line for each image that could not be read.

    Raises LeukoliteError when the class folders are not the model's labels, there is no image at all, or
    `groups` lacks one.
    """
    started = time.time()
    labels = classifier.card.labels
    check_labels(dataset, labels)
    origins = groups.assign(dataset.images) if groups else None
    outcomes, complaints, chosen = [], [], _Choices()
    paths = [image.path for image in dataset.images]
    workers = count_workers(len(paths), num_threads=classifier.num_threads)
    with (  # in this order: a progress bar has a thread
        classify_all(classifier, paths, workers=workers) as predictions,
        progress("evaluate", total=len(paths)) as advance,
    ):
        for image, prediction in zip(dataset.images, predictions, strict=True):
            if prediction.error:
                complaints.append(f"{image.name}: {prediction.error}")
            outcomes.append(Outcome(image.name, image.label, prediction.top_label, prediction.confidence))
            chosen.add(prediction)
            advance()
    report = summarize(
        outcomes,
        labels=labels,
        groups=[origin.group for origin in origins] if origins else None,
        model=describe_model(classifier),
        data=describe_data(dataset),
        provenance=collect(packages=RUNTIME_PACKAGES, started=started),
        selective=chosen.summary(outcomes, threshold=classifier.threshold),
    )
    return report, complaints


def describe_model(classifier: Classifier) -> dict[str, Any]:
    """What an EvalReport says of a bundle."""
    return {
        "file": classifier.path.name,
        "sha256": classifier.digest,
        "variant": classifier.card.variant,
        "view": classifier.card.input.view,
        "size_bytes": len(classifier.bundle.content),
    }


def describe_data(dataset: Dataset) -> dict[str, Any]:
    """What an EvalReport says of a data set, whose images are read for it."""
    return {
        "root": dataset.root.resolve().name,
        "split": dataset.split,
        "sha256": digest(dataset.images),
        "n": len(dataset.images),
    }


class _Choices:
    """Which images a user would have got a label for, and why not the others."""

    def __init__(self) -> None:
        self._answered: list[bool] = []
        self._reasons: list[str | None] = []

    def add(self, prediction: Prediction) -> None:
        """Note the next image's."""
        self._answered.append(prediction.label is not None)
        self._reasons.append(prediction.reason if prediction.refused else None)

    def summary(self, outcomes: Sequence[Outcome], *, threshold: float) -> dict[str, Any]:
        """The report's `selective` for these images."""
        return selective(
            [outcome.confidence for outcome in outcomes],
            [outcome.predicted == outcome.true for outcome in outcomes],
            answered=self._answered,
            reasons=self._reasons,
            threshold=threshold,
        )


def check_labels(dataset: Dataset, labels: Sequence[str]) -> None:
    """LeukoliteError when the class folders are not among a model's labels, or there is no image at all."""
    unknown = sorted(set(dataset.labels) - set(labels))
    if unknown or not dataset.images:
        raise LeukoliteError(
            expected=f"images in class folders among {', '.join(labels)}, as the model's labels are",
            found=", ".join(unknown) or "no image",
            remedy="choose the data set or the model so that they fit",
        )


def write_predictions(path: str | os.PathLike[str], report: EvalReport) -> None:
    """Write the report's predictions as CSV: path, true, predicted, confidence."""
    write_atomic(path, _rows(report))


def _rows(report: EvalReport) -> Iterator[bytes]:
    """The CSV, header first."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(["path", "true", "predicted", "confidence"])
    for row in report.predictions:
        writer.writerow([row.path, row.true, row.predicted or "", "" if row.confidence is None else row.confidence])
    yield buffer.getvalue().encode("utf-8", "surrogateescape")
