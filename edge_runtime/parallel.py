"""Classify many pictures on all cores: in processes forked from this one, each with an interpreter of its own.

Processes and not threads, since much of a picture's time holds Python's lock. Forked and not started anew, since they
are there within milliseconds, with all that is imported and the model's bytes in memory that they share.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import TYPE_CHECKING

from edge_runtime.classifier import Classifier
from edge_runtime.prediction import Prediction

if TYPE_CHECKING:
    from edge_runtime.helper import Helper, Here

_WORTH = 16  # pictures for which a further interpreter is worth the time that making it takes
_CHUNK = 16  # pictures that a worker is handed together: handing over takes a tenth of the time of one


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_workers(pictures: int, *, num_threads: int) -> int:
    """How many classify side by side: as many as fill the processors, of interpreters with `num_threads` each."""
    return max(1, min(cores() // num_threads, pictures // _WORTH))


@contextmanager
def classify_all(classifier: Classifier, paths: Iterable[str], *, workers: int) -> Iterator[Iterator[Prediction]]:
    """The prediction of each path, in their order; the iterable is read no further ahead than some chunks a worker.

    Leaving the context ends the helpers, however many are done.
    Of a helper that is killed one picture is lost, whose prediction says so; the others do the rest.
    A fork copies no thread, and so keeps for ever what one has locked: where this process has several, or is none of
    Linux's, the helpers are threads.

    Args:
        classifier: its own interpreter, in this process, is one of the workers'.
        paths: of the pictures.
        workers: how many classify side by side; 1 is this thread alone.
    """
    if workers == 1:
        yield map(classifier.classify, paths)
        return
    from edge_runtime.helper import Here
    from edge_runtime.threads import in_order

    with _helpers(classifier, workers - 1) as helpers:
        chunks = in_order(_by_whom_is_idle([Here(classifier), *helpers]), _chunks(paths), workers=workers)
        try:
            yield (prediction for chunk in chunks for prediction in chunk)
        finally:
            chunks.close()


@contextmanager
def _helpers(classifier: Classifier, count: int) -> "Iterator[Sequence[Helper | Here]]":
    """So many others that classify as this one does; none is left when this is over."""
    from edge_runtime.helper import Helper, Here, held_back

    if sys.platform != "linux" or threading.active_count() > 1:
        yield [Here(classifier.twin()) for _ in range(count)]
        return
    helpers: list[Helper] = []
    try:
        with held_back(), suppress(OSError):  # of a system that grants no more: those that there are do the work
            for _ in range(count):
                helpers.append(Helper(classifier.twin(), elders=helpers))
        yield helpers
    finally:
        for helper in helpers:
            helper.dismiss()
        for helper in helpers:
            helper.wait()


def _by_whom_is_idle(workers: "Sequence[Helper | Here]") -> Callable[[list[str]], list[Prediction]]:
    """What classifies some paths, in whichever thread, by one of the workers that are alive and have nothing to do."""
    from queue import SimpleQueue

    idle: SimpleQueue[Helper | Here] = SimpleQueue()
    for each in workers:
        idle.put(each)

    def classify(chunk: list[str]) -> list[Prediction]:
        done: list[Prediction] = []
        while len(done) < len(chunk):
            mine = idle.get()
            try:
                mine.classify(chunk[len(done) :], done)
            finally:
                if mine.alive:
                    idle.put(mine)
        return done

    return classify


def _chunks(paths: Iterable[str]) -> Iterator[list[str]]:
    """The paths, some at a time."""
    rest = iter(paths)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
