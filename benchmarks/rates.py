"""What a benchmark of `leukolite bulk` comes to: rates, their ratio, the growth of memory. Derived from its samples.

A rate says little away from its machine; the ratio of two on the same machine, and processor time an image, say more.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from benchmarks.bulk import LEAST_SHARDS, SCHEMA_VERSION, Kill, Report, Sample, Timing
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.figures import new_figure, to_png
from edge_runtime.files import read_json, write_atomic, write_json
from edge_runtime.markdown import table

MIN_RATIO = 1.6
"""What two actors on two cores must reach of one process, in the steady state: 2 less what Ray itself takes."""

MAX_GROWTH = 0.1
"""The share by which the memory at the end may exceed that of the first fifth and still be called flat."""

_EARLY, _LATE = (0.2, 0.4), (0.8, 1.0)  # of the images; before, workers start and fill their buffers


@dataclass(frozen=True)
class Rates:
    """Images a second, medians over the repeats; steady is without the start.

    `ratio` is steady over steady, `ratio_whole` with all starts; of each pair of runs, then the median.
    Memory is of all processes together, `growth` the share by which it is larger late than early.
    """

    single: float
    single_steady: float
    bulk: float
    bulk_steady: float
    ratio: float
    ratio_whole: float
    single_cpu_ms: float
    bulk_cpu_ms: float
    start_seconds: float
    memory_early_mb: float
    memory_late_mb: float
    memory_peak_mb: float

    @property
    def growth(self) -> float:
        """Of the memory from early to late."""
        return self.memory_late_mb / self.memory_early_mb - 1

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all figures."""
        return {**asdict(self), "growth": self.growth}


def derive(report: Report) -> Rates:
    """The figures of a report."""
    start = median(report.single_start)
    single = [report.images / run.seconds for run in report.single]
    single_steady = [report.images / max(run.seconds - start, 1e-9) for run in report.single]
    bulk = [report.images / run.seconds for run in report.bulk]
    bulk_steady = [steady(run, report) for run in report.bulk]
    early, late = (memory_mb(report.bulk[0], report.images, *window) for window in (_EARLY, _LATE))
    return Rates(
        single=median(single),
        single_steady=median(single_steady),
        bulk=median(bulk),
        bulk_steady=median(bulk_steady),
        ratio=median(many / one for many, one in zip(bulk_steady, single_steady, strict=True)),
        ratio_whole=median(many / one for many, one in zip(bulk, single, strict=True)),
        single_cpu_ms=median(1e3 * run.cpu_seconds / report.images for run in report.single),
        bulk_cpu_ms=median(1e3 * run.cpu_seconds / report.images for run in report.bulk),
        start_seconds=median(
            run.seconds - report.images / rate for run, rate in zip(report.bulk, bulk_steady, strict=True)
        ),
        memory_early_mb=early,
        memory_late_mb=late,
        memory_peak_mb=max(sample.memory_kb for sample in report.bulk[0].samples) / 1e3,
    )


def steady(run: Timing, report: Report) -> float:
    """Images a second between the first shard and the last: the slope of images done over time (least squares)."""
    if len(run.shard_seconds) < LEAST_SHARDS:
        raise LeukoliteError(
            expected=f"at least {LEAST_SHARDS} shards to measure a rate",
            found=str(len(run.shard_seconds)),
            remedy="take more images or smaller shards",
        )
    images = np.minimum(np.arange(1, len(run.shard_seconds) + 1) * report.shard_size, report.images)
    return float(np.polyfit(run.shard_seconds, images, 1)[0])


def memory_mb(run: Timing, images: int, low: float, high: float) -> float:
    """The median memory while from `low` to less than `high` of the images were done."""
    found = [sample.memory_kb for sample in run.samples if low * images <= sample.images < high * images]
    if not found:
        raise LeukoliteError(
            expected="a sample of the memory in every part of the run", found="none", remedy="take more images"
        )
    return median(found) / 1e3


def shortfalls(report: Report) -> Iterator[str]:
    """What was promised and is not so, a line each."""
    rates, kill = derive(report), report.kill
    if rates.ratio < MIN_RATIO:
        yield f"{report.actors} actors do {rates.ratio:.2f} x of one process, less than {MIN_RATIO}"
    if rates.growth > MAX_GROWTH:
        yield f"memory grows by {rates.growth:.1%}, more than {MAX_GROWTH:.0%}"
    if not kill.killed:
        yield "no worker was killed: the run was over too soon"
    for count, what in ((kill.lost, "lost"), (kill.doubled, "doubled"), (kill.changed, "changed")):
        if count:
            yield f"{count} rows {what} after a worker was killed"


