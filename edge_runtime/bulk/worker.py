"""Classify the shards of a plan, one after the other: what runs in each actor of a bulk run."""

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from edge_runtime.bulk.plan import Plan, begun_name, printable, shard_name
from edge_runtime.bulk.results import to_parquet
from edge_runtime.bulk.store import READERS, Store
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.prediction import Prediction, failed

ATTEMPTS = 3
"""How often a shard is begun in one run: Ray replaces a worker that died without end, and a file may have killed it."""

RETRY_AFTER_S = (1, 2)
"""How long to wait before a read that the store itself refused is tried again."""


@dataclass(frozen=True)
class Job:
    """All that an actor needs; pickled, it holds the model itself, and no open file."""

    plan: Plan
    source: Store
    target: Store
    classifier: Classifier


class Worker:
    """Classifies whole shards. Ray Data makes one in each actor and hands it batches of their numbers."""

    def __init__(self, job: Job) -> None:
        """Load the model, once."""
        self.job = job
        job.classifier.load()

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Do the shards of a batch.

        Returns them with `failure`, '' or why one could not be done, and `successor`, the id of this worker if it
        stands in for one that died, else ''.
        """
        shards = [int(shard) for shard in batch["shard"]]
        failures = [self.attempt(shard) for shard in shards]
        return {"shard": shards, "failure": failures, "successor": [_successor()] * len(shards)}

    def attempt(self, shard: int) -> str:
        """Do a shard; returns the reason, on one line, when it cannot be done."""
        try:
            self.do(shard)
        except (LeukoliteError, OSError) as error:
            return f"shard {shard}: {error if isinstance(error, LeukoliteError) else reason(error)}"
        return ""

    def do(self, shard: int) -> None:
        """Write a shard's results, unless they are there: a worker may die after it has written them."""
        job = self.job
        if job.target.has(shard_name(shard)):
            return
        job.source.check()  # else every image of a folder that is not mounted here would be a bad one
        with self._begun(shard):
            names = job.plan.names(job.target, shard)
            predictions = self._local(names) if job.source.is_local else self._remote(names)
            job.target.write(shard_name(shard), to_parquet(predictions, labels=job.plan.labels))

    @contextmanager
    def _begun(self, shard: int) -> Iterator[None]:
        """Leave word in OUTPUT meanwhile; LeukoliteError when ATTEMPTS workers have died in it."""
        name, target = begun_name(shard), self.job.target
        attempts = len(target.read(name)) if target.has(name) else 0
        if attempts == ATTEMPTS:
            raise LeukoliteError(
                expected="its worker to live",
                found=f"{attempts} that died",
                remedy="give each more memory, or find the file that kills it",
            )
        target.write(name, b"." * (attempts + 1))
        try:
            yield
        finally:
            target.delete(name)

    def _local(self, names: Sequence[str]) -> Iterator[Prediction]:
        """Predictions of files, in their order."""
        for name in names:
            path = self.job.source.path(name)
            yield replace(self.job.classifier.classify(path), path=printable(path))

    def _remote(self, names: Sequence[str]) -> Iterator[Prediction]:
        """Predictions of objects, in their order; READERS threads read ahead."""
        reads: deque[tuple[str, Future[bytes | str]]] = deque()
        with ThreadPoolExecutor(READERS) as pool:
            for name in names:
                reads.append((name, pool.submit(self._read, name)))
                if len(reads) > READERS:
                    yield self._classify(*reads.popleft())
            while reads:
                yield self._classify(*reads.popleft())

    def _classify(self, name: str, read: "Future[bytes | str]") -> Prediction:
        """The prediction of an object when its content, or why there is none, has been read."""
        path, content = printable(f"{self.job.source.name}/{name}"), read.result()
        if isinstance(content, str):
            return failed(path, content)
        return replace(self.job.classifier.classify(content), path=path)

    def _read(self, name: str) -> bytes | str:
        """The content of an object, or why it has none that can be used.

        Raises the store's own errors, after some tries: an hour without network must stop the run, and not become
        a million rows that look like bad images.
        """
        for pause in RETRY_AFTER_S:
            try:
                return self._read_once(name)
            except OSError:
                time.sleep(pause)
        return self._read_once(name)

    def _read_once(self, name: str) -> bytes | str:
        """The same without patience."""
        try:
            return self.job.source.read(name)
        except (FileNotFoundError, PermissionError) as error:
            unreadable = LeukoliteError(
                expected="a file that can be read",
                found=error.strerror or reason(error),
                remedy="check the path and its permissions",
            )
            return str(unreadable)
        except LeukoliteError as error:
            return str(error)


def _successor() -> str:
    """The id of this process if it is an actor that stands in for one that died; '' otherwise."""
    import ray

    context = ray.get_runtime_context()
    return str(context.get_worker_id()) if context.was_current_actor_reconstructed else ""
