"""Measure `leukolite bulk` against plain `leukolite classify`: rate, memory over time, and a worker that is killed.

Commands are run as a user runs them, in processes of their own, one after the other on the same images.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from benchmarks.processes import Usage, named, total, usage
from edge_runtime.bulk.plan import done
from edge_runtime.bulk.store import Store
from edge_runtime.classifier import SHIPPED_MODEL
from edge_runtime.command import DONE, FAILED
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import sha256
from edge_runtime.inputs import list_images
from edge_runtime.provenance import collect

SCHEMA_VERSION = 1
LEAST_SHARDS = 3  # of a run whose rate is the slope from the first to the last
CHECKOUT = Path(__file__).resolve().parent.parent
PACKAGES = ("leukolite", "ray", "pyarrow", "numpy", "pillow", "ai-edge-litert")
SAMPLE_EVERY_S = 1.0
WORKER = "ray::MapWorker(MapBatches(Worker)"
"""What Ray calls the processes of the actors."""

Watch = Callable[[int, int], None]
"""Called at every sample with the command's process and the images done so far."""


@dataclass(frozen=True)
class Settings:
    """`data_dir` None: `images` are generated below `scratch_dir`, which holds the outputs as well."""

    images: int = 100_000
    actors: int = 2
    shard_size: int = 1000
    repeats: int = 3
    data_dir: Path | None = None
    scratch_dir: Path | None = None
    model: Path = SHIPPED_MODEL


@dataclass(frozen=True)
class Sample:
    """What a command and all processes below it used at one time; `cpu_seconds` add up from its start."""

    seconds: float
    images: int
    memory_kb: int
    cpu_seconds: float
    processes: int


