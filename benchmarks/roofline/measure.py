"""A roofline of some models: this machine's ceilings and each layer's time in turns, and what emulated boards count."""

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.race import PACKAGES
from benchmarks.roofline import ceilings, shapes
from benchmarks.roofline.ceilings import KINDS
from benchmarks.roofline.counted import Counts, count
from benchmarks.roofline.layers import Layer, layers
from benchmarks.roofline.report import Bandwidth, BoardUsed, Candidate, Network, Peak, Position, Report
from benchmarks.roofline.timing import REFERENCE, Timed, invoker, times
from benchmarks.work import Work, multiplied, multiply_adds, parameters
from edge_runtime.card import read_model
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import sha256
from edge_runtime.provenance import collect

CALL = "a call by itself"


@dataclass(frozen=True)
class _Model:
    """A model and what it is made of."""

    name: str
    content: bytes
    kind: str
    layers: tuple[Layer, ...]

    @property
    def work(self) -> Work:
        """Of the whole: what its layers compute, and move one after the other."""
        total, moved = 0, 0
        for layer in self.layers:
            total += layer.times * layer.work.multiply_adds
            moved += layer.times * layer.work.moved_bytes
        return Work(total, moved)

    def parts(self) -> dict[str, bytes]:
        """The whole and each layer, by names of their own."""
        return {self.name: self.content, **{f"{self.name}: {layer.name}": layer.content for layer in self.layers}}


def measure(
    models: Mapping[str, Path],
    *,
    rounds: int,
    boards: Sequence[str],
    folder: Path,
    tell: Callable[[str], None] = lambda text: None,
) -> Report:
    """Count on the emulated boards first, as that fails where qemu is missing; then time everything here.

    Args:
        models: name -> path of a .tflite that multiplies int8 or float32.
        rounds: so many times has each layer its turn.
        boards: names of `instructions.BOARDS`; none for none.
        folder: where the emulated boards are, or are made.
        tell: is told what is being done.

    Raises LeukoliteError for a model that cannot be cut, and when a board cannot be made.
    """
    started, load = time.time(), os.getloadavg()[0]
    read = [_read(name, path) for name, path in models.items()]
    parts = {name: content for model in read for name, content in model.parts().items()}
    candidates = {(group, name): content for group, name, content in shapes.sweep()} if boards else {}
    counts: Mapping[str, Counts] = {}
    if boards:
        named = {f"{group}: {name}": content for (group, name), content in candidates.items()}
        best = {name: content for name, (_, _, content) in ceilings.peak_networks().items()}
        everything = {CALL: ceilings.nothing_network(), **best, **parts, **named}
        counts = count(everything, boards=boards, folder=folder, tell=tell)
    tell(f"timing {len(parts)} models here, {rounds} rounds: a minute or two")
    timed = _timed(parts, rounds)
    return Report(
        caches=ceilings.caches(),
        rounds=rounds,
        call=timed[CALL],
        reference=timed[REFERENCE],
        peaks={kind: _peak(kind, timed, counts) for kind in KINDS.values()},
        bandwidths={where: _bandwidth(where, size, timed) for where, size in _copies().items()},
        networks=tuple(_network(model, timed, counts) for model in read),
        boards={name: _board(each) for name, each in counts.items()},
        candidates=tuple(_candidate(*key, content, counts) for key, content in candidates.items()),
        machine_state={"load_1min_at_start": load, "cpus": os.cpu_count()},
        provenance=collect(packages=PACKAGES, started=started),
    )


def _read(name: str, path: Path) -> _Model:
    """A model, cut up; LeukoliteError where it multiplies neither int8 nor float32."""
    content = read_model(path)
    cut, kind = layers(content), multiplied(content)
    if kind not in KINDS:
        raise LeukoliteError(
            expected=f"{show(path)} to multiply int8 or float32", found=kind, remedy="use such a variant"
        )
    return _Model(name, content, KINDS[kind], cut)


def _timed(parts: Mapping[str, bytes], rounds: int) -> dict[str, Timed]:
    """Everything that is timed, in turns."""
    calls: dict[str, Callable[[], object]] = {CALL: invoker(ceilings.nothing_network(), name=CALL)}
    calls |= {name: invoker(content, name=name) for name, (_, _, content) in ceilings.peak_networks().items()}
    calls |= {where: ceilings.copier(size) for where, size in _copies().items()}
    calls |= {name: invoker(content, name=name) for name, content in parts.items()}
    return times(calls, rounds=rounds)


def _copies() -> dict[str, int]:
    """The copies that this machine's caches ask for."""
    return ceilings.copies(ceilings.caches())


def _peak(kind: str, timed: Mapping[str, Timed], counts: Mapping[str, Counts]) -> Peak:
    """The fastest of the suite's networks; and on each board the one of the fewest instructions."""
    networks = {name: total for name, (own, total, _) in ceilings.peak_networks().items() if own == kind}
    rates = {name: total / (timed[name].us - timed[CALL].us) / 1e3 for name, total in networks.items()}
    fastest = max(rates, key=lambda name: rates[name])
    taken = {name: _instructions(name, counts) for name in networks}
    fewest = {board: min(taken[name][board] / total for name, total in networks.items()) for board in counts}
    return Peak(rates[fastest], timed[fastest].spread, fastest, fewest)


def _bandwidth(where: str, size: int, timed: Mapping[str, Timed]) -> Bandwidth:
    """Of a copy: what is read and what is written."""
    return Bandwidth(2 * size / timed[where].us / 1e3, timed[where].spread, size)


def _network(model: _Model, timed: Mapping[str, Timed], counts: Mapping[str, Counts]) -> Network:
    """The positions of a model and its layers."""

    def position(part: str, name: str, times: int, work: Work) -> Position:
        return Position(
            name=name,
            times=times,
            multiply_adds=work.multiply_adds,
            moved_bytes=work.moved_bytes,
            us=max(0.0, timed[part].us - timed[CALL].us),
            spread=timed[part].spread,
            instructions=_instructions(part, counts),
        )

    return Network(
        name=model.name,
        sha256=sha256(model.content),
        kind=model.kind,
        whole=position(model.name, model.name, 1, model.work),
        layers=tuple(position(f"{model.name}: {each.name}", each.name, each.times, each.work) for each in model.layers),
    )


def _instructions(name: str, counts: Mapping[str, Counts]) -> dict[str, int]:
    """What a model takes on each board, less what a call takes."""
    return {board: max(0, each.instructions[name] - each.instructions[CALL]) for board, each in counts.items()}


def _board(counts: Counts) -> BoardUsed:
    """How was counted."""
    return BoardUsed(counts.board, counts.processor, counts.versions, counts.instructions[CALL])


def _candidate(group: str, name: str, content: bytes, counts: Mapping[str, Counts]) -> Candidate:
    """One of the sweep."""
    found: dict[str, Any] = {"multiply_adds": multiply_adds(content), "parameters": parameters(content)}
    return Candidate(group, name, **found, instructions=_instructions(f"{group}: {name}", counts))
