"""How many images a second the training's input pipeline gives, beside plain decoding measured in the same run.

Training hands over numbers, not code: its pipeline is measured by `python -m train throughput` in processes of its
own. A rate says little away from its machine; its ratio to what one thread decodes here does.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.evidence import read_history
from benchmarks.suite import CHECKOUT
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.image import decode, read_bytes
from edge_runtime.markdown import table
from edge_runtime.progress import progress
from edge_runtime.provenance import collect

SCHEMA_VERSION = 1
PACKAGES = ("leukolite", "numpy", "pillow", "tensorflow")
WAIT_COLUMN = "input_wait_share"
SPLIT = "TRAIN"

DECODE, WARM, COLD = "decode", "warm", "cold"
KINDS = {
    DECODE: "one thread that only decodes",
    WARM: "pipeline, images in the page cache",
    COLD: "pipeline, page cache emptied first",
}


@dataclass(frozen=True)
class Sample:
    """One measurement of one kind; `batches_s` are the seconds that each batch took, in order.

    `cpu_s` is the processor time of all threads meanwhile.
    """

    kind: str
    images: int
    batches_s: tuple[float, ...]
    cpu_s: float

    @property
    def images_per_s(self) -> float:
        """The rate over the whole of it."""
        return self.images / sum(self.batches_s)

    @property
    def cpu_ms(self) -> float:
        """Processor time an image, which a busy machine changes least."""
        return 1e3 * self.cpu_s / self.images


@dataclass(frozen=True)
class InputRate:
    """All measurements of a run, in order; `waits` is the share of each epoch's time that a training waited."""

    samples: tuple[Sample, ...]
    images: int
    batch_size: int
    image_height_px: int
    image_width_px: int
    threads: int
    cores: int
    waits: tuple[float, ...]
    machine_state: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def rates(self, kind: str) -> list[float]:
        """Images a second of each measurement of a kind."""
        return [sample.images_per_s for sample in self.samples if sample.kind == kind]

    def cpu_ms(self, kind: str) -> float:
        """The median processor time an image of a kind."""
        return median(sample.cpu_ms for sample in self.samples if sample.kind == kind)

    def ratio(self, kind: str) -> float:
        """The median rate of a kind, divided by that of plain decoding."""
        return median(self.rates(kind)) / median(self.rates(DECODE))

    def to_json(self) -> dict[str, Any]:
        """A JSON object with the raw samples and what is derived from them."""
        summary = {
            kind: {
                "images_per_s": {
                    "median": median(self.rates(kind)),
                    "lowest": min(self.rates(kind)),
                    "highest": max(self.rates(kind)),
                },
                "times_decode": self.ratio(kind),
                "cpu_ms": self.cpu_ms(kind),
            }
            for kind in KINDS
        }
        waits = {"median": median(self.waits), "highest": max(self.waits)} if self.waits else None
        return {"schema_version": SCHEMA_VERSION, **asdict(self), "summary": {**summary, WAIT_COLUMN: waits}}


def measure(data: Path, *, rounds: int, seconds: float, history: Path | None = None) -> InputRate:
    """Measure each kind once a round, so that a machine that grows slower does so for all of them.

    Args:
        data: root of the data set; its TRAIN images are read.
        rounds: how often, at least 1.
        seconds: how long each time, above 0.
        history: the history.csv of a training, for the share of its time that it waited for input.

    Raises LeukoliteError when the data or the history cannot be used, or the pipeline does not run.
    """
    started, load = time.time(), os.getloadavg()[0]
    if rounds < 1 or not seconds > 0:
        found = f"{rounds} of {seconds} s"
        raise LeukoliteError(expected="at least one round of more than 0 s", found=found, remedy="choose more")
    waits = read_waits(history) if history else ()
    paths = [image.path for image in open_dataset(data, split=SPLIT).images]
    samples, said = [], {}
    with progress("input", total=rounds * len(KINDS)) as advance:
        for _ in range(rounds):
            for kind in (COLD, WARM):
                if kind == WARM:
                    fill_cache(paths)
                said = run_pipeline(data, seconds=seconds, cold=kind == COLD)
                samples.append(Sample(kind, said["images"], tuple(said["batches_s"]), said["cpu_s"]))
                advance()
            samples.append(time_decoding(paths, said, seconds=seconds))
            advance()
    return InputRate(
        samples=tuple(samples),
        images=len(paths),
        **{name: said[name] for name in ("batch_size", "image_height_px", "image_width_px", "threads", "cores")},
        waits=waits,
        machine_state={"load_1min_at_start": load, "cpus": os.cpu_count()},
        provenance=collect(packages=PACKAGES, started=started),
    )


