"""Latencies of a run, read from pytest-benchmark's JSON, and their ratios to one another.

A time says little away from its machine, so that every table here sets ratios of the same run beside it.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from benchmarks.config import FLOAT32, INT8, NO_ROLE, ROLES, STAGES
from benchmarks.interleave import Repetition, blocks_of
from edge_runtime.board import is_busy
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.markdown import table
from edge_runtime.timing import Statistics

SCHEMA_VERSION = 2
"""Of what the suite adds to pytest-benchmark's JSON. A run of version 1 had none, and no reference workload."""

BASE_STAGE, BASE_ROLE = "decode", INT8
"""What all medians of a run are divided by: decoding is the same work whatever the model."""

QUIET = 3
"""The percentile of all times of a process that ratios are made of. Other programs only ever add to a time, often by
several times its length: where they are at work the median tells of them, the fastest twentieth of what was measured.
At a load of 14 on two processors, processes that did the same differed by 0.9 to 2.6 % (a standard deviation) by this
percentile, by 1.3 to 5.4 % by the 10th and by 6 to 47 % by the median; lower ones rest on few samples.
"""

Key = tuple[str, str, int, int]
"""Stage, role, number of threads and number of images in a call: what is compared with what."""


@dataclass(frozen=True)
class Measurement:
    """The raw samples of one stage with one model, in milliseconds an image, and what was measured.

    `repetitions` are the processes that took the samples, in order; empty in a run of version 1.
    """

    stage: str
    role: str
    variant: str
    samples_ms: tuple[float, ...]
    about: Mapping[str, Any]
    repetitions: tuple[Repetition, ...] = ()

    @property
    def key(self) -> Key:
        """What it is called."""
        return self.stage, self.role, self.about["num_threads"], self.about["batch"]

    @property
    def statistics(self) -> Statistics:
        """Of all samples."""
        return Statistics.of(self.samples_ms)

    @property
    def median_ms(self) -> float:
        """The 50th percentile."""
        return self.statistics.median_ms

    @property
    def iqr_ms(self) -> float:
        """The distance from the 25th to the 75th percentile."""
        return self.statistics.iqr_ms

    @property
    def ratios(self) -> tuple[float, ...]:
        """By repetition, its quiet time in units of the reference workload: the QUIET percentiles of both divided."""
        ends = np.cumsum([sum(each.blocks) for each in self.repetitions])[:-1]
        parts = np.split(np.asarray(self.samples_ms), ends)
        return tuple(
            float(np.percentile(own, QUIET)) / each.unit_ms(QUIET)
            for own, each in zip(parts, self.repetitions, strict=True)
        )

    @property
    def ratio(self) -> float | None:
        """The median of `ratios`; None where the workload was not run."""
        return float(np.median(self.ratios)) if self.repetitions else None


@dataclass(frozen=True)
class Suite:
    """One run: its measurements in the order of STAGES, the machine, and the run's provenance.

    `left_out` are measurements that could not be taken, by name, and why.
    """

    measurements: tuple[Measurement, ...]
    machine: Mapping[str, Any]
    machine_state: Mapping[str, Any]
    provenance: Mapping[str, Any]
    left_out: Mapping[str, str]
    schema_version: int

    def find(self, stage: str, role: str) -> Measurement | None:
        """The measurement of a stage and role, the first of several; None where the run left it out."""
        return next((found for found in self.measurements if (found.stage, found.role) == (stage, role)), None)

    def seed(self, role: str) -> int | None:
        """The training seed that the model's card tells; None where it tells none."""
        return next((each.about["training_seed"] for each in self.measurements if each.role == role), None)

    @property
    def rehearsal(self) -> bool:
        """Whether a model was trained on generated pictures."""
        return any(each.about.get("rehearsal") for each in self.measurements)

    @property
    def compared(self) -> "Suite":
        """Only the two models of ROLES, one picture at a time on the fewest threads: what the report shows."""
        least = min(each.about["num_threads"] for each in self.measurements)
        kept = [each for each in self.measurements if each.role in ROLES and each.key[2:] == (least, 1)]
        return replace(self, measurements=tuple(kept))

    def ratio(self, measurement: Measurement, *, stage: str, role: str) -> float | None:
        """Its median divided by that of another of the same run; None where the run has not the other."""
        base = self.find(stage, role)
        return None if base is None else measurement.median_ms / base.median_ms