def to_markdown(report: Report) -> str:
    """The table of a benchmark and how it was made."""
    rates, kill = derive(report), report.kill
    rows = [
        ("`leukolite classify`, one process", f"{rates.single_steady:,.0f} images/s", f"{rates.single:,.0f} images/s"),
        (
            f"`leukolite bulk`, {report.actors} actors",
            f"{rates.bulk_steady:,.0f} images/s",
            f"{rates.bulk:,.0f} images/s",
        ),
        ("**ratio**", f"**{rates.ratio:.2f} x**", f"{rates.ratio_whole:.2f} x"),
    ]
    text = table(("", "steady", "whole command, with its start"), rows, align="lrr")
    return text + "\n" + "\n".join(_remarks(report, rates, kill)) + "\n"


def _remarks(report: Report, rates: Rates, kill: Kill) -> Iterator[str]:
    """What a reader must know to use the table."""
    machine, state = report.provenance.get("platform", {}), report.machine_state
    size, load = report.image_bytes / report.images / 1e3, state["load_1min_at_start"]
    yield (
        f"{report.images:,} images of {size:.1f} kB, shards of {report.shard_size:,}, {state['cpus']} processors"
        f" ({machine.get('cpu') or 'unknown'}), medians of {len(report.bulk)} pair(s) of runs."
        f" Ray takes {rates.start_seconds:.1f} s to start and stop. Processor time an image, of all processes:"
        f" {rates.single_cpu_ms:.2f} ms alone, {rates.bulk_cpu_ms:.2f} ms with Ray."
    )
    yield (
        f"\nMemory of all processes: {rates.memory_early_mb:,.0f} MB while 20 to 40 % of the images were done,"
        f" {rates.memory_late_mb:,.0f} MB from 80 % on ({rates.growth:+.1%}), {rates.memory_peak_mb:,.0f} MB at most."
    )
    yield (
        f"\nA worker killed (SIGKILL) when {kill.at_images:,} images were done: {kill.lost} rows lost, {kill.doubled}"
        f" doubled, {kill.changed} other than without; {kill.timing.seconds / report.bulk[0].seconds:.2f} x the time."
    )
    if load > state["cpus"] / 2:
        yield f"\nThe machine was busy when this began (load {load:.1f}): run it again when idle."


def draw(report: Report, path: str | os.PathLike[str]) -> None:
    """Memory against images done, of the first bulk run and of the one with a killed worker."""
    figure = new_figure(8, 4)
    axes = figure.subplots()
    runs = {"untouched": report.bulk[0], f"a worker killed at {report.kill.at_images:,}": report.kill.timing}
    for (label, run), color in zip(runs.items(), ("#1f5fa8", "#c8651b"), strict=True):
        shown = [each for each in run.samples if each.images < report.images]  # then the workers leave
        axes.plot([each.images for each in shown], [each.memory_kb / 1e3 for each in shown], color=color, label=label)
    axes.set(xlabel="images done", ylabel="memory of all processes, MB")
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    write_atomic(path, [to_png(figure)])


def save(report: Report, path: str | os.PathLike[str]) -> None:
    """Write the report with its figures as JSON."""
    write_json(path, {**report.to_json(), "rates": derive(report).to_json()})


def load(path: str | os.PathLike[str]) -> Report:
    """Read what `save` wrote; LeukoliteError when it is no such report."""
    fields = read_json(path, what="a benchmark of bulk")
    try:
        if fields["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema {fields['schema_version']!r}")
        known = {name: fields[name] for name in Report.__dataclass_fields__}
        known["single"], known["bulk"] = (tuple(map(_timing, known[name])) for name in ("single", "bulk"))
        known["single_start"] = tuple(known["single_start"])
        known["kill"] = Kill(**{**known["kill"], "timing": _timing(known["kill"]["timing"])})
        report = Report(**known)
        derive(report)
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise LeukoliteError(
            expected=f"a benchmark of bulk at {show(path)}",
            found=reason(error),
            remedy="make it with `python -m benchmarks bulk`",
        ) from error
    return report


def _timing(fields: Mapping[str, Any]) -> Timing:
    """A command's timing."""
    samples = tuple(Sample(**each) for each in fields["samples"])
    return Timing(**{**fields, "samples": samples, "shard_seconds": tuple(fields["shard_seconds"])})
