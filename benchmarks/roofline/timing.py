"""The times of many calls, which take turns in one thread, with the reference workload among them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from benchmarks import race
from benchmarks.pi.invokes import fill
from benchmarks.workload import Workload
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.native import hushed
from edge_runtime.timing import Plan, measure

SAMPLE_MS = 0.5
"""A sample is of so many calls that it takes about as long: a thousand times what the clock of a thread resolves."""
_TRIED = Plan(num_runs=3, min_secs=0.005, warmup_runs=2, warmup_min_secs=0.0)
REFERENCE = "reference workload"


@dataclass(frozen=True)
class Timed:
    """The median time of a call in microseconds, and the distance of the quartiles as a part of it."""

    us: float
    spread: float


def times(calls: Mapping[str, Callable[[], object]], *, rounds: int) -> dict[str, Timed]:
    """Time each call so many rounds, and REFERENCE beside them: processor time of this thread.

    The calls take turns, each beginning another round, so that noise and a clock that moves meet all of them alike.
    Before each sample there is a call that is not timed, which brings what it needs into the caches again.
    """
    contenders = {name: _contender(call) for name, call in calls.items()}
    contenders[REFERENCE] = _contender(Workload().visit)
    found = race.run(contenders, range(rounds), unit="processor time of a call", about={})
    return {name: _timed([1e3 * ms for ms in samples]) for name, samples in found.samples_ms.items()}


def invoker(content: bytes, *, name: str) -> Callable[[], object]:
    """A call that invokes this model on one thread, on noise; LeukoliteError, with its name, when it cannot run."""
    try:
        with hushed():
            interpreter = Interpreter(model_content=content, num_threads=1)
            interpreter.allocate_tensors()
            fill(interpreter)
            interpreter.invoke()
    except (ValueError, RuntimeError) as error:
        raise LeukoliteError(
            expected=f"{show(name)} to run by itself", found=reason(error)[:200], remedy="use another model"
        ) from error
    invoke: Callable[[], object] = interpreter.invoke
    return invoke


def _contender(call: Callable[[], object]) -> Callable[[Any], float]:
    """As `race.run` takes it: the milliseconds of one call, from as many as SAMPLE_MS takes."""
    loops = max(1, round(SAMPLE_MS / measure(call, plan=_TRIED).statistics.median_ms))

    def work(_: Any) -> None:
        for _number in range(loops):
            call()

    timed = race.thread_ms(work)

    def sample(given: Any) -> float:
        call()
        return timed(given) / loops

    return sample


def _timed(samples_us: list[float]) -> Timed:
    """Median and spread."""
    low, median, high = (float(value) for value in np.percentile(samples_us, [25, 50, 75]))
    return Timed(us=median, spread=(high - low) / median if median else 0.0)
