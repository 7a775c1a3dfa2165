"""Where a result comes from: code, packages, machine, command and time."""

import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from edge_runtime.memory import PROC

RUNTIME_PACKAGES = ("leukolite", "ai-edge-litert", "numpy", "pillow")
"""The distributions that a result on the device depends on."""

_CHECKOUT = Path(__file__).resolve().parent.parent


def collect(*, packages: Sequence[str], started: float) -> dict[str, Any]:
    """The provenance of a result.

    Args:
        packages: names of distributions whose versions matter.
        started: time.time() when the work began.

    Returns:
        `commit` and `dirty` (None outside a git checkout), `packages`, `platform`, `argv` (of whole paths only the
        names), `started` (UTC, ISO 8601) and `seconds`.
    """
    commit = git("rev-parse", "HEAD")
    return {
        "commit": commit,
        "dirty": None if commit is None else bool(git("status", "--porcelain", "--untracked-files=no")),
        "packages": {name: version(name) for name in packages},
        "platform": {
            "system": platform.platform(),
            "machine": platform.machine(),
            "cpu": cpu_name(),
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
        },
        "argv": [Path(sys.argv[0]).name, *map(without_folders, sys.argv[1:])],
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(started)),
        "seconds": round(time.time() - started, 3),
    }


def without_folders(argument: str) -> str:
    """An argument, of a whole path, or an option's, only the name: the folders say nothing on another machine."""
    return re.sub(r"(^|=)/(?:.*/)?([^/]+)/*$", r"\1\2", argument, flags=re.DOTALL)


def version(package: str) -> str | None:
    """The installed version of a distribution, None where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def git(*arguments: str) -> str | None:
    """What git prints about the checkout this code runs from; None where it is installed, or git is missing."""
    if not (_CHECKOUT / ".git").exists():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(_CHECKOUT), *arguments], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def cpu_name(proc: Path = PROC) -> str | None:
    """The processor's model name from cpuinfo below `proc`, None where that does not say."""
    try:
        lines = (proc / "cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return None
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else None
