"""What the machine says of itself while something is measured: cheap enough to be asked every few milliseconds."""

import resource
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from edge_runtime.board import Board, State, Throttling


@dataclass(frozen=True)
class Conditions:
    """Before or after a measurement.

    `state` is the board's. `frequencies_mhz` are the processors' clocks, empty where the kernel does not tell them.
    `switches` are the times that this process was put aside for another so far (involuntary context switches).
    """

    state: State
    frequencies_mhz: tuple[float, ...]
    switches: int

    @classmethod
    def now(cls, board: Board) -> Self:
        """Ask the board and the kernel; the firmware's answer takes some milliseconds."""
        return cls(board.state(), board.frequencies_mhz, switches())

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_json`; KeyError or TypeError for anything else."""
        state = dict(fields["state"])
        throttling = Throttling(**state.pop("throttling"))
        return cls(State(throttling, **state), tuple(fields["frequencies_mhz"]), int(fields["switches"]))

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the fields."""
        return asdict(self)


def switches() -> int:
    """How often this process, all its threads together, was put aside for another so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw
