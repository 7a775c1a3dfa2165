"""One emulated Raspberry Pi: a root folder with its files, and qemu, which runs its Python in it."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.pi import board
from benchmarks.pi.combinations import Combination
from benchmarks.pi.making import call
from edge_runtime.command import DONE, FAILED
from edge_runtime.errors import LeukoliteError

# qemu-user emulates vfork by fork, whose parent does not learn that a program could not be started: subprocess must use
# neither it nor posix_spawn, as Python 3.13 does. These switches are what its documentation names for such systems.
CUSTOM = "import subprocess\nsubprocess._USE_POSIX_SPAWN = subprocess._USE_VFORK = False\n"

QEMU = ("qemu-aarch64", "qemu-aarch64-static")


@dataclass(frozen=True)
class Device:
    """What runs the programs of a combination; `site` is where its packages are."""

    combination: Combination
    root: Path
    site: Path
    qemu: str

    def run(
        self,
        *arguments: str | Path,
        stdin: str = "",
        good: Sequence[int] = (0,),
        options: Sequence[str | Path] = (),
        variables: Mapping[str, str] | None = None,
    ) -> Any:
        """What its Python prints with these arguments, from JSON. Raises LeukoliteError when it fails.

        `good` are the exit statuses with which it has printed what is wanted, `options` qemu's own, and `variables`
        more of the environment.
        """
        python = self.root / "usr" / "bin" / f"python{self.combination.system.python}"
        # By the environment: where the kernel itself starts qemu for a program of another processor, children of the
        # device's Python are such devices too. Where it does not, they cannot be started.
        environment = {
            "QEMU_CPU": self.combination.board.qemu_cpu,
            "QEMU_LD_PREFIX": str(self.root),
            "PYTHONPATH": f"{self.root / 'custom'}{os.pathsep}{self.site}",
            "PYTHONNOUSERSITE": "1",
            **(variables or {}),
        }
        command = [self.qemu, *options, python, *arguments]
        return parsed(call(command, environment=environment, stdin=stdin, good=good, remedy="run that to see more"))

    def doctor(self) -> Any:
        """What `leukolite doctor --json` prints there, also where a line fails."""
        return self.run(self.site / "bin" / "leukolite", "doctor", "--json", good=(DONE, FAILED))

    def trial(self) -> Any:
        """What `python -m edge_runtime.trial` prints there."""
        return self.run("-P", "-m", "edge_runtime.trial")


def parsed(printed: str) -> Any:
    """JSON that a program printed; LeukoliteError when it is none."""
    try:
        return json.loads(printed)
    except ValueError as error:
        raise LeukoliteError(
            expected="JSON from the device", found=ascii(printed[:60]), remedy="run the program by hand to see more"
        ) from error


def assemble(combination: Combination, *, system_root: Path, site: Path, qemu: str, folder: Path) -> Device:
    """A device below `folder`: links to the system's files, which boards share, and the board's own beside them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for entry in system_root.iterdir():
        (folder / entry.name).symlink_to(entry.resolve())
    board.write(combination.board, folder)
    (folder / "custom").mkdir()
    (folder / "custom" / "sitecustomize.py").write_text(CUSTOM, encoding="utf-8")
    return Device(combination, root=folder.resolve(), site=site.resolve(), qemu=qemu)


def find_qemu(path: str | None = None) -> str:
    """The emulator of aarch64 programs, among the folders of `path` (default: PATH)."""
    found = next((place for name in QEMU if (place := shutil.which(name, path=path))), None)
    if found is None:
        raise LeukoliteError(
            expected=f"{QEMU[0]} among the folders of PATH",
            found="none",
            remedy=f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install qemu-user",
        )
    return found
