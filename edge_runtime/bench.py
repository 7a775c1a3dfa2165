"""How fast a bundle is on this device, and whether the figures are to be trusted.

`latency` is one invoke of the model on pixels that are ready, after LiteRT's benchmark_model; `end_to_end` is a JPEG's
bytes to a named cell. One picture at a time, as in the single-stream scenario of MLPerf Tiny.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edge_runtime.board import Board, State, is_busy, slowed
from edge_runtime.bundle import open_bundle
from edge_runtime.classifier import SHIPPED_MODEL, Classifier
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import write_json
from edge_runtime.golden import golden_input
from edge_runtime.memory import read_kb
from edge_runtime.model import Model
from edge_runtime.native import hushed
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.sample import HEIGHT_PX, WIDTH_PX, sample_jpeg
from edge_runtime.timing import Clock, Plan, Statistics, Timing, measure

SCHEMA_VERSION = 1

STEADY = 0.2
"""The distance of the 5th and the 95th percentile, in medians, up to which a run counts as steady.

Nine calls of ten are then within about a tenth of the median, so that a change by a quarter is no accident.
"""

_SHOWN = ("median_ms", "avg_ms", "std_ms", "min_ms", "p5_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms")


@dataclass(frozen=True)
class Memory:
    """Resident memory, as the kernel counts it; None where it does not tell. A MB is 1024 kB, as in benchmark_model.

    The footprints are what making the interpreter, and all up to the last invoke, added to the process; the peak is
    that of the whole process, Python and numpy included.
    """

    init_footprint_kb: int | None
    overall_footprint_kb: int | None
    peak_mem_mb: float | None


@dataclass(frozen=True)
class Result:
    """A run. It is not valid when the board throttled: `invalid_because` then says how; the figures are kept.

    `warnings` name what else makes them doubtful, and what to do. `before` and `after` are the board's states.
    """

    model: dict[str, str]
    plan: Plan
    num_threads: int
    uses_delegate: bool
    init_ms: float
    invoke: Timing
    end_to_end: Timing
    memory: Memory
    machine: dict[str, Any]
    before: State
    after: State
    provenance: dict[str, Any]
    schema_version: int = field(default=SCHEMA_VERSION, init=False)

    @property
    def invalid_because(self) -> tuple[str, ...]:
        """How the board throttled: before the run, after it, or in between as far as its sticky bits tell."""
        return slowed(self.before, self.after)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What makes the figures doubtful, each with what to do about it."""
        return tuple(_warnings(self))

    def to_json(self) -> dict[str, Any]:
        """The contract's benchmark JSON."""
        return {
            "schema_version": self.schema_version,
            "model": self.model,
            "valid": not self.invalid_because,
            "invalid_because": list(self.invalid_because),
            "warnings": list(self.warnings),
            "settings": {**asdict(self.plan), "num_threads": self.num_threads},
            "uses_delegate": self.uses_delegate,
            "latency": {"init_ms": self.init_ms, **self.invoke.to_json()},
            "end_to_end": self.end_to_end.to_json(),
            "memory": asdict(self.memory),
            "machine": self.machine,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "provenance": self.provenance,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON, atomically; LeukoliteError where that cannot be."""
        write_json(path, self.to_json())


def run(
    model: str | os.PathLike[str] | None = None,
    *,
    plan: Plan | None = None,
    num_threads: int = 1,
    board: Board | None = None,
    clock: Clock = time.perf_counter,
    tell: Callable[[str], None] = lambda text: None,
) -> Result:
    """Measure a bundle (default: the one shipped); `tell` is told what is being measured.

    Raises LeukoliteError when the file is no bundle or cannot classify.
    """
    path = SHIPPED_MODEL if model is None else Path(model)
    plan, board, started = plan or Plan(), board or Board(), time.time()
    bundle = open_bundle(path)
    before, start_kb = board.state(), _resident_kb(board)
    with hushed():
        init_started = clock()
        loaded = Model(bundle.content, num_threads=num_threads)
        init_ms = 1e3 * (clock() - init_started)
    init_kb = _resident_kb(board)
    tell(f"invoke, at least {plan.num_runs} runs and {plan.min_secs:g} s")
    pixels = golden_input(height_px=loaded.height_px, width_px=loaded.width_px)
    invoke = measure(lambda: loaded.invoke(pixels), plan=plan, clock=clock)
    memory = _memory(board, start_kb=start_kb, init_kb=init_kb)
    tell("end to end, the same")
    end_to_end = _end_to_end(path, num_threads=num_threads, plan=plan, clock=clock)
    return Result(
        model={
            "file": path.name,
            "sha256": bundle.digest,
            "variant": bundle.card.variant,
            "view": bundle.card.input.view,
        },
        plan=plan,
        num_threads=num_threads,
        uses_delegate=loaded.uses_delegate,
        init_ms=init_ms,
        invoke=invoke,
        end_to_end=end_to_end,
        memory=memory,
        machine=board.describe(),
        before=before,
        after=board.state(),
        provenance=collect(packages=RUNTIME_PACKAGES, started=started),
    )


def table(result: Result) -> Iterator[str]:
    """The figures for people, and what they are of."""
    threads = "1 thread" if result.num_threads == 1 else f"{result.num_threads} threads"
    yield f"{show(result.model['file'])} ({result.model['variant']}), {threads}, in milliseconds\n"
    yield f"{'':<10}  {'invoke':>9}  {'end to end':>10}\n"
    columns = [asdict(timing.statistics) for timing in (result.invoke, result.end_to_end)]
    for name in _SHOWN:
        invoke, whole = (column[name] for column in columns)
        yield f"{name.removesuffix('_ms'):<10}  {invoke:>9.3f}  {whole:>10.3f}\n"
    yield f"{'runs':<10}  {columns[0]['num_runs']:>9,}  {columns[1]['num_runs']:>10,}\n"
    yield f"invoke: one invoke on pixels that are ready; making the interpreter took {result.init_ms:.1f}\n"
    yield f"end to end: the bytes of a generated JPEG of {WIDTH_PX} x {HEIGHT_PX} to a named cell\n"
    memory = result.memory
    if memory.overall_footprint_kb is not None and memory.peak_mem_mb is not None:
        yield f"memory: {memory.overall_footprint_kb:,} kB for the model, peak {memory.peak_mem_mb:.1f} MB in all\n"


def _end_to_end(path: Path, *, num_threads: int, plan: Plan, clock: Clock) -> Timing:
    """The time from a JPEG's bytes to a named cell."""
    with hushed():
        classifier = Classifier(path, num_threads=num_threads).load()
    picture = sample_jpeg()
    found = classifier.classify(picture)
    if found.error is not None:
        raise LeukoliteError(
            expected=f"{show(path)} to classify a generated picture",
            found=found.error.replace(";", ","),
            remedy="use another bundle",
        )
    return measure(lambda: classifier.classify(picture), plan=plan, clock=clock)


def _resident_kb(board: Board, name: str = "VmRSS") -> int | None:
    """The memory of this process."""
    return read_kb(board.proc / "self" / "status", name)


def _memory(board: Board, *, start_kb: int | None, init_kb: int | None) -> Memory:
    """What was added since the start, up to the interpreter and up to now."""
    now_kb, peak_kb = _resident_kb(board), _resident_kb(board, "VmHWM")
    return Memory(
        init_footprint_kb=None if start_kb is None or init_kb is None else init_kb - start_kb,
        overall_footprint_kb=None if start_kb is None or now_kb is None else now_kb - start_kb,
        peak_mem_mb=None if peak_kb is None else peak_kb / 1024,
    )


def _warnings(result: Result) -> Iterator[str]:
    """Why the figures may be other ones tomorrow."""
    before, governors = result.before, result.machine["governors"]
    for name, timing in (("invoke", result.invoke), ("end to end", result.end_to_end)):
        spread = _spread(timing.statistics)
        if spread > STEADY:
            yield (
                f"{name}: 5th and 95th percentile are {spread:.0%} of the median apart; end other programs, measure"
                " longer (--min-secs) and several times"
            )
    if not result.uses_delegate:
        yield "XNNPACK is not applied; see `leukolite doctor`"
    if before.load_1min is not None and is_busy(before.load_1min, cpus=result.machine["cpus"] or 1):
        yield f"other programs were running (load {before.load_1min:.1f}); end them"
    if governors and set(governors) != {"performance"}:
        yield f"the clock may have changed (governor {', '.join(governors)}); see `leukolite doctor`"
    yield from _blind_spots(result.before, result.after, governors)


def _blind_spots(before: State, after: State, governors: Sequence[str]) -> Iterator[str]:
    """What could not be looked at."""
    if not governors:
        yield "the governor is not known; compare several runs"
    unknown = before.throttling.unknown or after.throttling.unknown
    if unknown:
        yield f"whether the board throttled is not known: {unknown}; compare several runs"
    elif before.throttling.since_boot:
        yield (
            f"{', '.join(before.throttling.since_boot)} since the board booted hides what may have come again"
            " meanwhile; restart the board before measuring"
        )


def _spread(statistics: Statistics) -> float:
    """The distance of the 5th and the 95th percentile, in medians."""
    return (statistics.p95_ms - statistics.p5_ms) / statistics.median_ms if statistics.median_ms else 0.0
