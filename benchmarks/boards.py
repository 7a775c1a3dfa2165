"""References of real boards: what `leukolite bench --result-json` measured there, for the next run to be held against.

A time has noise, so that only a change by a quarter counts, and only between steady runs (edge_runtime/bench.py).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edge_runtime.bench import SCHEMA_VERSION, STEADY
from edge_runtime.command import DONE, FAILED, INCONCLUSIVE
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json, write_json

SLOWER = 0.25
"""The part of the reference's median from which a run counts as slower."""

TIMES = ("latency", "end_to_end")
_EMULATED = "emulated"  # how benchmarks/pi/board.py names its boards


@dataclass(frozen=True)
class Time:
    """Of many calls, in milliseconds; `spread` is the distance of the 5th and the 95th percentile, in medians."""

    median_ms: float
    spread: float
    num_runs: int


@dataclass(frozen=True)
class Run:
    """One valid run on one board; `obtained` is the command line."""

    board: str
    view: str
    variant: str
    model_sha256: str
    num_threads: int
    date: str
    obtained: str
    versions: Mapping[str, str | None]
    latency: Time
    end_to_end: Time

    @property
    def key(self) -> str:
        """Under which it is kept; of each there is one."""
        return f"{self.view} {self.variant}, {self.num_threads} thread{'s' if self.num_threads > 1 else ''}"

    @property
    def is_steady(self) -> bool:
        """Whether its medians are to be compared."""
        return max(self.latency.spread, self.end_to_end.spread) <= STEADY


def read(path: str | Path) -> Run:
    """A run that `leukolite bench` wrote; LeukoliteError when it is none, not valid, or of an emulated board."""
    value = read_json(path, what="what `leukolite bench --result-json` wrote")
    try:
        if value["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema {value['schema_version']}, not {SCHEMA_VERSION}")
        run, invalid = _run(value), tuple(value["invalid_because"])
    except (KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"what `leukolite bench --result-json` wrote at {show(path)}",
            found=reason(error),
            remedy="measure again with this leukolite",
        ) from error
    if invalid or value["valid"] is not True:
        raise LeukoliteError(
            expected=f"a valid run at {show(path)}", found=", ".join(invalid) or "none", remedy="see `leukolite doctor`"
        )
    if _EMULATED in run.board:
        raise LeukoliteError(
            expected="times of a real board",
            found=show(run.board),
            remedy="an emulator tells nothing about time: count with `python -m benchmarks instructions`",
        )
    return run


def _run(value: Mapping[str, Any]) -> Run:
    """The parts of bench's JSON that are kept."""
    machine, provenance = value["machine"], value["provenance"]
    return Run(
        board=str(machine["board"] or machine["cpu"] or machine["architecture"]),
        view=str(value["model"]["view"]),
        variant=str(value["model"]["variant"]),
        model_sha256=str(value["model"]["sha256"]),
        num_threads=int(value["settings"]["num_threads"]),
        date=str(provenance["started"])[:10],
        obtained=" ".join(map(str, provenance["argv"])),
        versions={"python": provenance["platform"]["python"], **provenance["packages"]},
        latency=_time(value["latency"]),
        end_to_end=_time(value["end_to_end"]),
    )


def _time(value: Mapping[str, Any]) -> Time:
    """One of bench's timings."""
    low, median, high = (float(value[name]) for name in ("p5_ms", "median_ms", "p95_ms"))
    if not 0 < low <= median <= high < math.inf:
        raise ValueError(f"a median of {median} ms between {low} and {high}")
    return Time(median, round((high - low) / median, 4), int(value["num_runs"]))


def path_of(board: str, folder: Path) -> Path:
    """Where the runs of a board are kept."""
    return folder / f"{re.sub('[^a-z0-9]+', '-', board.lower()).strip('-')}.json"


def add(run: Run, folder: Path) -> Path:
    """Keep a run in place of the board's last one of its kind. LeukoliteError when it was not steady."""
    if not run.is_steady:
        raise LeukoliteError(
            expected=f"5th and 95th percentile within {STEADY:.0%} of the median",
            found=f"{max(run.latency.spread, run.end_to_end.spread):.0%}",
            remedy="end other programs and measure longer: leukolite bench --min-secs 10",
        )
    path = path_of(run.board, folder)
    runs = {**(_kept(path) if path.is_file() else {}), run.key: asdict(run)}
    write_json(path, {"schema_version": SCHEMA_VERSION, "board": run.board, "emulated": False, "runs": runs})
    return path


def compare(run: Run, *, source: str | Path, folder: Path) -> tuple[int, str]:
    """Exit status and a line: DONE, FAILED when it is slower by SLOWER, or INCONCLUSIVE when it was not steady.

    Raises LeukoliteError, with the command that adds it, for a board or a kind of run without a reference.
    """
    path = path_of(run.board, folder)
    kept = _kept(path) if path.is_file() else {}
    if run.key not in kept:
        known = sorted(each.stem for each in folder.glob("*.json"))
        raise LeukoliteError(
            expected=f"a reference of {show(run.board)} ({run.key}) at {show(path)}",
            found=f"those of {', '.join(known) or 'no board'}" if not kept else f"those of {', '.join(kept)}",
            remedy=f"add it: python -m benchmarks board {show(source)} --add",
        )
    old = kept[run.key]
    ratios = {name: getattr(run, name).median_ms / old[name]["median_ms"] for name in TIMES}
    text = ", ".join(f"{name.replace('_', ' ')} {ratio:.2f} times the reference" for name, ratio in ratios.items())
    other = [name for name, version in run.versions.items() if old["versions"].get(name) != version]
    if old["model_sha256"] != run.model_sha256:
        other.append("model")
    text += f" of {old['date']}" + (f"; other than there: {', '.join(other)}" if other else "")
    if not run.is_steady:
        return INCONCLUSIVE, f"{text}; not steady, so that nothing follows: leukolite bench --min-secs 10"
    return (FAILED if max(ratios.values()) > 1 + SLOWER else DONE), text


def _kept(path: Path) -> dict[str, Any]:
    """The runs in a reference; LeukoliteError when it is none of a real board."""
    value = read_json(path, what="the reference of a board")
    try:
        if (value["schema_version"], value["emulated"]) != (SCHEMA_VERSION, False):
            raise ValueError(f"another schema than {SCHEMA_VERSION}, or an emulated board")
        runs: dict[str, Any] = value["runs"]
        for run in runs.values():
            Run(**{**run, **{name: Time(**run[name]) for name in TIMES}})
            if not all(0 < run[name]["median_ms"] < math.inf for name in TIMES):
                raise ValueError("medians that are no times")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LeukoliteError(
            expected=f"runs of a real board in {show(path)}", found=reason(error), remedy="restore the file from git"
        ) from error
    return runs
