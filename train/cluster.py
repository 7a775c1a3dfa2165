"""Which workers train together, as TF_CONFIG tells each of them, and how one begins anew when another is lost."""

import contextlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from edge_runtime.errors import LeukoliteError, reason, show

CONFIG_NAME = "TF_CONFIG"
REJOINS_NAME = "LEUKOLITE_REJOINS"
MOST_REJOINS = 20
PAUSE_S = 2.0  # until the lost one's connections are gone on this side too

_FIRST_DESCRIPTOR = 3
_JOBS = ("chief", "worker")
_REMEDY = "see docs/two-machines.md for a working one"


@dataclass(frozen=True)
class Cluster:
    """The addresses of all workers, as host:port, and which of them this process is; worker 0 is the chief."""

    addresses: tuple[str, ...]
    worker: int

    @property
    def port(self) -> int:
        """Where this worker listens."""
        return int(self.addresses[self.worker].rpartition(":")[2])


def read_cluster(environ: Mapping[str, str]) -> Cluster:
    """The cluster that the environment's TF_CONFIG describes, jobs `worker` and, if there is one, `chief`.

    Raises LeukoliteError for one that TensorFlow would wait for in vain, or fail on with a traceback.
    """
    text = environ.get(CONFIG_NAME, "")
    if not text:
        raise LeukoliteError(
            expected=f"{CONFIG_NAME} to name the workers, for --strategy multiworker", found="none", remedy=_REMEDY
        )
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _refusal("JSON", str(error)) from error
    jobs, task = (config.get(name) if isinstance(config, dict) else None for name in ("cluster", "task"))
    if not isinstance(jobs, dict) or not isinstance(jobs.get("worker"), list):
        raise _refusal("an object with cluster.worker, a list of addresses", text)
    if strange := sorted(set(jobs) - set(_JOBS)):
        raise _refusal("a cluster of `worker` (and `chief`) only", show(", ".join(strange)))
    chiefs = _addresses(jobs.get("chief", []))
    workers = _addresses(jobs["worker"])
    if len(chiefs) > 1 or not chiefs + workers or len(set(chiefs + workers)) < len(chiefs + workers):
        raise _refusal("at most one chief and no address twice", text)
    return Cluster(chiefs + workers, worker=_own_number(task, {"chief": chiefs, "worker": workers}))


def find_cluster(environ: Mapping[str, str], *, tell: Callable[[str], None]) -> Cluster:
    """The cluster that the environment describes, with this worker's port free; tells that the others are awaited."""
    cluster = read_cluster(environ)
    check_port(cluster)
    tell(f"worker {cluster.worker} of {len(cluster.addresses)}, at port {cluster.port}: waits for the others")
    return cluster


def check_port(cluster: Cluster) -> None:
    """Refuse a port that something listens on: TensorFlow would share it, and every second connection be lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what only lingers of a killed one is no matter
        try:
            probe.bind(("", cluster.port))
        except OSError as error:
            raise LeukoliteError(
                expected=f"port {cluster.port}, where worker {cluster.worker} is to listen, to be free",
                found=reason(error),
                remedy="stop what uses it (this worker, started twice?), or give all workers another one",
            ) from error


def rejoins() -> int:
    """How often this command has begun anew by itself."""
    return int(os.environ.get(REJOINS_NAME, "0"))


def rejoin(
    why: str, *, tell: Callable[[str], None], replace: Callable[[str, list[str], dict[str, str]], Any] = os.execve
) -> NoReturn:
    """Become the same command anew, which goes on from the last checkpoint when all workers are back.

    TensorFlow cannot let a lost worker in again, hence a new process. `replace` is called as os.execve is.

    Raises LeukoliteError when that was done MOST_REJOINS times.
    """
    count = rejoins() + 1
    if count > MOST_REJOINS:
        raise LeukoliteError(
            expected="the other workers to stay",
            found=f"one lost for the {count}th time ({why})",
            remedy="see what ends it there, then start all workers again: they go on from the last checkpoint",
        )
    tell(f"another worker went away ({why}): waits for it to come back and goes on from the last checkpoint")
    time.sleep(PAUSE_S)
    sys.stdout.flush()
    sys.stderr.flush()
    _close_on_exec()
    replace(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, REJOINS_NAME: str(count)})
    raise SystemExit(1)  # for a `replace` that returns


def _close_on_exec() -> None:
    """Take no open file along, and so no listening socket: it would answer in the place of the new one."""
    for name in os.listdir("/dev/fd"):
        with contextlib.suppress(OSError):  # the one of this listing is gone
            if int(name) >= _FIRST_DESCRIPTOR:
                os.set_inheritable(int(name), False)


def _addresses(given: object) -> tuple[str, ...]:
    """Addresses as host:port."""
    found: Sequence[object] = given if isinstance(given, list) else [given]
    for address in found:
        host, _, port = address.rpartition(":") if isinstance(address, str) else ("", "", "")
        if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
            raise _refusal("addresses as host:port", show(address))
    return tuple(str(address) for address in found)


def _own_number(task: object, jobs: Mapping[str, tuple[str, ...]]) -> int:
    """The number of the task among all workers, the chief first, as TensorFlow counts them."""
    kind, index = (task.get(name) if isinstance(task, dict) else None for name in ("type", "index"))
    if kind not in _JOBS or not jobs[kind]:
        raise _refusal("task.type to be a job of the cluster, worker or chief,", show(kind))
    if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < len(jobs[kind]):
        raise _refusal(f"task.index from 0 to {len(jobs[kind]) - 1}, one for each {kind}", show(index))
    return index + (len(jobs["chief"]) if kind == "worker" else 0)


def _refusal(expected: str, found: str) -> LeukoliteError:
    """What is wrong with TF_CONFIG."""
    return LeukoliteError(expected=f"{expected} in {CONFIG_NAME}", found=show(found[:100]), remedy=_REMEDY)
