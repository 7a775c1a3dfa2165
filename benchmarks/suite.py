"""Run the suite: pytest in a process of its own, so that nothing loaded here disturbs what it measures.

A repetition is a process: where its memory lies, and how its threads start, decides a few percent of all its times, and
only another process shows how much.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import merge, picture
from benchmarks.config import FLOAT32, INT8, Settings
from benchmarks.latency import Suite, load_suite
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json
from edge_runtime.progress import Advance, progress

CHECKOUT = Path(__file__).resolve().parent.parent


def run(settings: Settings, *, out: str | os.PathLike[str]) -> Suite:
    """Measure, and leave pytest-benchmark's own JSON at `out`, all repetitions in one.

    Raises LeukoliteError when a model or the picture cannot be used, or anything was not measured: a run
    without measurements is an error, whatever pytest says of it.
    """
    if importlib.util.find_spec("pytest_benchmark") is None:
        raise LeukoliteError(
            expected="pytest-benchmark to be installed", found="none", remedy="install the extra `bench`"
        )
    chosen = picture.choose(settings.data_dir)
    options = _options(settings, image=chosen)
    with progress("benchmark") as advance:
        runs = [_repetition(options, advance=advance) for _ in range(settings.repetitions)]
    merge.save(merge.merge(runs), out)
    return load_suite(out)


def _repetition(options: Sequence[str], *, advance: Advance) -> dict[str, Any]:
    """What one process wrote."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "run.json"
        status, lines = _pytest([*options, f"--benchmark-json={result}"], advance=advance)
        if status != 0 or not result.exists():
            raise _complaint(lines)
        _ = load_suite(result)
        found = read_json(result, what="a benchmark run")
    measured = {entry["fullname"] for entry in found["benchmarks"]} | set(found["left_out"])
    missing = [name.rpartition("::")[2] for name in found["collected"] if name not in measured]
    if missing:
        raise LeukoliteError(
            expected="a measurement of every stage and model",
            found=f"none of {', '.join(missing)}",
            remedy="leave -k and -m out of PYTEST_ADDOPTS",
        )
    return found


def _options(settings: Settings, *, image: Path | None) -> list[str]:
    """Pytest's arguments."""
    models = settings.models
    options = [
        f"--int8-model={models.pop(INT8).absolute() if settings.int8_model else ''}",
        f"--float-model={models.pop(FLOAT32).absolute() if settings.float32_model else ''}",
        *(f"--bundle={role}={path.absolute()}" for role, path in models.items()),
        f"--num-threads={settings.num_threads}",
        f"--more-threads={','.join(map(str, settings.more_threads))}",
        f"--benchmark-min-rounds={settings.num_runs}",
        f"--benchmark-max-time={settings.min_seconds}",  # the plugin's name for it: it goes on until then
        f"--warmup-seconds={settings.warmup_seconds}",
        f"--max-seconds={settings.max_seconds}",
        f"--process-runs={settings.process_runs}",
    ]
    return [*options, f"--image={image.absolute()}"] if image else options


def _pytest(options: Sequence[str], *, advance: Advance) -> tuple[int, list[str]]:
    """The exit status and the output of the suite, run from the checkout."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "-v", "-p", "no:cacheprovider", *options]
    lines = []
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        try:
            for line in process.stdout or ():
                lines.append(line.rstrip("\n"))
                if " PASSED" in line:
                    advance(note=line.partition("::")[2].partition(" ")[0])
        except BaseException:
            process.terminate()  # else it is waited for, and measures on
            raise
    return process.returncode, lines


def _complaint(lines: Sequence[str]) -> LeukoliteError:
    """What went wrong, from the output of a run that failed."""
    said = [line for mark in (": error: ", "ERROR: ", "E  ") for line in lines if mark in line]
    text = " ".join((said or [line for line in lines if line.strip()][-1:] or ["no output"])[0].split())
    text = text.removeprefix("ERROR: ").strip("= ")
    expected, got, rest = text.partition(", got ")
    found, semicolon, remedy = rest.partition("; ")
    if expected.startswith("expected ") and got and semicolon:  # one of our own, from conftest.py
        return LeukoliteError(expected=expected.removeprefix("expected "), found=found, remedy=remedy)
    return LeukoliteError(
        expected="the benchmark suite to run",
        found=show(text),
        remedy=f"run `pytest benchmarks` in {show(CHECKOUT)} to see all of it",
    )
