"""Latency of one image, stage by stage, int8 beside float32, on one thread unless told.

Groups are stages, so that pytest-benchmark's own table and compare tools set the two models side by side.
"""

from typing import Any

import pytest

from benchmarks.config import WARMUP_RUNS
from benchmarks.subject import Subject
from edge_runtime.image import decode


def measured(stage: str) -> pytest.MarkDecorator:
    """The group of a stage, and its warm-up."""
    return pytest.mark.benchmark(group=stage, warmup=True, warmup_iterations=WARMUP_RUNS)


@measured("decode")
def test_decode(benchmark: Any, subject: Subject) -> None:
    """JPEG bytes to the uint8 pixels that the model, or the search for cells, begins with."""
    benchmark.extra_info.update(subject.about("decode"))
    pixels = benchmark(decode, subject.picture.content, **subject.size_px)
    assert pixels.shape == (*subject.size_px.values(), 3)


@measured("invoke")
def test_invoke(benchmark: Any, subject: Subject) -> None:
    """Pixels to the raw output tensor, copies in and out included."""
    benchmark.extra_info.update(subject.about("invoke"))
    raw = benchmark(subject.classifier.model.invoke, subject.pixels)
    assert raw.shape == (subject.classifier.model.num_classes,)


@measured("end_to_end")
def test_end_to_end(benchmark: Any, subject: Subject) -> None:
    """JPEG bytes to a Prediction: what a caller of the runtime waits for. Reading the file is not in it."""
    benchmark.extra_info.update(subject.about("end_to_end"))
    prediction = benchmark(subject.classifier.classify, subject.picture.content)
    assert prediction.error is None
