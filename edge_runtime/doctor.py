"""The doctor: whether this device is fit to run leukolite, and to be measured."""

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runtime import checks, trial
from edge_runtime.board import Board
from edge_runtime.checks import FAIL, OK, WARN, Check
from edge_runtime.errors import show
from edge_runtime.provenance import version
from edge_runtime.terminal import GREEN, PLAIN, RED, YELLOW, Look

_COLORS = {OK: GREEN, WARN: YELLOW, FAIL: RED}


@dataclass(frozen=True)
class Installed:
    """The Python that runs this, and what it can import: names as in trial.combinations(), None for what is missing."""

    bits: int
    versions: dict[str, str | None]

    @classmethod
    def here(cls) -> "Installed":
        """Of this process."""
        packages = {name: version(name) for name in trial.PACKAGES}
        bits = 64 if sys.maxsize > 2**32 else 32
        return cls(bits, {"machine": platform.machine(), "python": platform.python_version(), **packages})


@dataclass(frozen=True)
class Diagnosis:
    """All lines, in the order in which they are read, and the machine that they are about."""

    checks: tuple[Check, ...]
    machine: dict[str, Any]

    @property
    def fit(self) -> bool:
        """Whether nothing fails; warnings are no failures."""
        return all(check.status != FAIL for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """A JSON object of all fields."""
        return {"fit": self.fit, "checks": [asdict(check) for check in self.checks], "machine": self.machine}


def examine(
    *,
    board: Board | None = None,
    installed: Installed | None = None,
    trial_command: Sequence[str] = trial.COMMAND,
    folder: Path | None = None,
) -> Diagnosis:
    """Look at everything.

    Args:
        board: where to ask about the machine; None for this one.
        installed: None for what runs this.
        trial_command: what tries the runtime out, in a process of its own.
        folder: whose disk is to have room for results; None for the current one.

    Never raises for what is missing, malformed or hangs: that is a line of the diagnosis.
    """
    board, installed = board or Board(), installed or Installed.here()
    tested, tried, state, is_pi = (
        trial.combinations(),
        trial.attempt(trial_command),
        board.state(),
        board.is_raspberry_pi,
    )
    memory_kb, versions = board.memory_available_kb, installed.versions
    found = (
        checks.word_size(installed.bits, machine=versions["machine"] or checks.UNKNOWN),
        *(checks.package(name, versions[name], tested=tested) for name in ("python", *trial.PACKAGES)),
        checks.combination(versions, tested=tested),
        checks.delegate(tried),
        checks.golden(tried),
        checks.governor(board.governors),
        checks.load(state.load_1min, cpus=os.cpu_count() or 1),
        checks.voltage(state.throttling, is_raspberry_pi=is_pi),
        checks.clock(state.throttling, is_raspberry_pi=is_pi),
        checks.temperature(state.temperature_c, is_raspberry_pi=is_pi),
        checks.disk(_free_mb(folder), folder=show(folder or _here())),
        checks.memory(None if memory_kb is None else memory_kb * 1024 / 1e6),
        checks.camera(),
    )
    return Diagnosis(found, board.describe())


def table(diagnosis: Diagnosis, look: Look = PLAIN) -> Iterator[str]:
    """Lines for people: status, name and what was found, and below it what to do."""
    wide = max(len(check.name) for check in diagnosis.checks)
    for check in diagnosis.checks:
        status = look.paint(f"{check.status:<4}", _COLORS[check.status])
        yield f"{status}  {check.name:<{wide}}  {look.wrap(look.printable(check.found), indent=wide + 8)}\n"
        if check.remedy:
            yield f"{'':<{wide + 6}}  -> {look.wrap(check.remedy, indent=wide + 11)}\n"


def _here() -> str:
    """The current folder; its sign where it has been removed."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return os.curdir


def _free_mb(folder: Path | None) -> float | None:
    """What an ordinary user can still write to the disk of a folder; None where it cannot be told."""
    try:
        return shutil.disk_usage(folder or os.curdir).free / 1e6
    except OSError:
        return None
