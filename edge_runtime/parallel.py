"""Classify many pictures on all cores: threads, each with an interpreter of its own.

Threads and not processes: decoding and invoking, most of the time, release Python's lock; the model's bytes are held
once, and an interrupted command leaves nobody behind.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from edge_runtime.classifier import Classifier, Prediction

Item = TypeVar("Item")
Result = TypeVar("Result")

_WORTH = 16  # pictures for which a further interpreter is worth the time that making it takes
_AHEAD = 4  # pictures a worker that may be done before their turn: one that takes long holds up none of the others


def cores() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def count_workers(pictures: int, *, num_threads: int) -> int:
    """How many classify side by side: as many as fill the processors, of interpreters with `num_threads` each."""
    return max(1, min(cores() // num_threads, pictures // _WORTH))


def classify_all(classifier: Classifier, paths: Iterable[str], *, workers: int) -> Iterator[Prediction]:
    """The prediction of each path, in their order; the iterable is read no further ahead than a few a worker.

    Args:
        classifier: its own interpreter is one of the workers'.
        paths: of the pictures.
        workers: how many classify side by side; 1 is this thread alone.
    """
    if workers == 1:
        yield from map(classifier.classify, paths)
        return
    from queue import SimpleQueue

    idle: SimpleQueue[Classifier] = SimpleQueue()
    for each in (classifier, *(classifier.twin() for _ in range(workers - 1))):
        idle.put(each)

    def classify(path: str) -> Prediction:
        mine = idle.get()
        try:
            return mine.classify(path)
        finally:
            idle.put(mine)

    yield from in_order(classify, paths, workers=workers)


def in_order(work: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """The results of `work`, which so many threads do side by side, in the order of the items.

    What it raises is raised in its turn. However it ends, no thread works on when this is over.
    """
    from collections import deque
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            while waiting and (len(waiting) >= _AHEAD * workers or waiting[0].done()):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
