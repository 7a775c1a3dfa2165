"""The soak (tests/soak.py), for seconds; that it sees what it is for; and the ten minutes are run by hand."""

import os
import time

import pytest

from edge_runtime.classifier import Classifier
from tests.corpus import encode, red
from tests.soak import Soak, classifying, soak

THREADS = 8


def test_threads_on_one_classifier_leave_memory_and_descriptors_as_they_are(bundle, tmp_path):
    (tmp_path / "red.png").write_bytes(encode(red(), "PNG"))
    sources = [tmp_path / "red.png", encode(red(), "JPEG"), encode(red(), "TIFF")[:-9], tmp_path / "none.png"]
    work = classifying(Classifier(bundle).load(), sources)
    seen = soak(work, threads=THREADS, seconds=1, warm_up=5)
    assert seen.complaints() == []
    assert seen.classified >= 5 * THREADS


def test_a_wrong_answer_ends_it(bundle):
    work = classifying(Classifier(bundle).load(), [encode(red(), "PNG")])
    seen = soak(lambda n: work(n) if n < 5 else "wrong", threads=2, seconds=30, warm_up=3)
    assert set(seen.complaints()) == {"wrong"}
    assert seen.seconds < 30


@pytest.mark.timeout(60)
def test_a_wrong_answer_ends_it_before_all_threads_are_warm():
    assert "wrong" in soak(lambda n: "wrong", threads=4, seconds=1, warm_up=100).complaints()


def test_a_leak_of_memory_is_seen():
    kept = []

    def work(number: int) -> None:
        time.sleep(0.001)
        if number < 1000:  # 200 MB at most
            kept.append(bytearray(os.urandom(100_000)))

    assert any("memory grew" in each for each in soak(work, threads=2, seconds=1, warm_up=1).complaints())


def test_a_leak_of_descriptors_is_seen():
    leaked = []

    def work(number: int) -> None:
        time.sleep(0.001)
        if number < 10:
            leaked.append(os.open(os.devnull, os.O_RDONLY))

    try:
        assert any("descriptors" in each for each in soak(work, threads=2, seconds=0.1, warm_up=20).complaints())
    finally:
        for descriptor in leaked:
            os.close(descriptor)


@pytest.mark.parametrize(("last", "said"), [(1040, False), (1060, True), (900, False)])
def test_drift_is_judged_from_medians(last, said):
    memory = [1000] * 9 + [5000] + [1000] * 30 + [last] * 9 + [9000]
    seen = Soak(1.0, 1, 1, memory, [6, 7, 6], [])
    assert bool(seen.complaints()) is said
