"""How much memory a process and the machine have, as Linux tells it below /proc. A kB is 1024 bytes, as it is there."""

import os
from pathlib import Path

PROC = Path("/proc")

_KEPT_BYTES = 2 << 20  # more than a field and its sums take; up to twice as much stays with the process


def read_kb(path: str | os.PathLike[str], name: str) -> int | None:
    """The number in a line `name: N kB`, such as VmRSS of /proc/self/status; None where no such line can be read."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None


def keep_freed() -> None:
    """Let the C library keep what one picture took for the next: zeroing it anew took a fifth of a picture's time.

    glibc hands blocks back to the system that are larger than any such block freed before, and what lies free beyond
    twice that (mallopt(3), M_MMAP_THRESHOLD). So one is made and freed here, and not touched; elsewhere that does
    nothing.
    """
    bytes(_KEPT_BYTES)
