"""Load an unknown model first in a process that may die of it: LiteRT can kill the process on a damaged file.

`python -m edge_runtime.probe` is that process: the model on standard input, a line of JSON on standard output.
"""

import json
import os
import subprocess
import sys
from typing import Any

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import sha256
from edge_runtime.native import signal_name

CHILD = ("-P", "-m", "edge_runtime.probe")  # -P: nothing is imported from the current folder, whatever lies there
TIMEOUT_S = 60.0
"""The child takes half a second on a PC and some seconds on a Raspberry Pi: what takes longer than this hangs."""

_survived: set[str] = set()  # digests; what this process has probed is not probed again


def probe(content: bytes, *, digest: str, name: str) -> None:
    """Load, allocate and invoke a model once in a child process; nothing is done for one that survived it before.

    Args:
        content: the bytes of the model.
        digest: their SHA-256.
        name: what to call the model.

    Raises LeukoliteError as `edge_runtime.model.Model` does, and when the child dies or hangs, says anything else
    than it should, or cannot be started: what cannot be probed is not loaded.
    """
    if digest in _survived:
        return
    answer = _ask_child(content, name=name)
    if isinstance(answer, dict) and answer.keys() == {"expected", "found", "remedy"}:
        found = f"{show(answer['found'])} in {name}"
        raise LeukoliteError(expected=show(answer["expected"]), found=found, remedy=show(answer["remedy"]))
    if answer != {"survived": digest}:
        raise _unusable(name, "one whose answer makes no sense")
    _survived.add(digest)


def _ask_child(content: bytes, *, name: str) -> Any:
    """What the child answers about a model."""
    if not sys.executable or getattr(sys, "frozen", False):  # of a frozen program the executable is no Python
        raise _unusable(name, "none, as this program has no Python to start")
    # The child imports from where this process does, however that came about.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path))}
    try:
        done = subprocess.run(
            [sys.executable, *CHILD],
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _unusable(name, f"one that hung for {TIMEOUT_S:g} s") from error
    except OSError as error:
        raise _unusable(name, reason(error)) from error
    if done.returncode:
        raise _unusable(name, _ending(done.returncode))
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError) as error:
        raise _unusable(name, "one whose answer makes no sense") from error


def _ending(status: int) -> str:
    """How a child ended."""
    return f"one that ended with status {status}" if status > 0 else f"one that was killed by {signal_name(-status)}"


def _unusable(name: str, found: str) -> LeukoliteError:
    """What to tell the owner of a model that could not be probed."""
    return LeukoliteError(
        expected=f"a child process that loads {name} and lives",
        found=found,
        remedy="replace the model, or list it in a SHA256SUMS beside it if you know that it is whole",
    )


def try_model(content: bytes) -> dict[str, str]:
    """Load, allocate and invoke a model in this process; what the child answers about it."""
    from edge_runtime.golden import golden_input
    from edge_runtime.model import Model

    try:
        model = Model(content)
        model.invoke(golden_input(height_px=model.height_px, width_px=model.width_px))
    except LeukoliteError as error:
        return {"expected": error.expected, "found": error.found, "remedy": error.remedy}
    return {"survived": sha256(content)}


def main() -> None:
    """What the child does; it leaves no core behind when it dies."""
    try:
        import resource
    except ImportError:  # no POSIX
        pass
    else:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.write(json.dumps(try_model(sys.stdin.buffer.read())))


if __name__ == "__main__":
    main()
