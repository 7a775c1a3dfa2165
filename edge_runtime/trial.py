"""Try the runtime out: whether the shipped model computes here what it did where it was made, with which versions.

It happens in a process of its own, because native code that finds no /proc or /sys may end it. `python -m
edge_runtime.trial` prints one JSON object; the lines of tested.jsonl beside this file are what it printed where
leukolite was tried: `python -m edge_runtime.trial >> edge_runtime/tested.jsonl`.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import reason
from edge_runtime.native import hushed, signal_name
from edge_runtime.provenance import cpu_name, version

COMMAND = (sys.executable, "-P", "-m", "edge_runtime.trial")  # -P: a user's numpy.py in this folder is none
PACKAGES = ("ai-edge-litert", "numpy", "pillow")
TESTED = Path(__file__).parent / "tested.jsonl"


@dataclass(frozen=True)
class Trial:
    """Whether XNNPACK took the model and whether it gave the card's answer; both None where `error` says why."""

    uses_delegate: bool | None
    golden: bool | None
    error: str | None = None


def combinations() -> list[dict[str, Any]]:
    """The combinations that were tried and found good, as `python -m edge_runtime.trial` printed them."""
    return [json.loads(line) for line in TESTED.read_text(encoding="utf-8").splitlines()]


def attempt(command: Sequence[str] = COMMAND, *, timeout_s: float = 120.0) -> Trial:
    """Run the trial in a process of its own and read what it prints; never raises for what goes wrong in there.

    It finds modules where this process does.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s,
            env=environment, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Trial(None, None, f"no answer within {timeout_s:g} s")
    except OSError:  # an emulator or a sandbox starts no process: then in this one
        return _here()
    if done.returncode < 0:
        return Trial(None, None, f"the process was ended by {signal_name(-done.returncode)}")
    try:
        found = json.loads(done.stdout)
        return Trial(found["uses_delegate"], found["golden"])
    except (ValueError, KeyError, TypeError):
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode} and no answer"]
        return Trial(None, None, " ".join(lines[-1].split()))


def _here() -> Trial:
    """The same without the shelter of another process."""
    try:
        with hushed():
            found = _answer()
    except Exception as error:  # whatever it is, that is the finding
        return Trial(None, None, reason(error))
    return Trial(found["uses_delegate"], found["golden"])


def _answer() -> Mapping[str, Any]:
    """What this process finds."""
    from edge_runtime.card import load_card, read_model
    from edge_runtime.classifier import SHIPPED_MODEL
    from edge_runtime.files import sha256
    from edge_runtime.golden import TOLERANCES, matches
    from edge_runtime.model import Model

    content = read_model(SHIPPED_MODEL)
    card, model = load_card(content), Model(content)
    return {
        "tried": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": platform.machine(),
        "cpu": cpu_name(),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "uses_delegate": model.uses_delegate,
        "golden": matches(card.golden, model, tolerance=TOLERANCES[card.variant]),
        "model_sha256": sha256(content),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_answer()) + "\n")
