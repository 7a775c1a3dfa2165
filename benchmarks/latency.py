"""Latencies of a run, read from pytest-benchmark's JSON, and their ratios to one another.

A time says little away from its machine, so that every table here sets ratios of the same run beside it.
"""

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.config import FLOAT32, INT8, ROLES, STAGES
from edge_runtime.board import is_busy
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.markdown import table
from edge_runtime.timing import Statistics

BASE_STAGE, BASE_ROLE = "decode", INT8
"""What all medians of a run are divided by: decoding is the same work whatever the model."""


@dataclass(frozen=True)
class Measurement:
    """The raw samples of one stage with one model, in milliseconds an image, and what was measured."""

    stage: str
    role: str
    variant: str
    samples_ms: tuple[float, ...]
    about: Mapping[str, Any]

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
        low, high = np.percentile(self.samples_ms, [25, 75])
        return float(high - low)


@dataclass(frozen=True)
class Suite:
    """One run: its measurements in the order of STAGES and ROLES, the machine, and the run's provenance."""

    measurements: tuple[Measurement, ...]
    machine: Mapping[str, Any]
    machine_state: Mapping[str, Any]
    provenance: Mapping[str, Any]

    def find(self, stage: str, role: str) -> Measurement | None:
        """The measurement of a stage and role; None where the run left it out."""
        return next((found for found in self.measurements if (found.stage, found.role) == (stage, role)), None)

    def seed(self, role: str) -> int | None:
        """The training seed that the model's card tells; None where it tells none."""
        return next((each.about["training_seed"] for each in self.measurements if each.role == role), None)

    @property
    def rehearsal(self) -> bool:
        """Whether a model was trained on generated pictures."""
        return any(each.about["rehearsal"] for each in self.measurements)

    def ratio(self, measurement: Measurement, *, stage: str, role: str) -> float | None:
        """Its median divided by that of another of the same run; None where the run has not the other."""
        base = self.find(stage, role)
        return None if base is None else measurement.median_ms / base.median_ms


def load_suite(path: str | os.PathLike[str]) -> Suite:
    """Read the JSON of a run; LeukoliteError when it is none of this suite or holds no measurement."""
    fields = read_json(path, what="a benchmark run")
    try:
        found = [_measurement(entry) for entry in fields["benchmarks"]]
        found.sort(key=lambda each: (STAGES.index(each.stage), ROLES.index(each.role)))
        suite = Suite(
            measurements=tuple(found),
            machine=dict(fields["machine_info"]),
            machine_state=dict(fields["machine_state"]),
            provenance=dict(fields["provenance"]),
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
    """The table of a run: medians with their spread, the ratios beside them, and what they mean."""
    header = ("stage", "model", "median ms", "IQR ms", "p90 ms", "samples", "/ int8 decode", "/ float32, same stage")
    rows = [
        (
            each.stage.replace("_", " "),
            each.variant,
            f"{each.median_ms:.3f}",
            f"{each.iqr_ms:.3f}",
            f"{each.statistics.p90_ms:.3f}",
            f"{len(each.samples_ms):,}",
            _times(suite.ratio(each, stage=BASE_STAGE, role=BASE_ROLE)),
            _times(suite.ratio(each, stage=each.stage, role=FLOAT32)),
        )
        for each in suite.measurements
    ]
    return table(header, rows, align="llrrrrrr") + "\n" + "".join(f"{line}\n" for line in _remarks(suite))


def _remarks(suite: Suite) -> Iterator[str]:
    """What a reader must know to use the table."""
    about = suite.measurements[0].about
    processor = suite.provenance.get("platform", {}).get("cpu") or suite.machine.get("machine", "an unknown processor")
    yield (
        f"One image at a time ({show(about['image'])}), {about['num_threads']} thread(s), {processor}. Ratios are of"
        " medians of this run; only they compare between machines, the milliseconds do not."
    )
    decodes = [each for each in suite.measurements if each.stage == BASE_STAGE]
    if len({str(each.about["input_px"]) for each in decodes}) == 1 and len(decodes) == len(ROLES):
        gap = abs(1 - decodes[0].median_ms / decodes[1].median_ms)
        yield f"Both models decode alike, so that the {gap:.1%} between the two decodes is the noise of this run."
    load, cpus = suite.machine_state["load_1min_at_start"], suite.machine_state["cpus"]
    if is_busy(load, cpus=cpus):
        yield f"The machine was busy when the run began (load {load:.1f} on {cpus} processors): run it again when idle."
    slow = [each.variant for each in suite.measurements if each.stage == "invoke" and not each.about["uses_delegate"]]
    if slow:
        yield f"Without XNNPACK: {', '.join(slow)}. See that /proc and /sys are there, and run it again."


def _measurement(entry: Mapping[str, Any]) -> Measurement:
    """One benchmark of the JSON; ValueError, KeyError or TypeError when it is none of ours."""
    about, samples = entry["extra_info"], [1e3 * float(seconds) for seconds in entry["stats"]["data"]]
    if about["stage"] not in STAGES or about["role"] not in ROLES:
        raise ValueError(f"stage {about['stage']!r} of {about['role']!r}")
    if not samples or not all(math.isfinite(sample) and sample > 0 for sample in samples):
        raise ValueError(f"no usable samples of {about['stage']} of {about['role']}")
    return Measurement(
        stage=about["stage"],
        role=about["role"],
        variant=str(about["variant"]),
        samples_ms=tuple(samples),
        about={name: about[name] for name in ("image", "num_threads", "input_px", "uses_delegate", *_DIGESTS)},
    )


_DIGESTS = ("model_file", "model_sha256", "image_sha256", "training_seed", "rehearsal")


def _times(ratio: float | None) -> str:
    """A ratio for a table."""
    return "none" if ratio is None else f"{ratio:.2f} x"
