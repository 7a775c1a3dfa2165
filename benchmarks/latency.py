"""Latencies of a run, read from pytest-benchmark's JSON, and their ratios to the reference workload."""

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.config import NO_ROLE, ROLES, STAGES
from benchmarks.interleave import Repetition, blocks_of
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.timing import Statistics

SCHEMA_VERSION = 2
"""Of what the suite adds to pytest-benchmark's JSON. Version 1 had no reference workload, and said no version."""

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

    `repetitions` are the processes that took the samples, in order.
    """

    stage: str
    role: str
    variant: str
    samples_ms: tuple[float, ...]
    about: Mapping[str, Any]
    repetitions: tuple[Repetition, ...]

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
    def ratio(self) -> float:
        """The median of `ratios`."""
        return float(np.median(self.ratios))


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


def load_suite(path: str | os.PathLike[str]) -> Suite:
    """Read the JSON of a run; LeukoliteError when it is none of this suite or its schema, or holds no measurement."""
    fields = read_json(path, what="a benchmark run")
    version = fields.get("schema_version")
    if version != SCHEMA_VERSION:
        raise LeukoliteError(
            expected=f"a run of schema {SCHEMA_VERSION}, with a reference workload, at {show(path)}",
            found="one that names none, as the first version's runs"
            if version is None
            else f"one of schema {version!r}",
            remedy="measure it again with `python -m benchmarks run` of this checkout",
        )
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
        )
        _check_whole(suite)
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


def _measurement(entry: Mapping[str, Any]) -> Measurement:
    """One benchmark of the JSON; ValueError, KeyError or TypeError when it is none of ours."""
    about, seconds = dict(entry["extra_info"]), [float(each) for each in entry["stats"]["data"]]
    repetitions = tuple(Repetition.from_json(each) for each in about.pop("repetitions"))
    needed = ("num_threads", "batch", *(() if about["role"] == NO_ROLE else _ABOUT_MODELS))
    if about["stage"] not in STAGES or any(name not in about for name in needed):
        raise ValueError(f"stage {about['stage']!r} of {about['role']!r}")
    if not all(isinstance(about[name], int) and about[name] > 0 for name in ("num_threads", "batch")):
        raise ValueError(f"{about['num_threads']!r} threads and a batch of {about['batch']!r}")
    _check_accuracy(about.get("accuracy"))
    if not seconds or not all(math.isfinite(each) and each > 0 for each in seconds):
        raise ValueError(f"no usable samples of {about['stage']} of {about['role']}")
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


def _check_whole(suite: Suite) -> None:
    """Raise ValueError, KeyError or TypeError for what readers of a run rely on."""
    twice = [key for key, times in Counter(each.key for each in suite.measurements).items() if times > 1]
    cpus, load = suite.machine_state["cpus"], suite.machine_state["load_1min_at_start"]
    if twice or not isinstance(cpus, int | None) or not math.isfinite(load):
        raise ValueError(f"{twice[0]} twice" if twice else f"load {load!r} on {cpus!r} processors")
    _ = [dict(suite.provenance.get(name, {})) for name in ("platform", "packages")]


def _check_accuracy(told: Any) -> None:
    """Raise ValueError, KeyError or TypeError for what no card tells of a model's accuracy."""
    ends = [] if told is None else [told["accuracy"], *(told["accuracy_ci95_by_source"] or ())]
    if ends and (len(ends) not in (1, 3) or not all(0 <= float(end) <= 1 for end in ends if end is not None)):
        raise ValueError(f"an accuracy of {told['accuracy']}")


_ABOUT_MODELS = (
    *("image", "input_px", "uses_delegate", "model_file", "model_sha256", "model_bytes", "image_sha256"),
    *("training_seed", "rehearsal"),
)
