import contextlib
import csv
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.errors import LeukoliteError
from tests.train import tiny
from train import distribution
from train.__main__ import build_parser
from train.cluster import Cluster
from train.distribution import Distribution, rejoining
from train.recipe import settings_of

ROOT = Path(__file__).parents[2]


def spread(replicas, workers=1, worker=0):
    return Distribution(SimpleNamespace(num_replicas_in_sync=replicas), worker=worker, workers=workers)


# Dealing a batch out.


@pytest.mark.parametrize(
    ("count", "batch_size", "replicas", "added"),
    [(10, 4, 2, 0), (9, 4, 2, 1), (9, 4, 4, 3), (8, 4, 4, 0), (1, 4, 4, 3), (7, 8, 8, 1), (10, 3, 1, 0)],
)
def test_every_replica_has_an_image_of_the_last_batch(count, batch_size, replicas, added):
    order = np.random.default_rng(0).permutation(count)
    filled = spread(replicas).fill(order, batch_size=batch_size)
    assert filled.dtype == order.dtype
    assert filled[:count].tolist() == order.tolist()
    assert filled[count:].tolist() == np.resize(order, added).tolist()
    assert len(filled) % batch_size == 0 or len(filled) % batch_size >= replicas


def test_batch_smaller_than_the_replicas_is_refused(refused):
    with refused("a --batch-size of at least 4, one image for each replica, got 3"):
        spread(4).fill(np.arange(10), batch_size=3)


