"""Environments that hold other packages than ours, for what has to run there too."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.pi.wheels import constraints

CHECKOUT = Path(__file__).parent.parent


def environment(folder: Path, *requirements: str) -> Path:
    """Make a virtual environment with these from the registry and nothing of ours; its interpreter.

    What they pull in has the version of constraints.txt.
    """
    pins = folder.parent / f"{folder.name}-constraints.txt"
    pins.write_text(constraints(requirements))
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, capture_output=True)
    python = folder / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements],
        env={**os.environ, "PIP_CONSTRAINT": str(pins)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return python


def run_there(python: Path, code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run code in such an environment; it finds our checkout, and no package of this one."""
    return subprocess.run(
        [str(python), "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
