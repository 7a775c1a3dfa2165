"""Folders that are made once and kept while they are made of the same, and the programs that make them."""

import os
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from edge_runtime.errors import LeukoliteError, reason, show

TIMEOUT_S = 1800.0  # against what hangs; on a machine that does nothing else, everything together takes 180


def kept(folder: Path, *, made_of: str, make: Callable[[Path], None]) -> Path:
    """The folder; `make` fills it unless it is whole and was made of the same before."""
    stamp = folder / "made-of"
    if not (stamp.is_file() and stamp.read_text(encoding="utf-8") == made_of):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        stamp.write_text(made_of, encoding="utf-8")
    return folder


def call(
    command: Sequence[str | Path],
    *,
    remedy: str,
    environment: Mapping[str, str] | None = None,
    stdin: str = "",
    good: Sequence[int] = (0,),
) -> str:
    """What a program prints; `environment` is added to that of this process, `good` are exit statuses of success.

    Raises LeukoliteError when it is not there, takes too long or fails, with the last line that it said.
    """
    arguments = [str(argument) for argument in command]
    try:
        done = subprocess.run(
            arguments, input=stdin, env={**os.environ, **(environment or {})}, capture_output=True, text=True,
            errors="replace", timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        found = f"no answer within {TIMEOUT_S:g} s" if isinstance(error, subprocess.TimeoutExpired) else reason(error)
        raise _failed(arguments, found, remedy) from error
    if done.returncode not in good:
        said = [*done.stdout.splitlines(), *done.stderr.splitlines()]
        last = next((line for line in reversed(said) if line.strip()), "no word")
        raise _failed(arguments, f"status {done.returncode} and {show(last.strip())}", remedy)
    return done.stdout


def _failed(arguments: Sequence[str], found: str, remedy: str) -> LeukoliteError:
    """What is said of a program that gave no result."""
    return LeukoliteError(expected=f"{Path(arguments[0]).name} to do its work", found=found, remedy=remedy)
