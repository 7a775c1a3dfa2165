"""The instructions of an invoke of any .tflite on the emulated boards."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.instructions import BOARDS
from benchmarks.pi import counting
from edge_runtime.errors import LeukoliteError

PROGRAM = Path(__file__).parents[1] / "pi" / "invokes.py"
BEFORE = 2
"""Invokes before the one that counts: from the second on they take the same, to 0.04 %."""


@dataclass(frozen=True)
class Counts:
    """Of one board: its name, processor and versions, and the instructions of each model."""

    board: str
    processor: str
    versions: Mapping[str, str]
    instructions: Mapping[str, int]


def count(
    models: Mapping[str, bytes],
    *,
    boards: Sequence[str] = tuple(BOARDS),
    folder: Path,
    tell: Callable[[str], None] = lambda text: None,
) -> dict[str, Counts]:
    """Count one invoke of each model, by name, on each of `instructions.BOARDS` that is named, all at once.

    Raises LeukoliteError when a device cannot be made (`folder` keeps them), or a model does not run there.
    """
    tell("making the emulated boards")
    devices = counting.devices([BOARDS[name] for name in boards], folder)
    library = counting.plugin(devices[0].qemu, folder)
    tell(f"counting {len(models)} models on {', '.join(boards)}")
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(os.cpu_count()) as pool:
        request = json.dumps({"models": _written(models, Path(scratch)), "before": BEFORE})
        tasks = [pool.submit(counting.count, each, PROGRAM, stdin=request, library=library, seed=0) for each in devices]
        found = {}
        for name, device, task in zip(boards, devices, tasks, strict=True):
            answer, marks = task.result()
            board = device.combination.board
            versions = {**counting.versions(device, folder), **answer["versions"]}
            found[name] = Counts(board.name, board.qemu_cpu, versions, between(answer["counted"], marks))
        return found


def between(names: Sequence[Any], marks: Sequence[int]) -> dict[str, int]:
    """The instructions of each model, from what was invoked in that order and the marks before and after each."""
    if len(marks) != 2 * len(names):
        raise LeukoliteError(
            expected=f"{2 * len(names)} marks in qemu's log",
            found=str(len(marks)),
            remedy="see that qemu loads plugins (qemu-aarch64 of qemu-user, not the static one)",
        )
    return {name: after - before for name, before, after in zip(names, marks[::2], marks[1::2], strict=True)}


def _written(models: Mapping[str, bytes], folder: Path) -> dict[str, str]:
    """Where each model lies, written below the folder."""
    paths = {}
    for number, (name, content) in enumerate(models.items()):
        path = folder / f"{number}.tflite"
        path.write_bytes(content)
        paths[name] = str(path)
    return paths
