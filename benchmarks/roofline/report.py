"""What a roofline report holds, and its JSON: summaries alone, as thousands of samples say no more."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.roofline.ceilings import Cache
from benchmarks.roofline.timing import Timed
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Position:
    """A layer, or a whole network: what it computes and moves, how long it took here, how much there.

    `us` is the median of one of `times` that are alike, less what a call takes by itself; `spread` the distance of the
    quartiles as a part of the median. `instructions` are those of an emulated board, by its name, less those of a call.
    """

    name: str
    times: int
    multiply_adds: int
    moved_bytes: int
    us: float
    spread: float
    instructions: Mapping[str, int]

    @property
    def gmacs(self) -> float:
        """Billions of multiply-adds a second; 0 where it took no longer than a call by itself."""
        return self.multiply_adds / self.us / 1e3 if self.us > 0 else 0.0

    @property
    def intensity(self) -> float:
        """Multiply-adds a byte."""
        return self.multiply_adds / self.moved_bytes


@dataclass(frozen=True)
class Network:
    """One model: `kind` is what it multiplies, int8 or float32. Its whole is measured as such and not added up."""

    name: str
    sha256: str
    kind: str
    whole: Position
    layers: tuple[Position, ...]

    @property
    def share_of_sum(self) -> float:
        """The layers' times together, as a part of the whole: 1 where to cut it changed nothing."""
        return sum(layer.times * layer.us for layer in self.layers) / self.whole.us


@dataclass(frozen=True)
class Peak:
    """The most multiply-adds a second that LiteRT reached here, in billions, and by which network.

    `per_multiply_add` are the fewest instructions for each of them on an emulated board, by its name.
    """

    gmacs: float
    spread: float
    network: str
    per_multiply_add: Mapping[str, float]


@dataclass(frozen=True)
class Bandwidth:
    """Bytes a second, read and written together, in billions, of a copy of so many bytes."""

    gb_s: float
    spread: float
    copied_bytes: int


@dataclass(frozen=True)
class BoardUsed:
    """An emulated board: by which versions was counted, and what a call takes by itself."""

    board: str
    processor: str
    versions: Mapping[str, str]
    call_instructions: int


@dataclass(frozen=True)
class Candidate:
    """A layer or network of the sweep, of random weights: what it takes on the boards, calls not in it."""

    group: str
    name: str
    multiply_adds: int
    parameters: int
    instructions: Mapping[str, int]


@dataclass(frozen=True)
class Report:
    """All of it. `bandwidths` and `boards` are by name; `peaks` by int8 and float32."""

    caches: tuple[Cache, ...]
    rounds: int
    call: Timed
    reference: Timed
    peaks: Mapping[str, Peak]
    bandwidths: Mapping[str, Bandwidth]
    networks: tuple[Network, ...]
    boards: Mapping[str, BoardUsed]
    candidates: tuple[Candidate, ...]
    machine_state: Mapping[str, Any]
    provenance: Mapping[str, Any]
    schema_version: int = field(default=SCHEMA_VERSION, init=False)

    def roof(self, network: Network, intensity: float, *, where: str) -> float:
        """The most that is possible at that intensity, GMAC/s: the lower of peak and bandwidth times intensity.

        Williams, Waterman and Patterson 2009, doi:10.1145/1498765.1498785.
        """
        return min(self.peaks[network.kind].gmacs, self.bandwidths[where].gb_s * intensity)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `to_json` wrote; LeukoliteError when it is not that."""
        value = read_json(path, what="a report of `python -m benchmarks roofline`")
        try:
            if value.pop("schema_version") != SCHEMA_VERSION:
                raise ValueError(f"another schema than {SCHEMA_VERSION}")
            return cls(
                caches=tuple(Cache(**each) for each in value.pop("caches")),
                call=Timed(**value.pop("call")),
                reference=Timed(**value.pop("reference")),
                peaks={kind: Peak(**each) for kind, each in value.pop("peaks").items()},
                bandwidths={where: Bandwidth(**each) for where, each in value.pop("bandwidths").items()},
                networks=tuple(_network(each) for each in value.pop("networks")),
                boards={name: BoardUsed(**each) for name, each in value.pop("boards").items()},
                candidates=tuple(Candidate(**each) for each in value.pop("candidates")),
                **value,
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LeukoliteError(
                expected=f"a report of `python -m benchmarks roofline` at {show(path)}",
                found=" ".join(str(error).split()) or type(error).__name__,
                remedy="make it again: python -m benchmarks roofline --out FILE",
            ) from error


def _network(value: Mapping[str, Any]) -> Network:
    """A network, from JSON."""
    whole, layers = Position(**value["whole"]), tuple(Position(**each) for each in value["layers"])
    return Network(**{**value, "whole": whole, "layers": layers})