def run_pipeline(data: Path, *, seconds: float, cold: bool) -> dict[str, Any]:
    """What `python -m train throughput` says, in a process of its own."""
    command = [sys.executable, "-m", "train", "throughput", "--data", str(data.absolute()), "--seconds", str(seconds)]
    done = subprocess.run(
        command + ["--cold"] * cold, cwd=CHECKOUT, capture_output=True, text=True, errors="replace", check=False
    )
    try:
        if done.returncode != 0:
            raise ValueError((done.stderr.strip().splitlines() or ["nothing on standard error"])[-1])
        said: dict[str, Any] = json.loads(done.stdout)
        return said
    except ValueError as error:
        raise LeukoliteError(
            expected="`python -m train throughput` to measure",
            found=f"status {done.returncode}: {show(error)}",
            remedy="run it by itself to see more",
        ) from error


def fill_cache(paths: Sequence[str]) -> None:
    """Read all files, so that the kernel holds them; which of them it held before is left to chance."""
    for path in paths:
        read_bytes(path)


def time_decoding(paths: Sequence[str], like: Mapping[str, Any], *, seconds: float) -> Sample:
    """Decode pictures of the pipeline's size, in batches as large, in this thread and one after the other."""
    cpu, batches_s, images = time.process_time(), [], 0
    for batch in _batches(paths, like["batch_size"]):
        started = time.perf_counter()
        for path in batch:
            decode(path, height_px=like["image_height_px"], width_px=like["image_width_px"])
        batches_s.append(round(time.perf_counter() - started, 6))
        images += len(batch)
        if sum(batches_s) >= seconds:
            break
    return Sample(DECODE, images, tuple(batches_s), time.process_time() - cpu)


def read_waits(path: str | os.PathLike[str]) -> tuple[float, ...]:
    """The share of each epoch's time that a training waited for input, 0 to 1, from its history.csv."""
    try:
        return tuple(float(row[WAIT_COLUMN]) for row in read_history(path))
    except (KeyError, ValueError) as error:
        raise LeukoliteError(
            expected=f"a training history with the column {WAIT_COLUMN} at {show(path)}",
            found=f"no such column: {reason(error)}" if isinstance(error, KeyError) else reason(error),
            remedy="name the history.csv of a training by this version",
        ) from error


def to_markdown(rate: InputRate) -> str:
    """A row a kind, and what a reader must know."""
    header = (
        "what reads",
        "median images/s",
        "lowest",
        "highest",
        "/ one thread's decoding",
        "CPU ms an image",
        "runs",
    )
    rows = [
        (
            name,
            *(f"{figure:,.0f}" for figure in (median(rate.rates(kind)), min(rate.rates(kind)), max(rate.rates(kind)))),
            f"{rate.ratio(kind):.2f} x",
            f"{rate.cpu_ms(kind):.3f}",
            len(rate.rates(kind)),
        )
        for kind, name in KINDS.items()
    ]
    return table(header, rows, align="lrrrrrr") + "\n" + "".join(f"{line}\n" for line in _remarks(rate))


def _remarks(rate: InputRate) -> Iterator[str]:
    """The conditions, and what training saw of it."""
    processor = rate.provenance.get("platform", {}).get("cpu") or "an unknown processor"
    yield (
        f"{rate.images:,} images, decoded to {rate.image_width_px} x {rate.image_height_px} in batches of"
        f" {rate.batch_size}, {rate.threads} decoding threads on {rate.cores} cores, {processor}. The ratio compares"
        " between machines, the rates do not; what a disk's own cache still holds is not emptied."
    )
    if rate.waits:
        yield (
            f"In training, the step waited for input {median(rate.waits):.2%} of the time (median of"
            f" {len(rate.waits)} epochs, {max(rate.waits):.2%} at most)."
        )
    load, cpus = rate.machine_state["load_1min_at_start"], rate.machine_state["cpus"]
    if load > cpus / 2:
        yield f"The machine was busy when the run began (load {load:.1f} on {cpus} processors): run it again when idle."


def _batches(paths: Sequence[str], size: int) -> Iterator[list[str]]:
    """The paths in an order of no meaning, again and again."""
    order = np.random.default_rng(0).permutation(len(paths))
    while True:
        for first in range(0, len(order), size):
            yield [paths[index] for index in order[first : first + size]]
