"""How long `leukolite classify one.jpg` takes from nothing, beside importing what it stands on."""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks import picture, race
from benchmarks.suite import CHECKOUT
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.markdown import table

IMPORTS, CLASSIFY, PILLOW = "the imports alone", "classify one.jpg", "the same without simplejpeg"
UNIT = "processor time of a process"
WANTED = 1.4

_IMPORTS = "import numpy, PIL.Image, ai_edge_litert.interpreter"
_CLASSIFY = "import sys; from edge_runtime.__main__ import command; sys.exit(command())"
_PROGRAMS = {
    IMPORTS: _IMPORTS,
    CLASSIFY: _CLASSIFY,
    PILLOW: f"import sys; sys.modules['simplejpeg'] = None; {_CLASSIFY}",
}


def measure(image: Path | None, *, rounds: int) -> dict[str, Any]:
    """The report of a race between starts; memory is the most that each process held."""
    started, load = time.time(), os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        one = Path(folder) / "one.jpg"
        one.write_bytes((picture.load(image) if image else picture.generate()).content)
        contenders = {name: _timed(code, one, cache=Path(folder) / "cache") for name, code in _PROGRAMS.items()}
        race.run(contenders, range(1), unit=UNIT, about={})  # compiles, as pip does at installation
        peaks = {name: _peak_kb(code, one, cache=Path(folder) / "cache") for name, code in _PROGRAMS.items()}
        found = race.run(contenders, range(rounds), unit=UNIT, about={"peak_kb": peaks})
    return race.report({"start": found}, started=started, load=load)


def _timed(code: str, one: Path, *, cache: Path) -> Callable[[Any], float]:
    """As a contender: a process and its processor time."""

    def call(_: Any) -> float:
        before = _children_s()
        _run(code, one, cache=cache)
        return 1e3 * (_children_s() - before)

    return call


def _run(code: str, one: Path, *, cache: Path) -> str:
    """What a process prints at last. Its compiled modules lie in `cache`, as those of an installation do."""
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache), "PYTHONPATH": str(CHECKOUT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", code, "classify", str(one)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LeukoliteError(
            expected="leukolite to classify", found=show(done.stderr[-200:]), remedy="run it by itself to see more"
        )
    return done.stdout


def _peak_kb(code: str, one: Path, *, cache: Path) -> int:
    """The most memory that such a process held."""
    # Of /proc and not of getrusage, which counts what the process that started this one held as well.
    told = "import atexit; atexit.register(lambda: print(open('/proc/self/status').read()))"
    lines = _run(f"{told}\n{code}", one, cache=cache).splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _children_s() -> float:
    """Processor time of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def to_markdown(found: Mapping[str, Any]) -> str:
    """A row a start."""
    one = found["races"]["start"]
    medians, peaks = one["medians_ms"], one["about"]["peak_kb"]
    rows = [
        (name, f"{medians[name]:.0f} ms", f"{medians[name] / medians[IMPORTS]:.2f}", f"{peaks[name] / 1024:.0f} MB")
        for name in medians
    ]
    text = (
        f"Imports: numpy, Pillow and LiteRT's interpreter. Wanted: at most {WANTED} of them. Processor time of"
        f" {len(one['samples_ms'][IMPORTS])} processes each, in turns."
    )
    header = ("process", UNIT, "/ imports", "most memory")
    return f"{table(header, rows, align='lrrr')}\n{text} {race.remark(found)}\n"