def load_suite(path: str | os.PathLike[str]) -> Suite:
    """Read the JSON of a run; LeukoliteError when it is none of this suite or holds no measurement."""
    fields = read_json(path, what="a benchmark run")
    try:
        found = [_measurement(entry) for entry in fields["benchmarks"]]
        roles = list(dict.fromkeys([*ROLES, *(each.role for each in found)]))
        found.sort(key=lambda each: (STAGES.index(each.stage), roles.index(each.role), *each.key[2:]))
        suite = Suite(
            measurements=tuple(found),
            machine=dict(fields["machine_info"]),
            machine_state=dict(fields["machine_state"]),
            provenance=dict(fields["provenance"]),
            left_out=dict(fields.get("left_out", {})),
            schema_version=int(fields.get("schema_version", 1)),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LeukoliteError(
            expected=f"a run of this benchmark suite at {show(path)}",
            found=reason(error),
            remedy="make it with `python -m benchmarks run`",
        ) from error
    if not suite.measurements:
        raise LeukoliteError(
            expected=f"measurements in {show(path)}",
            found="a run without any",
            remedy="make it again with `python -m benchmarks run`",
        )
    return suite


def to_markdown(suite: Suite) -> str:
    """The two models of a run: medians with their spread, the ratios beside them, and what they mean."""
    shown = suite.compared
    header = ("stage", "model", "median ms", "IQR ms", "p90 ms", "samples", "/ int8 decode", "/ float32, same stage")
    rows = [
        (
            each.stage.replace("_", " "),
            each.variant,
            f"{each.median_ms:.3f}",
            f"{each.iqr_ms:.3f}",
            f"{each.statistics.p90_ms:.3f}",
            f"{len(each.samples_ms):,}",
            _times(shown.ratio(each, stage=BASE_STAGE, role=BASE_ROLE)),
            _times(shown.ratio(each, stage=each.stage, role=FLOAT32)),
        )
        for each in shown.measurements
    ]
    return table(header, rows, align="llrrrrrr") + "\n" + "".join(f"{line}\n" for line in remarks(shown))


def remarks(suite: Suite) -> Iterator[str]:
    """What a reader must know to use a table."""
    about = next((each.about for each in suite.measurements if each.role != NO_ROLE), {"image": "none"})
    threads = sorted({each.about["num_threads"] for each in suite.measurements})
    processor = suite.provenance.get("platform", {}).get("cpu") or suite.machine.get("machine", "an unknown processor")
    yield (
        f"One image at a time ({show(about['image'])}), {threads[0]} thread(s), {processor}. Ratios are of"
        " medians of this run; only they compare between machines, the milliseconds do not."
    )
    decodes = [each for each in suite.measurements if each.stage == BASE_STAGE]
    if len({str(each.about["input_px"]) for each in decodes}) == 1 and len(decodes) == len(ROLES):
        gap = abs(1 - decodes[0].median_ms / decodes[1].median_ms)
        yield f"Both models decode alike, so that the {gap:.1%} between the two decodes is the noise of this run."
    load, cpus = suite.machine_state["load_1min_at_start"], suite.machine_state["cpus"]
    if is_busy(load, cpus=cpus):
        yield f"The machine was busy when the run began (load {load:.1f} on {cpus} processors): run it again when idle."
    invokes = [each for each in suite.measurements if each.stage == "invoke"]
    slow = dict.fromkeys(each.variant for each in invokes if not each.about["uses_delegate"])
    if slow:
        yield f"Without XNNPACK: {', '.join(slow)}. See that /proc and /sys are there, and run it again."


def _measurement(entry: Mapping[str, Any]) -> Measurement:
    """One benchmark of the JSON; ValueError, KeyError or TypeError when it is none of ours."""
    about, seconds = dict(entry["extra_info"]), [float(each) for each in entry["stats"]["data"]]
    repetitions = tuple(Repetition.from_json(each) for each in about.pop("repetitions", ()))
    about = {"batch": 1, **about}  # a run of version 1 took one image at a time
    needed = ("num_threads", *(() if about["role"] == NO_ROLE else _ABOUT_MODELS))
    if about["stage"] not in STAGES or any(name not in about for name in needed):
        raise ValueError(f"stage {about['stage']!r} of {about['role']!r}")
    if not seconds or not all(math.isfinite(each) and each > 0 for each in seconds):
        raise ValueError(f"no usable samples of {about['stage']} of {about['role']}")
    if repetitions:  # otherwise of version 1: each sample is one call
        parts = zip(repetitions, blocks_of(seconds, repetitions), strict=True)
        seconds = [value / each.loops for each, blocks in parts for block in blocks for value in block]
    return Measurement(
        stage=about["stage"],
        role=str(about["role"]),
        variant=str(about["variant"]),
        samples_ms=tuple(1e3 * each / about["batch"] for each in seconds),
        about=about,
        repetitions=repetitions,
    )


_ABOUT_MODELS = (
    *("image", "input_px", "uses_delegate", "model_file", "model_sha256", "image_sha256", "training_seed"),
    "rehearsal",
)


def _times(ratio: float | None) -> str:
    """A ratio for a table."""
    return "none" if ratio is None else f"{ratio:.2f} x"
