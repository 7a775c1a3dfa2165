"""Latency of one image, stage by stage, model beside model, on one thread unless told.

Groups are stages, so that pytest-benchmark's own table and compare tools set the models side by side.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from benchmarks.batched import Batched
from benchmarks.config import BATCH, FOLDER_IMAGES
from benchmarks.subject import Subject
from edge_runtime.errors import LeukoliteError
from edge_runtime.image import decode
from edge_runtime.locate import locate
from edge_runtime.view import cut


@pytest.mark.benchmark(group="decode")
def test_decode(take: Any, subject: Subject) -> None:
    """JPEG bytes to the uint8 pixels that the model, or the search for cells, begins with."""
    pixels = take(lambda: decode(subject.picture.content, **subject.size_px), subject.about("decode"))
    assert pixels.shape == (*subject.size_px.values(), 3)


@pytest.mark.benchmark(group="locate")
def test_locate(take: Any, looking: Subject) -> None:
    """Those pixels to the cells in them."""
    pixels = decode(looking.picture.content, **looking.size_px)
    take(lambda: locate(pixels), looking.about("locate"))


@pytest.mark.benchmark(group="preprocess")
def test_preprocess(take: Any, subject: Subject) -> None:
    """Those pixels to what the model is shown: cells looked for, crops cut, light balanced, as its view has it."""
    pixels, view = decode(subject.picture.content, **subject.size_px), subject.classifier.card.input.seen
    crops, _ = take(lambda: cut(pixels, view), subject.about("preprocess"))
    assert crops.shape[1:] == (view.height_px, view.width_px, 3)


@pytest.mark.benchmark(group="invoke")
def test_invoke(take: Any, threaded: Subject) -> None:
    """What the model is shown to the raw output tensor, copies in and out included."""
    model, pixels = threaded.classifier.model, threaded.pixels
    raw = take(lambda: model.invoke(pixels), threaded.about("invoke"))
    assert raw.shape == (model.num_classes,)


@pytest.mark.benchmark(group="invoke")
def test_invoke_batch(take: Any, subject: Subject, leave_out: Callable[[str], NoReturn]) -> None:
    """The same of BATCH pictures at once."""
    pictures = [subject.pixels] * BATCH
    try:
        batched = Batched(subject.classifier.path, pictures=pictures, num_threads=subject.num_threads)
    except LeukoliteError as error:
        leave_out(str(error))
    raw = take(batched.invoke, subject.about("invoke", batch=BATCH))
    assert raw.shape == (BATCH, subject.classifier.model.num_classes)


@pytest.mark.benchmark(group="postprocess")
def test_postprocess(take: Any, subject: Subject) -> None:
    """The raw output tensor to a label with its probabilities."""
    raw, classifier = subject.classifier.model.invoke(subject.pixels), subject.classifier
    _, _, probabilities, _ = take(
        lambda: classifier.answer(classifier.model.probabilities(raw)), subject.about("postprocess")
    )
    assert list(probabilities) == list(classifier.card.labels)


@pytest.mark.benchmark(group="end_to_end")
def test_end_to_end(take: Any, threaded: Subject) -> None:
    """JPEG bytes to a Prediction: what a caller of the runtime waits for. Reading the file is not in it."""
    prediction = take(lambda: threaded.classifier.classify(threaded.picture.content), threaded.about("end_to_end"))
    assert prediction.error is None


@pytest.mark.benchmark(group="folder")
def test_folder(take: Any, subject: Subject, tmp_path: Path) -> None:
    """A folder of FOLDER_IMAGES files to their Predictions, one after the other: throughput is 1 / this."""
    paths = [tmp_path / f"{number}.jpeg" for number in range(FOLDER_IMAGES)]
    for path in paths:
        path.write_bytes(subject.picture.content)
    about = subject.about("folder", batch=FOLDER_IMAGES)
    predictions = take(lambda: [subject.classifier.classify(path) for path in paths], about)
    assert [each.error for each in predictions] == [None] * FOLDER_IMAGES
