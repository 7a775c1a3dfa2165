"""Run the suite: pytest in a process of its own, so that nothing loaded here disturbs what it measures."""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import picture
from benchmarks.config import ROLES, STAGES, Settings
from benchmarks.latency import Suite, load_suite
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import write_atomic
from edge_runtime.progress import progress

CHECKOUT = Path(__file__).resolve().parent.parent


def run(settings: Settings, *, out: str | os.PathLike[str]) -> Suite:
    """Measure, and leave pytest-benchmark's own JSON at `out`.

    Raises LeukoliteError when a model or the picture cannot be used, or anything was not measured: a run
    without measurements is an error, whatever pytest says of it.
    """
    if importlib.util.find_spec("pytest_benchmark") is None:
        raise LeukoliteError(
            expected="pytest-benchmark to be installed", found="none", remedy="install the extra `bench`"
        )
    chosen = picture.choose(settings.data_dir)
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "run.json"
        status, lines = _pytest(_options(settings, image=chosen, result=result))
        if status != 0 or not result.exists():
            raise _complaint(lines)
        suite = load_suite(result)
        missing = [f"{stage} of {role}" for stage in STAGES for role in ROLES if suite.find(stage, role) is None]
        if missing:
            raise LeukoliteError(
                expected="a measurement of every stage and model",
                found=f"none of {', '.join(missing)}",
                remedy="leave -k and -m out of PYTEST_ADDOPTS",
            )
        write_atomic(out, [result.read_bytes()])
    return suite


def _options(settings: Settings, *, image: Path | None, result: Path) -> list[str]:
    """Pytest's arguments."""
    options = [
        f"--int8-model={settings.int8_model.absolute()}",
        f"--float-model={settings.float32_model.absolute()}",
        f"--num-threads={settings.num_threads}",
        f"--benchmark-min-rounds={settings.num_runs}",
        f"--benchmark-max-time={settings.min_seconds}",  # the plugin's name for it: it goes on until then
        f"--benchmark-json={result}",
    ]
    return [*options, f"--image={image.absolute()}"] if image else options


def _pytest(options: Sequence[str]) -> tuple[int, list[str]]:
    """The exit status and the output of the suite, run from the checkout."""
    command = [sys.executable, "-m", "pytest", "benchmarks", "-v", "-p", "no:cacheprovider", *options]
    total = len(STAGES) * len(ROLES)
    lines = []
    with (
        progress("benchmark", total=total) as advance,
        subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process,
    ):
        for line in process.stdout or ():
            lines.append(line.rstrip("\n"))
            if " PASSED" in line:
                advance()
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
