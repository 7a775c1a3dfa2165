"""What a command and all processes below it use, read from /proc: Ray's work is done by a dozen of them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """Of one process: proportional memory (shared pages are divided among their users) and processor time so far."""

    memory_kb: int
    cpu_seconds: float


def usage(root: int, *, proc: Path = PROC) -> dict[int, Usage]:
    """The usage of a process and its descendants by their ids; those that end meanwhile are left out."""
    found = {}
    for process in _family(root, proc):
        try:
            found[process] = Usage(_memory_kb(proc / str(process)), _cpu_seconds(proc / str(process)))
        except (OSError, ValueError):
            continue
    return found


def named(root: int, title: str, *, proc: Path = PROC) -> list[int]:
    """The descendants of a process whose command line begins with `title`."""
    found = []
    for process in _family(root, proc):
        try:
            command = (proc / str(process) / "cmdline").read_bytes()
        except OSError:
            continue
        if command.startswith(title.encode()):
            found.append(process)
    return found


def _family(root: int, proc: Path) -> Iterator[int]:
    """`root` and everything below it."""
    parents = dict(_parents(proc))
    for process in parents:
        ancestor = process
        while ancestor not in (0, root):
            ancestor = parents.get(ancestor, 0)
        if ancestor == root:
            yield process


def _parents(proc: Path) -> Iterator[tuple[int, int]]:
    """Every process and its parent."""
    for folder in proc.iterdir():
        if folder.name.isdigit():
            try:
                yield int(folder.name), int(_stat(folder)[1])
            except (OSError, IndexError, ValueError):
                continue


def _stat(folder: Path) -> list[str]:
    """The fields of /proc/N/stat behind the name, which may hold anything: state, parent, ..."""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _cpu_seconds(folder: Path) -> float:
    """User and system time."""
    fields = _stat(folder)
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_kb(folder: Path) -> int:
    """Proportional set size; the resident set where the system does not tell it."""
    try:
        return _value((folder / "smaps_rollup").read_text(), "Pss:")
    except OSError:
        return _value((folder / "status").read_text(errors="replace"), "VmRSS:")


def _value(text: str, name: str) -> int:
    """The number behind a name; 0 for a process that has no memory any more."""
    return next((int(line.split()[1]) for line in text.splitlines() if line.startswith(name)), 0)


def total(usages: Mapping[int, Usage]) -> Usage:
    """All together."""
    return Usage(
        memory_kb=sum(each.memory_kb for each in usages.values()),
        cpu_seconds=sum(each.cpu_seconds for each in usages.values()),
    )
