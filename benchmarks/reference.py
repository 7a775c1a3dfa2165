"""Hold counts of instructions against those that are kept, and say what grew.

A count that fell is a failure too: under a reference that is too high, it could grow back unseen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.instructions import END_TO_END, REPEATABLE, STAGES, TIMES, BoardCounts, ModelCounts
from edge_runtime.command import DONE, FAILED, INCONCLUSIVE
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.trial import PACKAGES

FOLDER = Path(__file__).parent / "reference"
FIRST = FOLDER / "first"
"""Of the first int8 model that was shipped (commit 6f560ca), counted as those of today; nothing is held against it."""

LIMIT = 0.01
"""The part of itself by which a count may differ from the reference: ten times what two runs differ by."""

UPDATE = "python -m benchmarks instructions --update"
COMMIT = f"run `{UPDATE}` and commit the references with the reason"
GREW = f"make it cheaper again; or accept it: {COMMIT}"
FELL = f"a reference that is too high hides later growth: {COMMIT}"


@dataclass(frozen=True)
class Verdict:
    """Exit status, and a line for each thing that is wrong; the remedy is the last."""

    status: int
    lines: tuple[str, ...] = ()


def path_of(board: str, folder: Path = FOLDER) -> Path:
    """Where the reference of one of `instructions.BOARDS` is kept."""
    return folder / f"{board}-emulated.json"


def load(board: str, folder: Path = FOLDER) -> BoardCounts:
    """The reference of that board; LeukoliteError, with the command that adds it, where there is none."""
    path = path_of(board, folder)
    if not path.is_file():
        known = sorted(each.stem for each in folder.glob("*.json"))
        raise LeukoliteError(
            expected=f"a reference of {board} at {show(path)}",
            found=f"those of {', '.join(known)}" if known else "none",
            remedy=f"add it: {UPDATE} --board {board}",
        )
    return BoardCounts.load(path)


def judge(reference: BoardCounts, found: BoardCounts) -> Verdict:
    """Whether every count is within LIMIT of the reference's.

    DONE, FAILED, or INCONCLUSIVE: where other versions of the system or of qemu were counted, which nobody chose here,
    nothing can be said of the code. The packages of constraints.txt and the picture are chosen here: whoever changes
    them renews the references.
    """
    chosen, given = _unlike(reference, found)
    if chosen or given:
        return Verdict(FAILED if chosen else INCONCLUSIVE, (_not_judged(found, [*chosen, *given]),))
    if reference.models.keys() != found.models.keys():
        lacking = sorted(reference.models.keys() - found.models.keys())
        new = sorted(found.models.keys() - reference.models.keys())
        told = [f"no {name}, which the reference has" for name in lacking] + [f"no reference of {name}" for name in new]
        return Verdict(FAILED, (f"{found.name}: {'; '.join(told)}; {COMMIT}",))
    grew = [line for name in found.models for line in _changes(name, reference, found, sign=1)]
    fell = [line for name in found.models for line in _changes(name, reference, found, sign=-1)]
    if not grew and not fell:
        return Verdict(DONE)
    return Verdict(FAILED, (*grew, *fell, GREW if grew else FELL))


def _unlike(reference: BoardCounts, found: BoardCounts) -> tuple[list[str], list[str]]:
    """What else than the code was another: of our own choosing, and not."""
    names = sorted(reference.versions.keys() | found.versions.keys())
    other = {
        name: f"{name} {found.versions.get(name, 'unknown')}, reference {reference.versions.get(name, 'unknown')}"
        for name in names
        if found.versions.get(name) != reference.versions.get(name)
    }
    chosen = [text for name, text in other.items() if name in PACKAGES]
    if not other and reference.picture_sha256 != found.picture_sha256:
        chosen.append(f"picture {found.picture_sha256:.12}, reference {reference.picture_sha256:.12}")
    return chosen, [text for name, text in other.items() if name not in PACKAGES]


def _not_judged(found: BoardCounts, unlike: list[str]) -> str:
    """That, and why, nothing is said."""
    return f"{found.name}: not judged, as another thing was counted ({'; '.join(unlike)}); {COMMIT}"


def _changes(name: str, reference: BoardCounts, found: BoardCounts, *, sign: int) -> Iterator[str]:
    """The stages of a model that grew (sign 1) or fell (-1) by more than LIMIT, and more than runs differ by."""
    old, new = reference.models[name], found.models[name]
    noise = REPEATABLE * old.stages[END_TO_END].instructions
    for stage in STAGES:
        before, after = old.stages[stage].instructions, new.stages[stage].instructions
        counts = 1 if stage in TIMES else len(TIMES)  # what is not counted itself is what all those leave
        if sign * (after - before) > max(LIMIT * before, counts * noise):
            yield f"{found.name}: {name}, {stage}: {_step(before, after)}{_other_model(old, new)}"


def _step(before: int, after: int) -> str:
    """A change for people."""
    change = after / before - 1
    return f"{'grew' if change > 0 else 'fell'} by {abs(change):.1%}, from {before:,} to {after:,} instructions"


def _other_model(old: ModelCounts, new: ModelCounts) -> str:
    """Whether that may be why."""
    return "" if old.sha256 == new.sha256 else " (it is another model than the reference's)"