@dataclass(frozen=True)
class Timing:
    """One command: its seconds, its samples and, of a bulk run, when each shard was done and what it printed."""

    seconds: float
    samples: tuple[Sample, ...]
    shard_seconds: tuple[float, ...] = ()
    summary: Mapping[str, Any] = field(default_factory=dict)

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all of its processes; what was used after the last sample is missing."""
        return self.samples[-1].cpu_seconds if self.samples else 0.0


@dataclass(frozen=True)
class Kill:
    """What became of a run one of whose workers got SIGKILL when `at_images` were done, against an untouched one."""

    at_images: int
    killed: int
    lost: int
    doubled: int
    changed: int
    timing: Timing


@dataclass(frozen=True)
class Report:
    """All samples of a benchmark; `benchmarks.rates` derives the figures from it."""

    schema_version: int
    images: int
    errors: int
    image_bytes: int
    actors: int
    shard_size: int
    model: Mapping[str, str]
    single_start: tuple[float, ...]
    single: tuple[Timing, ...]
    bulk: tuple[Timing, ...]
    kill: Kill
    machine_state: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return asdict(self)


def measure(settings: Settings, *, tell: Callable[[str], None] = lambda text: None) -> Report:
    """Run everything; `tell` is told what is being done.

    Raises LeukoliteError when a command fails, or there are too few shards to tell a rate from.
    """
    started, load = time.time(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory(dir=settings.scratch_dir, prefix="bulk-") as folder:
        scratch = Path(folder)
        data = settings.data_dir or generate(scratch / "smears", images=settings.images, tell=tell)
        images = list_images(data)
        if (shards := -(-len(images) // settings.shard_size)) < LEAST_SHARDS:
            raise LeukoliteError(
                expected=f"at least {LEAST_SHARDS} shards to measure a rate",
                found=f"{shards} of {settings.shard_size:,} images",
                remedy="take more --images or a smaller --shard-size",
            )
        single_start = tuple(_single(Path(images[0]), scratch, settings).seconds for _ in range(3))
        single, bulk = [], []
        for number in range(settings.repeats):
            tell(f"classify and bulk, {number + 1} of {settings.repeats}")
            single.append(_single(data, scratch, settings))
            bulk.append(_bulk(data, scratch / f"bulk-{number}", settings))
        tell("a worker is killed")
        kill = _kill(data, scratch / "killed", settings, untouched=scratch / "bulk-0", expected=images)
        return Report(
            schema_version=SCHEMA_VERSION,
            images=len(images),
            errors=int(bulk[0].summary["errors"]),
            image_bytes=sum(Path(path).stat().st_size for path in images),
            actors=settings.actors,
            shard_size=settings.shard_size,
            model={"file": settings.model.name, "sha256": sha256(settings.model.read_bytes())},
            single_start=single_start,
            single=tuple(single),
            bulk=tuple(bulk),
            kill=kill,
            machine_state={"load_1min_at_start": load, "cpus": os.cpu_count()},
            provenance=collect(packages=PACKAGES, started=started),
        )


def generate(folder: Path, *, images: int, tell: Callable[[str], None]) -> Path:
    """Draw synthetic smears, at least so many, by the command of `train`: stages hand over files, not code."""
    tell(f"drawing {images:,} smears")
    a_class = -(-images // 5)  # of four classes, and a fourth as many again in TEST
    _timed([*_PYTHON, "train", "smears", "--out", str(folder), "--images-per-class", str(a_class)])
    return folder


_PYTHON = (sys.executable, "-m")


def _single(source: Path, scratch: Path, settings: Settings) -> Timing:
    """Plain classification in one process."""
    out = scratch / "single.jsonl"
    command = [*_PYTHON, "edge_runtime", "classify", str(source), "-m", str(settings.model)]
    return _timed([*command, "--format", "jsonl", "-o", str(out)])


def _bulk(source: Path, out: Path, settings: Settings, *, watch: Watch = lambda process, images: None) -> Timing:
    """The same on Ray Data."""
    command = [*_PYTHON, "edge_runtime", "bulk", str(source), str(out), "-m", str(settings.model)]
    command += ["--actors", str(settings.actors), "--shard-size", str(settings.shard_size)]
    return _timed(command, out=out, shard_size=settings.shard_size, watch=watch)


def _kill(source: Path, out: Path, settings: Settings, *, untouched: Path, expected: list[str]) -> Kill:
    """Kill a worker when half of the images are done, and see what the output lacks or has too much of."""
    killed: list[int] = []

    def watch(process: int, images: int) -> None:
        if not killed and images >= len(expected) / 2 and (workers := named(process, WORKER)):
            os.kill(workers[0], signal.SIGKILL)
            killed.append(images)

    timing = _bulk(source, out, settings, watch=watch)
    rows, reference = _rows(out), dict(_rows(untouched))
    paths = Counter(path for path, _ in rows)
    return Kill(
        at_images=killed[0] if killed else 0,
        killed=len(killed),
        lost=len(set(expected) - set(paths)),
        doubled=sum(paths.values()) - len(paths),
        changed=sum(reference.get(path) != row for path, row in rows),
        timing=timing,
    )


def _rows(out: Path) -> list[tuple[str, str]]:
    """Path and all else but the latency of every row of an output."""
    from pyarrow import parquet

    rows = parquet.read_table(out).drop_columns(["latency_ms"]).to_pylist()
    return [(row.pop("path"), json.dumps(row)) for row in rows]


def _timed(
    command: list[str],
    *,
    out: Path | None = None,
    shard_size: int = 0,
    watch: Watch = lambda process, images: None,
) -> Timing:
    """Run a command, looking at it from time to time; LeukoliteError when it fails."""
    samples: list[Sample] = []
    last: dict[int, Usage] = {}
    began, started = time.time(), time.perf_counter()
    with tempfile.TemporaryFile("w+") as printed, tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen(command, cwd=CHECKOUT, stdout=printed, stderr=said) as process:
            try:
                while _runs(process):
                    found = usage(process.pid)
                    last |= found  # those that have ended keep their processor time
                    images = len(done(Store(str(out)))) * shard_size if out else 0
                    seconds = round(time.perf_counter() - started, 3)
                    processor = round(total(last).cpu_seconds, 2)
                    if memory_kb := total(found).memory_kb:  # else it has just ended, and is only not yet collected
                        samples.append(Sample(seconds, images, memory_kb, processor, len(found)))
                    watch(process.pid, images)
            except BaseException:
                process.terminate()  # else it is waited for, and works on
                raise
            seconds = time.perf_counter() - started
        _check(process.returncode, command, said)
        printed.seek(0)
        summary = json.load(printed) if out else {}
    shards = sorted(path.stat().st_mtime - began for path in out.glob("shard-*.parquet")) if out else []
    return Timing(
        seconds=round(seconds, 3),
        samples=tuple(samples),
        shard_seconds=tuple(round(at, 3) for at in shards),
        summary=summary,
    )


def _runs(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it still runs after a while."""
    try:
        process.wait(SAMPLE_EVERY_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _check(status: int, command: list[str], said: IO[str]) -> None:
    """LeukoliteError with the last thing that a command said, unless it did its work (1: with some bad images)."""
    if status in (DONE, FAILED):
        return
    said.seek(0)
    lines = said.read().strip().splitlines() or [f"status {status}"]
    raise LeukoliteError(
        expected=f"`{' '.join(command[2:4])}` to do its work", found=show(lines[-1]), remedy="see what it says"
    )
