"""One model for minutes on end, to see whether the board keeps its speed when it is warm.

A short measurement is over before the heat has reached the sensor. Retention is the speed of the last half-minute as a
share of the first; a board that throttled has measured its cooling, so that the run is void and says so.
"""

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.picture import Picture
from edge_runtime.board import Board, State, slowed
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import write_json
from edge_runtime.markdown import table
from edge_runtime.progress import progress
from edge_runtime.provenance import RUNTIME_PACKAGES, collect
from edge_runtime.timing import Clock, Plan, Statistics, measure

SCHEMA_VERSION = 1
HALF_MINUTE_S = 30.0
WINDOW_S = 1.0
"""How often the board is asked: temperatures move by tenths of a degree in a second."""


@dataclass(frozen=True)
class Window:
    """About a second: when it began, the calls in it in milliseconds, and the board after them.

    `frequency_mhz` is that of the slowest processor; None where the kernel does not tell.
    """

    at_s: float
    samples_ms: tuple[float, ...]
    frequency_mhz: float | None
    state: State


@dataclass(frozen=True)
class Sustained:
    """A long run. `before` is the board's state before the first window."""

    model: dict[str, str]
    image: str
    num_threads: int
    minutes: float
    windows: tuple[Window, ...]
    before: State
    machine: dict[str, Any]
    provenance: dict[str, Any]
    schema_version: int = field(default=SCHEMA_VERSION, init=False)

    @property
    def first(self) -> tuple[float, ...]:
        """The calls of the first half-minute."""
        return _samples(each for each in self.windows if each.at_s < HALF_MINUTE_S)

    @property
    def last(self) -> tuple[float, ...]:
        """Those of the last."""
        return _samples(each for each in self.windows if each.at_s >= 60 * self.minutes - HALF_MINUTE_S)

    @property
    def retention(self) -> float:
        """Images a second in the last half-minute, as a share of those in the first."""
        return rate(self.last) / rate(self.first)

    @property
    def invalid_because(self) -> tuple[str, ...]:
        """How the board slowed itself down, before, after or at any time in between; empty where it did not."""
        states = [each.state for each in self.windows]
        meanwhile = dict.fromkeys(named for state in states for named in state.throttling.now)
        found = slowed(self.before, states[-1])
        return (*found, *(f"{named} meanwhile" for named in meanwhile if not any(named in each for each in found)))

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all that was seen; times to the microsecond."""
        return {
            **{name: getattr(self, name) for name in ("schema_version", "model", "image", "num_threads", "minutes")},
            "valid": not self.invalid_because,
            "invalid_because": list(self.invalid_because),
            "retention": self.retention,
            "images_per_s": {"first": rate(self.first), "last": rate(self.last)},
            "before": asdict(self.before),
            "windows": [
                {**asdict(each), "samples_ms": [round(ms, 3) for ms in each.samples_ms]} for each in self.windows
            ],
            "machine": self.machine,
            "provenance": self.provenance,
        }

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON, atomically; LeukoliteError where that cannot be."""
        write_json(path, self.to_json())


def run(
    model: str | os.PathLike[str],
    *,
    picture: Picture,
    minutes: float,
    num_threads: int = 1,
    board: Board | None = None,
    clock: Clock = time.perf_counter,
) -> Sustained:
    """Classify one picture over and over, for at least a minute.

    Raises LeukoliteError when that is too short, or the bundle cannot be used or not on this picture.
    """
    if not (math.isfinite(minutes) and minutes * 60 >= 2 * HALF_MINUTE_S):
        raise LeukoliteError(
            expected="a sustained run of at least 1 minute, so that its first and last half are two",
            found=f"{minutes:g}",
            remedy="give it more; boards need about 10 to become warm",
        )
    board, started = board or Board(), time.time()
    classifier = Classifier(model, num_threads=num_threads).load()
    found = classifier.classify(picture.content)
    if found.error is not None:
        raise LeukoliteError(
            expected=f"{show(classifier.path.name)} to classify {show(picture.name)}",
            found=found.error.replace(";", ","),
            remedy="use another bundle",
        )
    before = board.state()
    windows = _windows(lambda: classifier.classify(picture.content), seconds=60 * minutes, board=board, clock=clock)
    return Sustained(
        model={"file": classifier.path.name, "sha256": classifier.digest, "variant": classifier.card.variant},
        image=picture.name,
        num_threads=num_threads,
        minutes=minutes,
        windows=windows,
        before=before,
        machine=board.describe(),
        provenance=collect(packages=RUNTIME_PACKAGES, started=started),
    )


def _windows(call: Callable[[], object], *, seconds: float, board: Board, clock: Clock) -> tuple[Window, ...]:
    """Window after window until so long has passed."""
    plan = Plan(num_runs=1, min_secs=WINDOW_S, warmup_runs=0, warmup_min_secs=0.0)
    windows: list[Window] = []
    begun = clock()
    with progress("sustained", total=math.ceil(seconds)) as advance:
        while (at_s := clock() - begun) < seconds:
            samples = measure(call, plan=plan, clock=clock).samples_ms
            slowest = min(board.frequencies_mhz, default=None)
            windows.append(Window(round(at_s, 3), samples, slowest, board.state()))
            advance(round(clock() - begun) - round(at_s))
    return tuple(windows)


def to_markdown(result: Sustained) -> str:
    """The first and the last half-minute, and what became of the board."""
    return "".join(_parts(result))


def rate(samples_ms: Sequence[float]) -> float:
    """Images a second."""
    return 1e3 * len(samples_ms) / sum(samples_ms)


def _parts(result: Sustained) -> Iterator[str]:
    """The text, piece by piece."""
    rows = [
        (
            when,
            f"{rate(samples):,.1f}",
            f"{Statistics.of(samples).median_ms:.3f}",
            f"{Statistics.of(samples).p99_ms:.3f}",
        )
        for when, samples in (("first", result.first), ("last", result.last))
    ]
    yield table(("half-minute", "images / s", "median ms", "p99 ms"), rows, align="lrrr")
    model = f"{show(result.model['file'])} ({result.model['variant']})"
    yield f"\n{model}, end to end, {result.minutes:g} minutes: the last half-minute keeps {result.retention:.1%}"
    yield " of the speed of the first.\n"
    temperatures = [each.state.temperature_c for each in result.windows if each.state.temperature_c is not None]
    clocks = [each.frequency_mhz for each in result.windows if each.frequency_mhz is not None]
    yield f"Temperature {_range(temperatures, 'C')}, slowest clock {_range(clocks, 'MHz')}.\n"
    unknown = result.before.throttling.unknown
    if result.invalid_because:
        yield f"**Void**, because the board slowed down: {'; '.join(result.invalid_because)}.\n"
    elif unknown:
        yield f"Whether the board throttled is not known: {unknown}.\n"


def _range(values: Sequence[float], unit: str) -> str:
    """From where to where something went, and its highest."""
    if not values:
        return "not known"
    return f"{values[0]:.0f} to {values[-1]:.0f} {unit} (highest {max(values):.0f}, lowest {min(values):.0f})"


def _samples(windows: Iterator[Window]) -> tuple[float, ...]:
    """All calls in them."""
    return tuple(ms for each in windows for ms in each.samples_ms)
