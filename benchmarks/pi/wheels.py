"""leukolite's wheel, installed as pip installs it on the device: with aarch64 wheels, whatever this machine is."""

import re
import sys
import zipfile
from collections.abc import Iterable
from pathlib import Path

from benchmarks.pi.combinations import Packages, System
from benchmarks.pi.making import call, kept
from edge_runtime.files import sha256

CHECKOUT = Path(__file__).parents[2]


def platforms(system: System) -> list[str]:
    """The names of wheels that this system's pip takes, newest first; 17 is the oldest that aarch64 wheels have."""
    return [f"manylinux_2_{minor}_aarch64" for minor in range(system.glibc_minor, 16, -1)] + ["manylinux2014_aarch64"]


def build(folder: Path) -> Path:
    """The wheel of the checkout as it stands, made below `folder`; the same code gives the same bytes."""
    call(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", folder, CHECKOUT),
        ],
        remedy="run `make setup`, and try again",
    )
    (made,) = folder.glob("leukolite-*.whl")
    return made


def site(wheel: Path, system: System, packages: Packages, folder: Path) -> Path:
    """A folder for PYTHONPATH with the wheel and what it depends on, made below `folder` unless it is there."""
    others = constraints(packages.pins)

    def install(made: Path) -> None:
        (made / "constraints.txt").write_text(others, encoding="utf-8")
        call(
            [
                *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"),
                *("--target", made / "site", "--only-binary=:all:", "--implementation", "cp"),
                *("--python-version", system.python),
                *(f"--platform={name}" for name in platforms(system)),
                *("--constraint", made / "constraints.txt"),
                *packages.pins,
                wheel,
            ],
            remedy="see that pip reaches a registry that has aarch64 wheels, and try again",
        )

    wanted = "\n".join([sha256(wheel.read_bytes()), system.python, *packages.pins, *platforms(system), others])
    name = f"{system.suite}-{packages.name.replace(' ', '-')}"
    return kept(folder / name, made_of=wanted, make=install) / "site"


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
