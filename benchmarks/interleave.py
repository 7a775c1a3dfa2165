"""Measure something in blocks, with the reference workload between them, so that noise meets both alike."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from benchmarks.conditions import Conditions
from benchmarks.workload import PARTS, Visit, Workload
from edge_runtime.board import Board
from edge_runtime.timing import Clock, Plan, measure

BLOCK_SECONDS = 0.02
"""How long the calls between two visits to the workload take: several visits (4 ms each on a PC), so that most of the
time goes to what is measured, and short beside the bursts of other programs, so that a visit sees the same burst."""

SHORT_SECONDS = 50e-6
"""What takes less is called several times for one sample, so that reading the clock (0.1 microseconds, and as much for
the call itself) is below a hundredth of it."""


@dataclass(frozen=True)
class Repetition:
    """What was seen in one process while one measurement was taken.

    A sample is the time of `loops` calls. `blocks` are the numbers of samples between visits to the reference workload;
    there is a visit before the first and after each block. `before` and `after` are the machine's conditions.
    """

    loops: int
    blocks: tuple[int, ...]
    visits: tuple[Visit, ...]
    before: Conditions
    after: Conditions

    def unit_ms(self, percentile: float) -> float:
        """The unit: what this percentile of the times of each part adds up to, over all visits."""
        times = ([ms for visit in self.visits for ms in visit[part]] for part in PARTS)
        return float(sum(np.percentile(each, percentile) for each in times))

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; KeyError, TypeError or ValueError for anything else."""
        visits = tuple({part: tuple(float(ms) for ms in visit[part]) for part in PARTS} for visit in fields["visits"])
        blocks = tuple(int(size) for size in fields["blocks"])
        if len(visits) != len(blocks) + 1 or not blocks or min(blocks) < 1:
            raise ValueError(f"{len(blocks)} blocks and {len(visits)} visits to the reference workload")
        times = [visit[part] for visit in visits for part in PARTS]
        if not all(each and all(math.isfinite(ms) and ms > 0 for ms in each) for each in times):
            raise ValueError("times of the reference workload that are none")
        if (loops := int(fields["loops"])) < 1:
            raise ValueError(f"samples of {loops} calls")
        before, after = (Conditions.from_json(fields[name]) for name in ("before", "after"))
        return cls(loops=loops, blocks=blocks, visits=visits, before=before, after=after)

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the fields; times to the nanosecond."""
        return {
            "loops": self.loops,
            "blocks": list(self.blocks),
            "visits": [{part: [round(ms, 6) for ms in times] for part, times in each.items()} for each in self.visits],
            "before": self.before.to_json(),
            "after": self.after.to_json(),
        }


class Interleaver:
    """Takes turns: calls in blocks of BLOCK_SECONDS, a visit to the workload before and after each.

    Made for pytest-benchmark's pedantic mode, which times `sample` `rounds` times: `turn` is to be called before each,
    and `finish` after the last. A sample is `loops` calls, one but for the shortest. The workload is in none of the
    times.
    """

    def __init__(
        self,
        call: Callable[[], object],
        *,
        workload: Workload,
        plan: Plan,
        max_seconds: float,
        board: Board | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        """Warm up as the plan says, and choose `rounds` so that they fill it: as often and as long, both.

        From the fastest tenth of the warm-up, so that it will not be shorter. What would take longer than
        `max_seconds` is ended there, as by benchmark_model's --max_secs, but not below 2 calls.
        """
        self._call, self._workload, self._board, self._clock = call, workload, board or Board(), clock
        warmup = Plan(num_runs=plan.warmup_runs, min_secs=plan.warmup_min_secs, warmup_runs=0, warmup_min_secs=0.0)
        warm_ms = measure(call, plan=warmup, clock=clock).samples_ms
        fast, usual = (max(float(ms) / 1e3, 1e-9) for ms in np.percentile(warm_ms, [10, 50]))
        self.loops = max(1, math.ceil(SHORT_SECONDS / fast))
        wanted = max(plan.num_runs, math.ceil(plan.min_secs / (fast * self.loops)))
        self.rounds = max(2, min(wanted, int(max_seconds / (usual * self.loops))))
        self._refills = usual < BLOCK_SECONDS / 2
        self._visits: list[Visit] = []
        self._starts: list[int] = []
        self._calls, self._due = 0, -math.inf
        self._before = Conditions.now(self._board)

    def sample(self) -> object:
        """What one sample is the time of; what the last call returned."""
        for _ in range(self.loops - 1):
            self._call()
        return self._call()

    def turn(self) -> None:
        """Visit the workload when a block is over; one call that is not timed then fills the caches again."""
        if self._clock() >= self._due:
            self._visits.append(self._workload.visit())
            self._starts.append(self._calls)
            if self._refills:
                self._call()
            self._due = self._clock() + BLOCK_SECONDS
        self._calls += 1

    def finish(self) -> Repetition:
        """The last visit; what was seen."""
        self._visits.append(self._workload.visit())
        return Repetition(
            loops=self.loops,
            blocks=tuple(np.diff([*self._starts, self._calls]).tolist()),
            visits=tuple(self._visits),
            before=self._before,
            after=Conditions.now(self._board),
        )


def blocks_of(samples: Sequence[float], repetitions: Sequence[Repetition]) -> Iterator[list[Sequence[float]]]:
    """The samples of each block, repetition by repetition; ValueError when their numbers do not fit."""
    if sum(size for each in repetitions for size in each.blocks) != len(samples):
        raise ValueError(f"{len(samples)} samples in blocks of another number")
    begin = 0
    for each in repetitions:
        blocks = []
        for size in each.blocks:
            blocks.append(samples[begin : begin + size])
            begin += size
        yield blocks
