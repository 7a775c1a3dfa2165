"""leukolite's wheel, installed as pip installs it on the device: with aarch64 wheels, whatever this machine is."""

import shlex
import sys
import zipfile
from pathlib import Path

from edge_runtime.files import sha256
from tests.environments import constraints
from tests.pages import blocks
from tests.pi.combinations import Packages, System
from tests.pi.making import call, kept

_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def platforms(system: System) -> list[str]:
    """The names of wheels that this system's pip takes, newest first; 17 is the oldest that aarch64 wheels have."""
    return [f"manylinux_2_{minor}_aarch64" for minor in range(system.glibc_minor, 16, -1)] + ["manylinux2014_aarch64"]


def site(wheel: Path, system: System, packages: Packages, folder: Path) -> Path:
    """A folder for PYTHONPATH with the wheel and what it depends on, made below `folder` unless it is there."""

    others = constraints(packages.pins)

    def install(made: Path) -> None:
        (made / "constraints.txt").write_text(others, encoding="utf-8")
        remedy = "see that pip reaches a registry that has aarch64 wheels, and try again"
        pinned = ["--constraint", made / "constraints.txt", *packages.pins]
        call([*_PIP, *download(wheel, system, made / "wheels"), *pinned], remedy=remedy)
        call(
            [
                *(*_PIP, "install", "--no-compile", "--no-index", "--find-links", made / "wheels"),
                *("--target", made / "site", "--only-binary=:all:", "--implementation", "cp"),
                *("--python-version", system.python),
                *(f"--platform={name}" for name in platforms(system)),
                *(*pinned, wheel),
            ],
            remedy="see that docs/install.md downloads all that a device without a network needs",
        )

    made_of = [sha256(wheel.read_bytes()), *packages.pins, *platforms(system), *download(wheel, system, Path()), others]
    name = f"{system.suite}-{packages.name.replace(' ', '-')}"
    return kept(folder / name, made_of="\n".join(made_of), make=install) / "site"


def download(wheel: Path, system: System, folder: Path) -> list[str]:
    """What docs/install.md gives pip to do for a device without a network, for this system and into this folder."""
    command, _ = blocks("install.md", "Without a network")
    changed = {"wheels": str(folder), "3.11": system.python, "./leukolite-*.whl": str(wheel)}
    return [changed.get(word, word) for word in shlex.split(command)][1:]


def unpacked(wheel: Path, folder: Path) -> Path:
    """The same wheel for this machine: a folder for PYTHONPATH with it and nothing else."""

    def unpack(made: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(made / "site")

    return kept(folder / "here", made_of=sha256(wheel.read_bytes()), make=unpack) / "site"
