"""Use one classifier from many threads for long: `python -m tests.soak [MODEL] --minutes 10 --threads 8`.

Good, odd and damaged files of tests/corpus.py, as bytes and from disk. Every answer must be the one that one thread
got before; memory may drift by MAX_DRIFT at most, and descriptors not at all. Prints what it saw as JSON; status 1
when something is wrong.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_runtime.classifier import Classifier
from edge_runtime.memory import PROC, read_kb
from tests import corpus

MAX_DRIFT = 0.05
SAMPLES = 50  # looks at memory and descriptors, spread over the time


@dataclass(frozen=True)
class Soak:
    """What was seen: memory in kB and open descriptors over the time, and what was wrong with the answers."""

    seconds: float
    threads: int
    classified: int
    memory_kb: Sequence[int]
    descriptors: Sequence[int]
    failures: Sequence[str]

    @property
    def drift(self) -> float:
        """By which part the memory grew, from the median of the first fifth of the looks to that of the last."""
        part = max(1, len(self.memory_kb) // 5)
        first, last = statistics.median(self.memory_kb[:part]), statistics.median(self.memory_kb[-part:])
        return last / first - 1

    def complaints(self) -> list[str]:
        """What is wrong, a line each."""
        found = list(self.failures)
        if self.drift > MAX_DRIFT:
            found.append(f"memory grew by {self.drift:.1%}, more than {MAX_DRIFT:.0%}")
        # Each thread holds one file open now and then: the first and the last look are taken while none works.
        if self.descriptors[-1] != self.descriptors[0]:
            found.append(f"{self.descriptors[0]} open descriptors became {self.descriptors[-1]}")
        return found


def soak(work: Callable[[int], str | None], *, threads: int, seconds: float, warm_up: int) -> Soak:
    """Call `work(n)` with growing n in each of so many threads; it returns what is wrong, or None.

    The looks begin, and last so many seconds, when each thread has called `warm_up` times: until then memory grows,
    as the allocator gives each thread an arena that must hold the largest.
    """
    over, warm, failures, counts = threading.Event(), threading.Barrier(threads + 1), [], [0] * threads

    def run(thread: int) -> None:
        while not over.is_set():
            failure = work(counts[thread])
            counts[thread] += 1
            if failure:
                failures.append(failure)
                over.set()
            if counts[thread] == warm_up:
                warm.wait()
        if counts[thread] < warm_up:
            warm.wait()

    memory, descriptors = [], [_descriptors()]
    workers = [threading.Thread(target=run, args=(thread,)) for thread in range(threads)]
    started = time.monotonic()
    for worker in workers:
        worker.start()
    warm.wait()
    for _ in range(SAMPLES):
        over.wait(seconds / SAMPLES)
        memory.append(read_kb(PROC / "self" / "status", "VmRSS") or 0)
        descriptors.append(_descriptors())
    over.set()
    for worker in workers:
        worker.join()
    descriptors.append(_descriptors())
    return Soak(time.monotonic() - started, threads, sum(counts), memory, descriptors, failures)


def write_sources(folder: Path) -> list[bytes | Path]:
    """The small files of the corpus, in turn on the disk and as bytes."""
    sources: list[bytes | Path] = []
    for number, case in enumerate(corpus.small()):
        path = folder / case.name
        path.write_bytes(case.content)
        sources.append(path if number % 2 else case.content)
    return sources


def classifying(classifier: Classifier, sources: Sequence[bytes | Path]) -> Callable[[int], str | None]:
    """Work for `soak`: the n-th source, beginning anew after the last, and whether its answer is what it was before."""
    expected = [_answer(classifier, source) for source in sources]

    def work(number: int) -> str | None:
        place = number % len(sources)
        answer = _answer(classifier, sources[place])
        return None if answer == expected[place] else f"source {place}: {answer} instead of {expected[place]}"

    return work


def _answer(classifier: Classifier, source: bytes | Path) -> tuple[object, ...]:
    """All of a prediction but the time it took."""
    prediction = classifier.classify(source)
    return prediction.label, prediction.confidence, tuple(prediction.probabilities.values()), prediction.error


def _descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir(PROC / "self" / "fd"))


def main() -> int:
    """Soak, print and judge."""
    parser = argparse.ArgumentParser(prog="tests.soak", description=__doc__)
    parser.add_argument("model", nargs="?", help="a bundle (default: the one shipped)")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--threads", type=int, default=8)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        sources = write_sources(Path(folder))
        work = classifying(Classifier(args.model).load(), sources)
        seen = soak(work, threads=args.threads, seconds=60 * args.minutes, warm_up=len(sources))
    print(json.dumps({**asdict(seen), "drift": seen.drift}))
    for complaint in seen.complaints():
        print(f"soak: {complaint}", file=sys.stderr)
    return 1 if seen.complaints() else 0


if __name__ == "__main__":
    raise SystemExit(main())
