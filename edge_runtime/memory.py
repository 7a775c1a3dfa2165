"""How much memory a process and the machine have, as Linux tells it below /proc. A kB is 1024 bytes, as it is there."""

import os
from pathlib import Path

PROC = Path("/proc")


def read_kb(path: str | os.PathLike[str], name: str) -> int | None:
    """The number in a line `name: N kB`, such as VmRSS of /proc/self/status; None where no such line can be read."""
    try:
        lines = Path(path).read_text(errors="replace").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
