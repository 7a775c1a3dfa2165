"""Classify a whole collection on Ray Data: a pool of actors takes the shards of a plan and writes their results.

Only the numbers of shards go through Ray: the actor that classifies an image reads it, and writes its row.
Ray is no dependency of the device: it is imported where it is used (extra `cluster`).
"""

import contextlib
import io
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from edge_runtime.bulk.plan import done, open_plan, tidy
from edge_runtime.bulk.results import count
from edge_runtime.bulk.store import Store
from edge_runtime.bulk.worker import Job, Worker
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.native import hushed
from edge_runtime.progress import Advance

MOST_BLOCKS = 20_000
"""Blocks that Ray Data is given at most; of more shards each holds several."""

OBJECT_STORE_BYTES = 100_000_000
"""Shared memory of a Ray that is started here; nothing but numbers goes through it."""


@dataclass(frozen=True)
class Summary:
    """What a run found and did. `images`, `errors` and `shards` count the whole output, earlier runs' as well."""

    images: int
    errors: int
    shards: int
    shards_done: int
    shards_skipped: int
    workers_replaced: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


@dataclass(frozen=True)
class Run:
    """A job with the shards that are still to be done; `resumed` when an earlier run made the plan."""

    job: Job
    pending: tuple[int, ...]
    resumed: bool

    @property
    def images_done(self) -> int:
        """The images of the shards that were done before."""
        plan = self.job.plan
        return plan.images - sum(plan.size(shard) for shard in self.pending)


def prepare(source: str, target: str, *, classifier: Classifier, shard_size: int | None = None) -> Run:
    """The run from INPUT to OUTPUT, both a local path or a URI; writes its plan if OUTPUT has none.

    Args:
        source: a folder or prefix, searched in depth.
        target: an empty or new one, or that of an earlier run.
        classifier: the model; it travels with the job, so that no worker needs its file.
        shard_size: images a shard; default: the earlier run's, or SHARD_SIZE.

    Raises LeukoliteError when the extra is missing, there is no image, or OUTPUT belongs to something else.
    """
    images = Store(source, what="a folder with images")
    results = Store(target, what="a folder for the results")
    images.check()
    plan, resumed = open_plan(images, results, classifier=classifier, shard_size=shard_size)
    pending = sorted(set(range(plan.shards)) - done(results))
    return Run(Job(plan, images, results, classifier), tuple(pending), resumed)


def run(work: Run, *, actors: int | None = None, advance: Advance = lambda count=1, note="": None) -> Summary:
    """Do the shards that are not done yet, then count what lies in OUTPUT.

    Args:
        work: what `prepare` made.
        actors: how many classify at once, each on one CPU; default: as many as Ray has CPUs.
        advance: called with the number of images of each shard that is done.

    Raises LeukoliteError when a shard cannot be done, or a file of OUTPUT does not hold its shard; what is done
    stays, and the same command goes on with it.
    """
    started, replaced = time.monotonic(), 0
    tidy(work.job.target)
    if work.pending:
        with _ray(actors) as cpus:
            replaced = _do(work, actors=actors or cpus, advance=advance)
    images, errors = count(work.job.plan, work.job.target)
    tidy(work.job.target)
    return Summary(
        images=images,
        errors=errors,
        shards=work.job.plan.shards,
        shards_done=len(work.pending),
        shards_skipped=work.job.plan.shards - len(work.pending),
        workers_replaced=replaced,
        seconds=round(time.monotonic() - started, 3),
    )


def _do(work: Run, *, actors: int, advance: Advance) -> int:
    """Have the shards done; returns how many workers died and were replaced."""
    import ray
    from ray import data

    items = [{"shard": shard} for shard in work.pending]
    results = data.from_items(items, override_num_blocks=min(len(items), MOST_BLOCKS)).map_batches(
        Worker,
        batch_size=1,
        fn_constructor_args=(work.job,),
        compute=data.ActorPoolStrategy(size=min(actors, len(items)), max_tasks_in_flight_per_actor=2),
        num_cpus=1,
    )
    successors: set[str] = set()
    try:
        for batch in results.iter_batches(batch_size=None):
            for shard, failure, successor in zip(batch["shard"], batch["failure"], batch["successor"], strict=True):
                if failure:
                    raise _stopped(str(failure))
                successors |= {str(successor)} - {""}
                advance(work.job.plan.size(int(shard)))
    except ray.exceptions.RayError as error:
        raise _stopped(_last_line(error)) from error
    return len(successors)


@contextlib.contextmanager
def _ray(actors: int | None) -> Iterator[int]:
    """Ray with its number of CPUs: the one this process has or RAY_ADDRESS names, else one of our own meanwhile.

    It prints notices to standard output, where only data goes: they are dropped here, and stay in its logs.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # of what its native code tells the terminal
    try:
        import ray
        from ray import data
    except ImportError as error:
        raise LeukoliteError(
            expected="Ray and pyarrow to be installed", found=reason(error), remedy="install the extra `cluster`"
        ) from error
    with contextlib.redirect_stdout(io.StringIO()):
        ours = not ray.is_initialized()
        if ours:
            _start(actors)
        try:
            logging.getLogger("ray.data").setLevel(logging.CRITICAL)
            data.DataContext.get_current().enable_progress_bars = False
            yield max(1, int(ray.cluster_resources().get("CPU", 1)))
        finally:
            if ours:
                ray.shutdown()


def _start(actors: int | None) -> None:
    """Connect to RAY_ADDRESS, or start Ray on this machine, without dashboard, for as many actors as asked."""
    import ray

    address = os.environ.get("RAY_ADDRESS", "local")
    here = address == "local"
    options: dict[str, Any] = {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES} if here else {}
    if here and actors:
        options["num_cpus"] = max(actors, os.cpu_count() or 1)
    try:
        with hushed():
            ray.init(address=address, log_to_driver=False, logging_level=logging.CRITICAL, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise LeukoliteError(
            expected="to be able to start Ray" if here else f"to reach Ray at {show(address)}",
            found=show(_last_line(error)),
            remedy="see its logs in /tmp/ray" if here else "see that it runs and that RAY_ADDRESS is right",
        ) from error


def _stopped(why: str) -> LeukoliteError:
    """What to tell the user when a shard could not be done."""
    return LeukoliteError(
        expected="every shard to be done", found=show(why), remedy="remove the cause and run the same command again"
    )


def _last_line(error: BaseException) -> str:
    """What an error of Ray's comes down to: its message can hold a traceback of another process."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
