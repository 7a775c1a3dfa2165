"""leukolite's wheel, installed as pip installs it on the device: with aarch64 wheels, whatever this machine is."""

import re
import shlex
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.pi.combinations import Packages, System
from benchmarks.pi.making import call, kept
from benchmarks.pi.pages import blocks
from edge_runtime.files import sha256

CHECKOUT = Path(__file__).parents[2]

_PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def platforms(system: System) -> list[str]:
    """The names of wheels that this system's pip takes, newest first; 17 is the oldest that aarch64 wheels have."""
    return [f"manylinux_2_{minor}_aarch64" for minor in range(system.glibc_minor, 16, -1)] + ["manylinux2014_aarch64"]


def build(folder: Path) -> Path:
    """The wheel of the checkout as it stands, made below `folder`; the same code gives the same bytes."""
    call(
        [
            *(*_PIP, "wheel", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", folder, CHECKOUT),
        ],
        remedy="run `make setup`, and try again",
    )
    (made,) = folder.glob("leukolite-*.whl")
    return made


def site(wheel: Path, system: System, packages: Packages, folder: Path) -> Path:
    """A folder for PYTHONPATH with the wheel and what it depends on, made below `folder` unless it is there."""
    others = constraints(packages.pins)
    wanted = f"{wheel.resolve()}[{packages.extra}]" if packages.extra else str(wheel)

    def install(made: Path) -> None:
        (made / "constraints.txt").write_text(others, encoding="utf-8")
        remedy = "see that pip reaches a registry that has aarch64 wheels, and try again"
        pinned: list[str | Path] = ["--constraint", made / "constraints.txt", *packages.pins]
        call([*_PIP, *download(wanted, system, made / "wheels"), *pinned], remedy=remedy)
        call(
            [
                *(*_PIP, "install", "--no-compile", "--no-index", "--find-links", made / "wheels"),
                *("--target", made / "site", "--only-binary=:all:", "--implementation", "cp"),
                *("--python-version", system.python),
                *(f"--platform={name}" for name in platforms(system)),
                *(*pinned, wanted),
            ],
            remedy="see that docs/install.md downloads all that a device without a network needs",
        )

    asked = (*packages.pins, *platforms(system), *download(wanted, system, Path()))
    made_of = [sha256(wheel.read_bytes()), *asked, others]
    name = f"{system.suite}-{packages.name.replace(' ', '-')}"
    return kept(folder / name, made_of="\n".join(made_of), make=install) / "site"


def download(wheel: str, system: System, folder: Path) -> list[str]:
    """What docs/install.md gives pip to do for a device without a network, for this system and into this folder."""
    command, _ = blocks("install.md", "Without a network")
    changed = {"wheels": str(folder), "3.11": system.python, "./leukolite-*.whl": wheel}
    return [changed.get(word, word) for word in shlex.split(command)][1:]


def unpacked(wheel: Path, folder: Path) -> Path:
    """The same wheel for this machine: a folder for PYTHONPATH with it and nothing else."""

    def unpack(made: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(made / "site")

    return kept(folder / "here", made_of=sha256(wheel.read_bytes()), make=unpack) / "site"


def constraints(requirements: Iterable[str]) -> str:
    """constraints.txt without the packages that these requirements ask for by version."""
    asked = {re.split("[=<>]", requirement)[0].lower() for requirement in requirements if "=" in requirement}
    pins = (CHECKOUT / "constraints.txt").read_text().splitlines()
    return "\n".join(pin for pin in pins if pin.split("==")[0].lower() not in asked)
