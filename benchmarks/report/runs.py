"""The runs that a report is about, and what their models are called where several are shown together."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.config import NO_ROLE
from benchmarks.latency import Measurement, Suite, load_suite
from edge_runtime.errors import LeukoliteError, show

END_TO_END, INVOKE = "end_to_end", "invoke"
RUNTIME = "the runtime"


@dataclass(frozen=True)
class Line:
    """A measurement of one of the runs, and what its model is called in the report."""

    model: str
    measurement: Measurement
    cpus: int

    @property
    def variant(self) -> str:
        """Of its model."""
        return self.measurement.variant


@dataclass(frozen=True)
class Runs:
    """Runs of the suite by the names of their files."""

    suites: dict[str, Suite]

    @cached_property
    def lines(self) -> list[Line]:
        """All measurements, run after run. A model that several runs call alike has its run's name behind its own.

        So has what is measured without one, as `RUNTIME`.
        """
        roles = [{each.role for each in suite.measurements} for suite in self.suites.values()]
        shared = {role for at, own in enumerate(roles) for role in own if any(role in other for other in roles[:at])}
        called = {NO_ROLE: RUNTIME}
        return [
            Line(
                f"{called.get(measurement.role, measurement.role)} ({name})"
                if measurement.role in shared
                else measurement.role,
                measurement,
                suite.machine_state["cpus"] or 1,
            )
            for name, suite in self.suites.items()
            for measurement in suite.measurements
        ]

    @cached_property
    def models(self) -> list[str]:
        """Every model, in the order of the runs."""
        return list(dict.fromkeys(line.model for line in self.lines if line.measurement.role != NO_ROLE))

    def single(self, model: str) -> dict[str, Line]:
        """A model's measurements by stage, one picture at a time on the fewest threads."""
        own = [line for line in self.lines if line.model == model]
        least = min(line.measurement.about["num_threads"] for line in own)
        return {
            line.measurement.stage: line
            for line in own
            if line.measurement.about["num_threads"] == least
            and (line.measurement.about["batch"] == 1 or line.measurement.stage == "folder")
        }

    @property
    def rehearsal(self) -> bool:
        """Whether a model was trained on generated pictures."""
        return any(suite.rehearsal for suite in self.suites.values())


def load(paths: Sequence[str | os.PathLike[str]]) -> Runs:
    """Read what `python -m benchmarks run` wrote; LeukoliteError for anything else, or for two files of one name."""
    suites: dict[str, Suite] = {}
    for path in paths:
        name = show(Path(path).stem)
        if name in suites:
            raise LeukoliteError(
                expected="runs in files of different names, as they are told apart by them",
                found=f"two named {name}",
                remedy="rename one",
            )
        suites[name] = load_suite(path)
    return Runs(suites)
