"""Many pictures at once: on all cores, in order, and over when it is over."""

import os
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from edge_runtime import parallel
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteWarning
from edge_runtime.memory import PROC, read_kb
from edge_runtime.parallel import classify_all, count_workers
from edge_runtime.prediction import failed
from edge_runtime.sample import sample_jpeg
from tests.tiny_model import bundle_bytes, save


@pytest.mark.parametrize(
    ("pictures", "num_threads", "workers"),
    [(0, 1, 1), (1, 1, 1), (31, 1, 1), (32, 1, 2), (64, 1, 4), (10**6, 1, 4), (10**6, 2, 2), (10**6, 3, 1), (99, 8, 1)],
)
def test_workers_fill_the_processors(pictures, num_threads, workers, monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 4)
    assert count_workers(pictures, num_threads=num_threads) == workers


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_predictions_are_those_of_one_thread(bundle, colors, workers):
    classifier = Classifier(bundle)
    paths = sorted(map(str, colors.rglob("*.png"))) * 20
    expected = [classifier.classify(path).label for path in paths]
    with classify_all(classifier, iter(paths), workers=workers) as predictions:
        found = list(predictions)
    assert [prediction.path for prediction in found] == paths
    assert [prediction.label for prediction in found] == expected


def test_each_worker_is_a_process_and_all_are_used(bundle, monkeypatch):
    monkeypatch.setattr(Classifier, "classify", lambda self, path: time.sleep(0.01) or failed(path, str(os.getpid())))
    with classify_all(Classifier(bundle), map(str, range(60)), workers=3) as predictions:
        assert len({prediction.error for prediction in predictions}) == 3
    with pytest.raises(ChildProcessError):  # none is left, not even to be waited for
        os.waitpid(-1, os.WNOHANG)


def test_beside_other_threads_each_worker_is_one_with_an_interpreter_of_its_own(bundle, monkeypatch):
    together, used, over = threading.Barrier(3), set(), threading.Event()

    def classify(self, path):
        used.add(self.model)
        together.wait(timeout=30)

    monkeypatch.setattr(Classifier, "classify", classify)
    monkeypatch.setattr(parallel, "_CHUNK", 1)
    other = threading.Thread(target=over.wait)
    other.start()
    try:
        with classify_all(Classifier(bundle), ["a", "b", "c"], workers=3) as predictions:
            list(predictions)
    finally:
        over.set()
        other.join()
    assert len(used) == 3


def test_a_model_that_computes_otherwise_is_warned_of_once(tmp_path):
    content = bundle_bytes(golden={"input_sha256": "0" * 64, "output": [0] * 4})
    classifier = Classifier(save(tmp_path / "a.tflite", content), golden="warn")
    with pytest.warns(LeukoliteWarning):
        classifier.load()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert classifier.twin().model is not classifier.model


def test_a_folder_on_two_cores_takes_less_than_100_mb(tmp_path):
    """With the shipped model on x86-64: 75 MB on two cores, and about 11 more for each further one."""
    (tmp_path / "one.jpg").write_bytes(sample_jpeg())
    process = subprocess.Popen(
        [sys.executable, "-m", "edge_runtime", "classify", "-", "--format", "jsonl"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        preexec_fn=lambda: os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2]),
    )
    process.stdin.write(f"{tmp_path / 'one.jpg'}\n" * 500)
    process.stdin.close()
    done, most = 0, 0
    for done, _ in enumerate(process.stdout, 1):
        if done in (100, 400):
            both = [process.pid, *children(process.pid)]
            assert len(both) == 2
            most = max(most, together_kb(both))
    assert (process.wait(), done) == (0, 500)
    assert 0 < most * 1024 < 100e6


def together_kb(processes: list[int]) -> int:
    """What processes that were forked from each other take: pages that several hold are counted once.

    Of files all map the same; of the rest the kernel counts for each its share (Pss).
    """
    files = max(read_kb(PROC / str(each) / "status", "RssFile") for each in processes)
    return files + sum(read_kb(PROC / str(each) / "smaps_rollup", "Pss_Anon") for each in processes)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(child) for child in (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
