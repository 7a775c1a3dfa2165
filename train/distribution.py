"""Training on several devices or machines at once, on tf.distribute.

A batch is the same however many replicas there are: each takes its share of the images, and sums over the batch run
over all replicas. So do the statistics of batch normalisation, and dropout draws for the whole batch, so that the
result is that of one replica but for the rounding of sums. Every replica computes the same value of every variable;
nothing has to be exchanged to read, check or save one. Only worker 0, the chief, keeps a run directory.
"""

import contextlib
import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.errors import LeukoliteError
from train.cells import Indices
from train.cluster import Cluster, rejoin

T = TypeVar("T")

# What TensorFlow raises in the others when a worker dies or begins anew, depending on when it does.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.FailedPreconditionError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Distribution:
    """How training is spread: over the replicas of `strategy`, which are alike on each of `workers` machines.

    Without a strategy there is one replica, and every method leaves things as they are.
    """

    strategy: tf.distribute.Strategy | None = None
    worker: int = 0
    workers: int = 1

    @property
    def replicas(self) -> int:
        """On all workers together."""
        return self.strategy.num_replicas_in_sync if self.strategy else 1

    @property
    def is_chief(self) -> bool:
        """Whether this worker is the one that writes."""
        return self.worker == 0

    @contextmanager
    def scope(self) -> Iterator[None]:
        """Where the variables of training are to be made: a copy for each replica, first set to the chief's."""
        if self.strategy is None:
            yield
            return
        with self.strategy.scope(), tf.variable_creator_scope(_alike):
            yield

    # What a worker does with a batch.

    def fill(self, order: Indices, *, batch_size: int) -> Indices:
        """An epoch's order whose last batch has an image for every replica; begun again where it had too few."""
        if batch_size < self.replicas:
            raise LeukoliteError(
                expected=f"a --batch-size of at least {self.replicas}, one image for each replica",
                found=str(batch_size),
                remedy="choose a larger one or fewer replicas",
            )
        last = len(order) % batch_size
        lacking = self.replicas - last if 0 < last < self.replicas else 0
        return np.concatenate([order, np.resize(order, lacking)]) if lacking else order

    def part(self, batch: Indices) -> Indices:
        """What this worker has to read of a batch: replica k takes every replicas-th image from the k-th on."""
        local = self.replicas // self.workers
        return batch if self.workers == 1 else batch[np.arange(len(batch)) % self.replicas // local == self.worker]

    def compile(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """A tf.function of (pixels, ...) that runs `step` on each replica, with its part of this worker's pixels.

        What else there is goes to all replicas. Returns what the first one returned.
        """
        if self.strategy is None:
            return tf.function(step)
        strategy, local = self.strategy, self.replicas // self.workers

        @tf.function
        def spread(pixels: tf.Tensor, *others: tf.Tensor) -> Any:
            parts = strategy.experimental_distribute_values_from_function(
                lambda replica: pixels[replica.replica_id_in_sync_group % local :: local]
            )
            results = strategy.run(step, args=(parts, *others))
            return tf.nest.map_structure(lambda result: strategy.experimental_local_results(result)[0], results)

        return spread

    # What a replica does in a step.

    def own(self, batch: tf.Tensor) -> tf.Tensor:
        """The rows of this replica in something that all were given."""
        return batch if self.replicas == 1 else batch[_replica() :: self.replicas]

    def part_of_mean(self, mean: tf.Tensor, *, own: tf.Tensor, batch: tf.Tensor) -> tf.Tensor:
        """What the mean over a replica's `own` rows adds to the mean over the batch; to be summed over replicas."""
        if self.replicas == 1:
            return mean
        return mean * tf.cast(tf.shape(own)[0] / tf.shape(batch)[0], mean.dtype)

    def together(self, mean: tf.Tensor, rows: tf.Tensor, *, batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The batch's mean from the parts of it, and a value for each row of it from each replica's own, float32."""
        if self.replicas == 1:
            return mean, rows
        places = _replica() + self.replicas * tf.range(tf.shape(rows)[0])
        spread = tf.scatter_nd(places[:, tf.newaxis], rows, tf.shape(batch)[:1])
        both = tf.distribute.get_replica_context().all_reduce(
            tf.distribute.ReduceOp.SUM, tf.concat([mean[tf.newaxis], spread], axis=0)
        )
        return both[0], both[1:]

    # What the workers agree on.

    def on_chief(self, work: Callable[[], T]) -> T:
        """What `work` returns on the chief, which must be something that JSON holds; the others wait for it.

        A LeukoliteError is raised on all of them.
        """
        if self.workers == 1:
            return work()
        outcome, error = _attempt(work) if self.is_chief else ({}, None)
        answer = json.loads(self._from_chief(json.dumps(outcome).encode()))
        if error:
            raise error
        if told := answer.get("error"):
            raise LeukoliteError(**{**told, "remedy": f"{told['remedy']} (says worker 0)"})
        return answer["value"]

    def conclude(self, work: Callable[[], T]) -> T:
        """As `on_chief`, for the last thing done: the chief does not mind whether the others are still there."""
        if not self.is_chief:
            return self.on_chief(work)
        value = work()
        with contextlib.suppress(*LOST):
            self.on_chief(lambda: value)
        return value

    def refuse_others(self, mine: object, *, what: str) -> None:
        """Raise LeukoliteError, on all workers, when `mine`, something that JSON holds, is another on the chief."""
        differs = self.on_chief(lambda: mine) != mine
        if differing := int(self._sum(np.array([differs], np.float32))[0]):
            raise LeukoliteError(
                expected=f"the same {what} on all workers",
                found=f"others than worker 0 has on {differing} of {self.workers}" + (", here too" if differs else ""),
                remedy="give all workers the same command, code and data",
            )

    def copy_from_chief(self, variables: Sequence[tf.Variable]) -> None:
        """Set variables to the chief's values, as after a checkpoint that only it has."""
        if self.strategy is None or self.workers == 1:
            return

        def copy() -> None:
            replica = tf.distribute.get_replica_context()
            for variable in variables:
                value = tf.where(tf.equal(_replica(), 0), variable, tf.zeros_like(variable))
                variable.assign(replica.all_reduce(tf.distribute.ReduceOp.SUM, value))

        tf.function(lambda: self.strategy.run(copy))()

    def _from_chief(self, message: bytes) -> bytes:
        """The chief's message, which the others need not know the length of."""
        codes = np.frombuffer(message if self.is_chief else b"", np.uint8).astype(np.float32)
        (length,) = self._sum(np.array([len(codes)], np.float32))
        return self._sum(codes if self.is_chief else np.zeros(int(length), np.float32)).astype(np.uint8).tobytes()

    def _sum(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """The sum over all workers of whole numbers below 2^24, exact in a type that every device sums."""
        if self.strategy is None or self.workers == 1:
            return values
        total = self.strategy.reduce(tf.distribute.ReduceOp.SUM, tf.identity(values), axis=None)
        return np.asarray(self.strategy.experimental_local_results(total)[0])


ALONE = Distribution()


def open_distribution(name: str | None, cluster: Cluster | None) -> Distribution:
    """The distribution of that name, None, mirrored or multiworker; the latter waits until the others are there.

    To be called before TensorFlow's first operation.
    """
    if name is None:
        return ALONE
    if cluster is None:
        return Distribution(tf.distribute.MirroredStrategy())
    with _signals_kept():
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    return Distribution(strategy, worker=cluster.worker, workers=len(cluster.addresses))


@contextmanager
def rejoining(cluster: Cluster | None, *, tell: Callable[[str], None]) -> Iterator[None]:
    """Begin this command anew when another worker of the cluster is lost meanwhile; without a cluster, do nothing."""
    try:
        yield
    except LOST as error:
        if cluster is None:
            raise
        rejoin(type(error).__name__, tell=tell)


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Have Ctrl-C end TensorFlow's waiting, which no handler of Python gets into, and SIGTERM what comes after it.

    TensorFlow takes SIGTERM for a notice to prepare for, and goes on.
    """
    before = signal.signal(signal.SIGINT, signal.SIG_DFL), signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        for number, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(number, handler)


def _alike(create: Callable[..., tf.Variable], **options: Any) -> tf.Variable:
    """Make a variable that each replica sets for itself: all compute the same value."""
    options["synchronization"] = tf.VariableSynchronization.AUTO
    options["aggregation"] = tf.VariableAggregation.NONE
    return create(**options)


def _replica() -> Any:
    """The number of this replica among all."""
    return tf.distribute.get_replica_context().replica_id_in_sync_group


def _attempt(work: Callable[[], Any]) -> tuple[dict[str, Any], LeukoliteError | None]:
    """What came of the work, as the other workers are told it."""
    try:
        return {"value": work()}, None
    except LeukoliteError as error:
        return {"error": {"expected": error.expected, "found": error.found, "remedy": error.remedy}}, error
