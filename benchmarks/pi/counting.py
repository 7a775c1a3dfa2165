"""Count the instructions that an emulated Raspberry Pi executes between two marks (counter.c)."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.pi import debian, wheels
from benchmarks.pi.board import Board
from benchmarks.pi.combinations import BOOKWORM, NEWEST, Combination
from benchmarks.pi.device import Device, assemble, find_qemu
from benchmarks.pi.making import call, kept
from edge_runtime.errors import LeukoliteError, show

SOURCE = Path(__file__).parent / "counter.c"
MARK = "leukolite"  # how its lines begin
DEBIAN = ("libc6", "libstdc++6", "python3.11-minimal")
"""The packages of the system whose code is counted along: those of memcpy and malloc, of LiteRT's, and Python."""

# One thread and the same memory layout in each run, as far as the programs let themselves be told; and what Python
# compiles is kept beside its sources, which an empty value asks for: half of the time otherwise.
VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
    "PYTHONDONTWRITEBYTECODE": "",
}


def devices(boards: Sequence[Board], folder: Path) -> list[Device]:
    """A device for each board with this checkout's code, below `folder`; what `make test-pi` has made there is used.

    Bookworm, as its packages change no more than security asks for.
    """
    qemu = find_qemu()
    with ThreadPoolExecutor() as pool, tempfile.TemporaryDirectory() as scratch:
        root = pool.submit(debian.root, BOOKWORM, folder)
        site = wheels.site(wheels.build(Path(scratch)), BOOKWORM, NEWEST, folder / "site")
        return [
            assemble(
                Combination(board, BOOKWORM, NEWEST),
                system_root=root.result(),
                site=site,
                qemu=qemu,
                folder=folder / "counted" / board.qemu_cpu,
            )
            for board in boards
        ]


def versions(device: Device, folder: Path) -> dict[str, str]:
    """What decides about the counts and is neither Python nor one of its packages: qemu and Debian's packages."""
    archives = (folder / BOOKWORM.suite / "apt" / "cache" / "archives").glob("*.deb")
    known = dict(archive.stem.split("_")[:2] for archive in archives)
    return {"qemu": qemu_version(device.qemu), **{name: known.get(name, "unknown") for name in DEBIAN}}


def qemu_version(qemu: str) -> str:
    """What it says of itself, such as 7.2.22."""
    said = call([qemu, "--version"], remedy="install qemu-user")
    found = re.search(r"version (\d+(\.\d+)+)", said)
    if found is None:
        raise LeukoliteError(
            expected=f"{qemu} to tell its version", found=show(said.partition("\n")[0][:60]), remedy="install qemu-user"
        )
    return found[1]


def plugin(qemu: str, folder: Path) -> Path:
    """The plugin for that qemu, compiled below `folder` unless it is there."""
    version = qemu_version(qemu)
    # Of the interface: qemu 9 takes 2 and later only; what is used here is the same in both.
    interface = 1 if int(version.partition(".")[0]) < 9 else 2

    def compiled(made: Path) -> None:
        flags = ["-O2", "-shared", "-fPIC", f"-DPLUGIN_VERSION={interface}"]
        call([compiler(), *flags, "-o", made / "counter.so", SOURCE], remedy="install gcc and libc6-dev, and try again")

    made_of = f"{version}\n{SOURCE.read_text(encoding='utf-8')}"
    return (kept(folder / "plugin", made_of=made_of, make=compiled) / "counter.so").resolve()


def compiler(path: str | None = None) -> str:
    """The C compiler among the folders of `path` (default: PATH)."""
    found = shutil.which("cc", path=path)
    if found is None:
        raise LeukoliteError(
            expected="a C compiler, cc, among the folders of PATH", found="none", remedy="apt-get install gcc libc6-dev"
        )
    return found


def count(device: Device, program: Path, *, stdin: str, library: Path, seed: int) -> tuple[Any, list[int]]:
    """What a program prints there, from JSON, and how many instructions it had executed at each of its marks.

    `seed` is where the random numbers of qemu and of Python's hashes start. Raises LeukoliteError when it fails.
    """
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch, "log")
        printed = device.run(
            *("-P", program),
            stdin=stdin,
            options=("-seed", str(seed), "-plugin", library, "-d", "plugin", "-D", log),
            variables={**VARIABLES, "PYTHONHASHSEED": str(seed)},
        )
        return printed, marks(log.read_text(errors="replace") if log.exists() else "")


def marks(log: str) -> list[int]:
    """The counts in qemu's log, in their order."""
    return [int(number) for number in re.findall(rf"^{MARK} (\d+)$", log, flags=re.MULTILINE)]
