"""The memory of a command over time, as the kernel counts it. MB are 10^6 bytes."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.memory import PROC, read_kb

CHECKOUT = Path(__file__).resolve().parent.parent
SAMPLES_KEPT = 200

Sample = tuple[float, float]
"""Seconds since the start, and the memory resident then in MB."""


def watch(command: Sequence[str], *, every_s: float = 0.25) -> tuple[float, list[Sample]]:
    """Run a Python module with its arguments from the checkout; returns its peak in MB, and samples.

    Raises LeukoliteError with the last thing that it said when it fails.
    """
    samples, peak_mb, started = [], 0.0, time.monotonic()
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=said
        )
        try:
            while not (ended := os.wait4(process.pid, os.WNOHANG))[0]:
                resident_mb, highest_mb = _memory_mb(process.pid)
                samples.append((round(time.monotonic() - started, 2), round(resident_mb, 1)))
                peak_mb = max(peak_mb, highest_mb)
                time.sleep(every_s)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        said.seek(0)
        lines = said.read().strip().splitlines()
    if process.returncode != 0:
        raise LeukoliteError(
            expected=f"`python -m {' '.join(command[:2])}` to do its work",
            found=show(lines[-1]) if lines else f"status {process.returncode}",
            remedy="see what it says",
        )
    return max(peak_mb, _counted_mb(ended[2])), [sample for sample in samples if sample[1]]


def thin(samples: Sequence[Sample], *, kept: int = SAMPLES_KEPT) -> tuple[Sample, ...]:
    """At most so many samples, the highest of each stretch of time: no peak is lost."""
    size = max(1, -(-len(samples) // kept))
    parts = (samples[first : first + size] for first in range(0, len(samples), size))
    return tuple(max(part, key=lambda sample: sample[1]) for part in parts)


def available_mb() -> float:
    """The memory that a process can still have without swapping."""
    return _mb(read_kb(PROC / "meminfo", "MemAvailable"))


def _memory_mb(process: int) -> tuple[float, float]:
    """The memory of a process that is resident, now and at most so far; 0 when it has ended."""
    status = PROC / str(process) / "status"
    return _mb(read_kb(status, "VmRSS")), _mb(read_kb(status, "VmHWM"))


def _counted_mb(usage: resource.struct_rusage) -> float:
    """The peak that the kernel counted to the very end; 0 where that may be ours.

    It counts the time before the other program was loaded into a copy of this process as well.
    """
    ours = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _mb(usage.ru_maxrss) if usage.ru_maxrss > ours else 0.0


def _mb(kb: int | None) -> float:
    """The kernel's unit in ours; 0 for what it does not tell."""
    return (kb or 0) * 1024 / 1e6