@pytest.mark.parametrize(("workers", "local"), [(2, 1), (3, 1), (2, 2), (3, 4)])
@pytest.mark.parametrize("count", [12, 13, 30])
def test_workers_read_each_image_once_and_each_replica_finds_its_own(workers, local, count):
    replicas, batch = workers * local, np.arange(100, 100 + count)
    parts = [spread(replicas, workers, worker).part(batch) for worker in range(workers)]
    assert sorted(np.concatenate(parts).tolist()) == batch.tolist()
    for replica in range(replicas):  # as `compile` and `own` deal them out
        assert parts[replica // local][replica % local :: local].tolist() == batch[replica::replicas].tolist()


def test_one_replica_is_no_distribution():
    alone, batch, loss = Distribution(), np.arange(3), tf.constant(2.0)
    assert (alone.replicas, alone.is_chief) == (1, True)
    assert alone.fill(batch, batch_size=2) is alone.part(batch) is alone.own(batch) is batch
    assert alone.part_of_mean(loss, own=batch, batch=batch) is loss
    assert alone.together(loss, batch, batch=batch) == (loss, batch)
    assert alone.on_chief(lambda: batch) is alone.conclude(lambda: batch) is batch
    assert not alone.refuse_others(1, what="numbers")
    with alone.scope():
        assert not tf.distribute.has_strategy()


def test_two_replicas_are_as_one(smear_root, tmp_path):
    arguments = [sys.executable, "-m", "tests.train.two_replicas", smear_root, tmp_path]
    found = json.loads(subprocess.run(arguments, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert (found.pop("replicas"), found.pop("steps"), found.pop("copies")) == (2, [2, 2], 0)
    # Sums of float32 in another order. With a replica's own statistics or dropout, these are off by tenths.
    assert found["gradients"] < 1e-4
    # Kept variances are of the sample here and of the population there, a tenth of 1 / 528 for the fewest pixels.
    assert found["weights"] < 1e-3
    assert found["averages"] < 1e-3


# Agreeing.


@dataclass(frozen=True)
class Thread(Distribution):
    """A worker that is a thread of this process."""

    board: list[object] = field(default_factory=list)
    barrier: threading.Barrier = field(default_factory=lambda: threading.Barrier(1))

    def _sum(self, values):
        self.board[self.worker] = values
        self.barrier.wait(10)
        total = sum(self.board)
        self.barrier.wait(10)
        return total


def on_all(call, workers=3):
    """What `call` returns or raises as each of the workers."""
    board, barrier, outcomes = [None] * workers, threading.Barrier(workers), [None] * workers

    def run(worker):
        try:
            outcomes[worker] = call(Thread(None, worker, workers, board, barrier))
        except LeukoliteError as error:
            outcomes[worker] = error

    threads = [threading.Thread(target=run, args=(worker,)) for worker in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.parametrize("value", [None, 0, "µ" * 300, {"a": [1.5, float("inf")]}, True])
@pytest.mark.parametrize("method", ["on_chief", "conclude"])
def test_all_get_what_the_chief_found(method, value):
    did = []

    def work():
        did.append(1)
        return value

    assert on_all(lambda worker: getattr(worker, method)(work)) == [value] * 3
    assert did == [1]


def test_all_raise_what_the_chief_raises():
    def work():
        raise LeukoliteError(expected="space", found="none", remedy="make some")

    found = [str(error) for error in on_all(lambda worker: worker.on_chief(work))]
    assert found[0] == "expected space, got none; make some"
    assert found[1:] == ["expected space, got none; make some (says worker 0)"] * 2


def test_chief_concludes_without_the_others(monkeypatch):
    def lost(self, values):
        raise tf.errors.UnavailableError(None, None, "gone")

    monkeypatch.setattr(Distribution, "_sum", lost)
    assert spread(2, workers=2).conclude(lambda: 7) == 7
    for worker in (0, 1):
        with pytest.raises(tf.errors.UnavailableError):
            spread(2, workers=2, worker=worker).on_chief(lambda: 7)
    with pytest.raises(tf.errors.UnavailableError):
        spread(2, workers=2, worker=1).conclude(lambda: 7)


def test_workers_that_are_told_otherwise_are_refused_on_all():
    same = {"settings": {"seed": 1, "widths": [1, 2]}}
    assert on_all(lambda worker: worker.refuse_others(same, what="settings")) == [None] * 3
    found = on_all(lambda worker: worker.refuse_others({"seed": worker.worker // 2}, what="settings"))
    wanted = "expected the same settings on all workers, got others than worker 0 has on 1 of 3"
    assert [str(error).partition(";")[0] for error in found] == [wanted, wanted, f"{wanted}, here too"]


# A lost worker.


@pytest.fixture
def begun_anew(monkeypatch):
    """Why the command was begun anew, each time."""
    reasons = []
    monkeypatch.setattr(distribution, "rejoin", lambda why, tell: reasons.append(why))
    return reasons


@pytest.mark.parametrize("error", distribution.LOST)
def test_lost_worker_has_the_command_begun_anew(begun_anew, error):
    with rejoining(Cluster(("a:1", "b:1"), worker=0), tell=print):
        raise error(None, None, "Collective ops is aborted by: gone\nand more")
    assert begun_anew == [error.__name__]


@pytest.mark.parametrize("error", [tf.errors.ResourceExhaustedError, tf.errors.InvalidArgumentError])
def test_other_errors_are_left_alone(begun_anew, error):
    with pytest.raises(error), rejoining(Cluster(("a:1", "b:1"), worker=0), tell=print):
        raise error(None, None, "full")
    with pytest.raises(tf.errors.UnavailableError), rejoining(None, tell=print):
        raise tf.errors.UnavailableError(None, None, "no cluster")
    assert begun_anew == []


# Whole runs.

OPTIONS = [
    "--preset",
    "blind",
    "--towers",
    "2",
    "--widths",
    "4,6",
    "--epochs",
    "2",
    "--batch-size",
    "8",
    "--class-prior",
    "1",
]
OPTIONS += ["--seed", "3", "--checkpoint-every", "1"]


@pytest.fixture(scope="module")
def alone(tmp_path_factory, smear_root):
    """The run directory of one worker."""
    from train.stages import Call, train_float

    out = tmp_path_factory.mktemp("alone")
    args = build_parser().parse_args(["float", "--data", str(smear_root), "--out", str(out), *OPTIONS])
    tiny.settle()
    train_float(args.data, args.out, settings=settings_of(args), call=Call(tell=print))
    return out


@pytest.fixture
def start(tmp_path, smear_root):
    """Starts a worker of two; it writes what it says to `<worker>.txt`."""
    with socket.create_server(("", 0)) as first, socket.create_server(("", 0)) as second:
        addresses = [f"localhost:{server.getsockname()[1]}" for server in (first, second)]
    with contextlib.ExitStack() as cleanup:

        def call(worker):
            config = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": worker}}
            said = cleanup.enter_context((tmp_path / f"{worker}.txt").open("a"))
            arguments = ["float", "--data", smear_root, "--out", tmp_path / str(worker), *OPTIONS]
            process = subprocess.Popen(
                [sys.executable, "-m", "train", *arguments, "--strategy", "multiworker"],
                cwd=ROOT,
                env=os.environ | {"TF_CONFIG": json.dumps(config)},
                stdout=said,
                stderr=said,
            )
            cleanup.callback(process.kill)
            return process

        yield call


def assert_same_run(found, wanted):
    """The same history and held-out accuracy."""
    histories = [list(csv.DictReader((path / "history.csv").open())) for path in (found, wanted)]
    assert [row["epoch"] for row in histories[0]] == ["1", "2"]
    for row, other in zip(*histories, strict=True):
        # Sums in another order, over 8 steps; a loss of another batch or weight would be off by tenths.
        assert float(row["loss"]) == pytest.approx(float(other["loss"]), rel=1e-3)
        assert float(row["accuracy"]) == pytest.approx(float(other["accuracy"]), abs=1 / 32)
    ends = [json.loads((path / "run.json").read_text())["held_out"] for path in (found, wanted)]
    # Rounding may turn the answer to one of the 32 images.
    assert ends[0]["accuracy"] == pytest.approx(ends[1]["accuracy"], abs=1 / 32 + 1e-9)


def test_two_workers_are_as_one(start, alone, tmp_path):
    workers = [start(0), start(1)]
    assert [worker.wait() for worker in workers] == [0, 0], (tmp_path / "0.txt").read_text()
    assert_same_run(tmp_path / "0", alone)
    assert not (tmp_path / "1").exists()


def test_killed_worker_is_waited_for_and_the_run_goes_on(start, alone, tmp_path):
    workers = [start(0), start(1)]
    while not list((tmp_path / "0").glob("checkpoints/step-*")):
        assert [worker.poll() for worker in workers] == [None, None], (tmp_path / "0.txt").read_text()
        time.sleep(0.01)
    workers[1].terminate()
    assert workers[1].wait() == -signal.SIGTERM  # TensorFlow would have it go on
    workers[1] = start(1)
    assert [worker.wait() for worker in workers] == [0, 0], (tmp_path / "0.txt").read_text()
    said = (tmp_path / "0.txt").read_text()
    assert said.count("another worker went away") == 1
    assert "goes on after epoch " in said.partition("went away")[2]
    assert_same_run(tmp_path / "0", alone)
