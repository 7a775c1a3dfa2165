"""Several runs of the suite as one, in pytest-benchmark's own JSON, so that its tools go on working."""

import json
import os
from collections.abc import Sequence
from typing import Any

from edge_runtime.errors import LeukoliteError
from edge_runtime.files import write_atomic


def merge(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The first run with the samples of all, one after the other; statistics are those of all samples.

    LeukoliteError when they did not measure the same.
    """
    first, *others = runs
    named = [{entry["fullname"]: entry for entry in run["benchmarks"]} for run in runs]
    for other in named[1:]:
        if other.keys() != named[0].keys():
            raise LeukoliteError(
                expected="the same measurements in every repetition",
                found=f"{', '.join(sorted(other.keys() ^ named[0].keys()))} in some only",
                remedy="see that nothing changes the bundles meanwhile, and run it again",
            )
    seconds = sum(run["provenance"]["seconds"] for run in runs)
    return {
        **first,
        "benchmarks": [_joined([entries[name] for entries in named]) for name in named[0]],
        "provenance": {**first["provenance"], "seconds": round(seconds, 3)},
        "repetitions": 1 + len(others),
    }


def save(run: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write it on as few bytes as raw samples can take."""
    write_atomic(path, [json.dumps(run, separators=(",", ":"), allow_nan=False).encode(), b"\n"])


def _joined(entries: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One measurement of all repetitions."""
    from pytest_benchmark.stats import Stats

    stats = Stats()
    for entry in entries:
        for seconds in entry["stats"]["data"]:
            stats.update(round(seconds, 9))  # what the clock can tell
    about = dict(entries[0]["extra_info"])
    for name in ("repetitions", "peaks_kb"):
        if name in about:
            about[name] = [each for entry in entries for each in entry["extra_info"][name]]
    return {
        **entries[0],
        "extra_info": about,
        "stats": {**entries[0]["stats"], **stats.as_dict(), "data": stats.data},
    }
