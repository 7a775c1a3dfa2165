"""What a run with peers found, and its JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from benchmarks.peers.entrants import OURS
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json

SCHEMA_VERSION = 1
WANTED = 1.5
"""How many times as fast as every peer that is as good ours is meant to be, end to end."""

AS_GOOD = 0.005
"""A peer is as good as ours when its accuracy is at most so much lower: what int8 may cost here."""

Interval = tuple[float, float]


@dataclass(frozen=True)
class Time:
    """Milliseconds by the clock: the median of all rounds and their quartiles."""

    median_ms: float
    quartiles_ms: Interval


@dataclass(frozen=True)
class Row:
    """One entrant.

    `times` is how many times as long as ours of the first row it takes end to end, `alike` the share of pictures to
    which, shown the same pixels, it gives the label of our network of that kind; None for another network.
    """

    name: str
    engine: str
    network: str
    kind: str
    package: str
    size_bytes: int
    invoke: Time
    end_to_end: Time
    times: float
    times_ci95: Interval
    accuracy: float
    accuracy_ci95: Interval | None
    n: int
    alike: float | None

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """Read one."""
        pairs = {name: tuple(fields[name]) for name in ("times_ci95", "accuracy_ci95") if fields[name]}
        each = {name: Time(fields[name]["median_ms"], tuple(fields[name]["quartiles_ms"])) for name in _TIMES}
        return cls(**{**fields, **pairs, **each})


_TIMES = ("invoke", "end_to_end")
_ABOUT = {"pictures", "block", "repeats", "unit", "tested"}


@dataclass(frozen=True)
class Report:
    """All of them, ours of int8 first; who was left out, and why; and on what it was measured."""

    rows: Sequence[Row]
    left_out: Mapping[str, str]
    about: Mapping[str, Any]
    machine_state: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def front(self) -> frozenset[str]:
        """The names of those that no other is at least as good as and faster than."""
        return frozenset(
            row.name
            for row in self.rows
            if not any(
                other.accuracy >= row.accuracy and other.end_to_end.median_ms < row.end_to_end.median_ms
                for other in self.rows
            )
        )

    def shortfalls(self) -> list[str]:
        """What ours of the first row misses of what it is meant to be, a line each."""
        ours, *others = self.rows
        off = [] if ours.name in self.front() else [f"{ours.name} is not on the front"]
        return off + [
            f"{row.name} is as good and takes {row.times:.2f} times as long, not {WANTED}"
            for row in others
            if row.engine != OURS and row.accuracy >= ours.accuracy - AS_GOOD and row.times < WANTED
        ]

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return {
            "schema_version": SCHEMA_VERSION,
            "rows": [asdict(row) for row in self.rows],
            "left_out": dict(self.left_out),
            "about": dict(self.about),
            "machine_state": dict(self.machine_state),
            "provenance": dict(self.provenance),
        }

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read one; LeukoliteError when the file holds none."""
        fields = read_json(path, what="a report of `benchmarks peers`")
        try:
            if fields.pop("schema_version") != SCHEMA_VERSION:
                raise ValueError("another schema")
            report = cls(**{**fields, "rows": [Row.from_json(row) for row in fields["rows"]]})
            if not report.rows or not report.about.keys() >= _ABOUT:
                raise ValueError(f"{len(report.rows)} rows, about {', '.join(report.about)}")
            return report
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LeukoliteError(
                expected=f"a report of `benchmarks peers` at {show(path)}",
                found=f"something else ({type(error).__name__}: {error})",
                remedy="make it again",
            ) from error
