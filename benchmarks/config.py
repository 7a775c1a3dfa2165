"""What is measured and how long; the command line and pytest's options only override these."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_runtime.classifier import SHIPPED_MODEL, SHIPPED_REFERENCE
from edge_runtime.errors import LeukoliteError, show

STAGES = (
    "import",
    "cold_start",
    "decode",
    "locate",
    "preprocess",
    "invoke",
    "postprocess",
    "end_to_end",
    "folder",
)
"""In the order of tables; docs/benchmarks.md says from what to what each is measured."""

INT8, FLOAT32 = "int8", "float32"
ROLES = (INT8, FLOAT32)
"""The two models that the summary is about. A role's name is part of the test's, so that runs compare whatever int8
recipe is used; that of another bundle is the NAME of `NAME=FILE`, or its file's name without `leukolite-`."""

NO_ROLE = "none"
"""The role of what is measured without a model."""

BATCH = 8
FOLDER_IMAGES = 16


@dataclass(frozen=True)
class Preset:
    """How thoroughly to measure: `repetitions` processes one after the other, each measuring everything once.

    In each a measurement is warmed up for `warmup_seconds` and then lasts at least `min_seconds` and `num_runs` runs,
    and at most `max_seconds`; starting a process is measured `process_runs` times.
    """

    repetitions: int
    num_runs: int
    min_seconds: float
    warmup_seconds: float
    process_runs: int
    max_seconds: float = 150.0


PRESETS = {
    "rapid": Preset(repetitions=3, num_runs=10, min_seconds=0.1, warmup_seconds=0.05, process_runs=1),
    "normal": Preset(repetitions=5, num_runs=50, min_seconds=1.0, warmup_seconds=0.5, process_runs=5),
    "rigorous": Preset(repetitions=10, num_runs=50, min_seconds=10.0, warmup_seconds=0.5, process_runs=10),
}
"""`normal`: 50 runs and 1 s at least, 150 s at most, 0.5 s of warm-up, the defaults of LiteRT's benchmark_model
(tensorflow/lite/tools/benchmark/README.md: num_runs, min_secs, max_secs, warmup_min_secs), and the median of five, as
MLPerf Tiny reports it. `rigorous`: its performance run, at least 10 s and 10 runs (Banbury et al. 2021, MLPerf Tiny
Benchmark), in ten processes, for machines that do other things as well (docs/benchmarks.md). `rapid`: a tenth of
`normal`, to see that all works.
"""


@dataclass(frozen=True)
class Settings:
    """One run of the suite.

    `int8_model` and `float32_model` are the two models of ROLES; `bundles` are any others (FILE or `NAME=FILE`), or
    instead of them where both are None. `data_dir` is where the picture comes from: the first JPEG of its split TEST,
    or a generated one for None. Everything is measured with `num_threads`, invoke and end to end with each of
    `more_threads` too. The rest is as in Preset, but for one repetition.
    """

    int8_model: Path | None = SHIPPED_MODEL
    float32_model: Path | None = SHIPPED_REFERENCE
    bundles: tuple[Path, ...] = ()
    data_dir: Path | None = None
    num_threads: int = 1
    more_threads: tuple[int, ...] = (2, 4)
    repetitions: int = 1
    num_runs: int = 50
    min_seconds: float = 1.0
    warmup_seconds: float = 0.5
    process_runs: int = 5
    max_seconds: float = 150.0

    def __post_init__(self) -> None:
        """Refuse what cannot be measured with."""
        limits = ("repetitions", "num_threads", "num_runs", "min_seconds", "process_runs", "max_seconds")
        given = [(name, getattr(self, name)) for name in limits]
        given += [("more_threads", each) for each in self.more_threads]
        for name, value in given:
            if not (math.isfinite(value) and value > 0):
                raise LeukoliteError(
                    expected=f"{name} to be above 0", found=str(value), remedy="correct it or leave it out"
                )

    @property
    def models(self) -> dict[str, Path]:
        """The bundles by their roles; LeukoliteError when there are none or two of one name."""
        return by_role(self.int8_model, self.float32_model, self.bundles)


def by_role(int8: Path | None, float32: Path | None, others: Sequence[Path]) -> dict[str, Path]:
    """Bundles by their roles; LeukoliteError when there are none, two of one name or one of no model's."""
    named = [(role, path) for role, path in ((INT8, int8), (FLOAT32, float32)) if path]
    named += map(_named, others)
    if NO_ROLE in [role for role, _ in named]:
        raise LeukoliteError(
            expected="bundles that have a name",
            found=f"one named {NO_ROLE}, as what is measured without a model",
            remedy="name it as NAME=FILE",
        )
    twice = next((role for index, (role, _) in enumerate(named) if role in [each for each, _ in named[:index]]), None)
    if twice or not named:
        raise LeukoliteError(
            expected="bundles of different names, as they are told apart by them",
            found=f"two named {show(twice)}" if twice else "none",
            remedy="name one as NAME=FILE" if twice else "name some with --bundle",
        )
    return dict(named)


def _named(bundle: Path) -> tuple[str, Path]:
    """The role and the file of `NAME=FILE` or FILE."""
    name, equals, file = str(bundle).partition("=")
    return (name, Path(file)) if equals and "/" not in name else (bundle.stem.removeprefix("leukolite-"), bundle)


def numbers(text: str) -> tuple[int, ...]:
    """Comma-separated whole numbers; none for an empty text."""
    try:
        return tuple(int(part) for part in text.split(",") if text)
    except ValueError as error:
        raise LeukoliteError(
            expected="comma-separated whole numbers", found=show(text), remedy="write them as 2,4"
        ) from error
