"""What is measured and how long; the command line and pytest's options only override these."""

import math
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE
from edge_runtime.errors import LeukoliteError

STAGES = ("decode", "invoke", "end_to_end")
"""decode: JPEG bytes to pixels; invoke: pixels to raw output; end_to_end: JPEG bytes to a named cell."""

INT8, FLOAT32 = "int8", "float32"
ROLES = (INT8, FLOAT32)
"""The two models of a run. A role's name is part of the test's, so that runs compare whatever int8 recipe is used."""

WARMUP_RUNS = 50
"""Runs thrown away before each measurement: caches fill and the processor leaves its idle clock."""


@dataclass(frozen=True)
class Settings:
    """One run of the suite.

    `data_dir` is where the picture comes from: the first JPEG of its split TEST, or a generated one for None.
    Each measurement lasts at least `min_seconds` and `num_runs` runs, as LiteRT's benchmark_model has it.
    """

    int8_model: Path = SHIPPED_MODEL
    float32_model: Path = SHIPPED_REFERENCE
    data_dir: Path | None = None
    num_threads: int = 1
    num_runs: int = 50
    min_seconds: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be measured with."""
        for name in ("num_threads", "num_runs", "min_seconds"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise LeukoliteError(
                    expected=f"{name} to be above 0", found=str(value), remedy="correct it or leave it out"
                )
