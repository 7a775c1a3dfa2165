"""Environments that hold other packages than ours, for what has to run there too."""

import os
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

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


def constraints(requirements: Iterable[str]) -> str:
    """constraints.txt without the packages that these requirements ask for by version."""
    asked = {re.split("[=<>]", requirement)[0].lower() for requirement in requirements if "=" in requirement}
    pins = (CHECKOUT / "constraints.txt").read_text().splitlines()
    return "\n".join(pin for pin in pins if pin.split("==")[0].lower() not in asked)
