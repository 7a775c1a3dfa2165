"""How much memory a training epoch needs with few and with many images, beside the naive way of all in one array.

Everything is measured from outside, in processes of its own: `python -m train float` on generated smears, and
`python -m benchmarks.naive`. MB are 10^6 bytes.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.evidence import read_history
from benchmarks.watch import Sample, available_mb, thin, watch
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json, write_json
from edge_runtime.provenance import collect

SCHEMA_VERSION = 1
OPTIONS = ("--preset", "blind", "--epochs", "1")  # of the training; without a teacher, which is another training
PACKAGES = ("leukolite", "tensorflow", "tf-keras", "numpy", "pillow")
CLASSES = 4  # of the smears
ARRAYS = ("uint8", "float32")
"""What the naive way keeps all images in: as they were decoded, and as tutorials hand them to `fit`."""

COMPARED_FROM = 12_000
"""Images from which on epochs are compared: before, allocators have not yet settled."""

_USABLE = 0.8  # of the memory that is available: more would measure the swapping


@dataclass(frozen=True)
class Settings:
    """Images of TRAIN in each measurement, and where the smears are kept; training has `options` beside the usual."""

    images: tuple[int, ...]
    work_dir: Path
    options: tuple[str, ...] = ()
    seed: int = 1
    sample_every_s: float = 0.25

    def __post_init__(self) -> None:
        """Refuse what cannot be drawn."""
        for count in self.images or (0,):
            if count < 2 * CLASSES or count % CLASSES:
                raise LeukoliteError(
                    expected=f"numbers of images from {2 * CLASSES} on, equally many of {CLASSES} classes",
                    found=str(count),
                    remedy=f"give multiples of {CLASSES}",
                )


@dataclass(frozen=True)
class Naive:
    """All images in one array: the peak of the process, or, where it would not fit, what it would be."""

    dtype: str
    peak_mb: float
    measured: bool


@dataclass(frozen=True)
class Measurement:
    """One size. `epoch_mb` is the training's peak up to the end of its epoch, `run_mb` that of its whole run."""

    images: int
    epoch_mb: float
    run_mb: float
    seconds: float
    images_per_s: float
    image_px: tuple[int, int]
    samples: tuple[Sample, ...]
    naive: tuple[Naive, ...]
    provenance: Mapping[str, Any]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> "Measurement":
        """What `asdict` made, and JSON kept."""
        height_px, width_px = fields["image_px"]
        samples = tuple((float(seconds), float(mb)) for seconds, mb in fields["samples"])
        naive = tuple(Naive(**each) for each in fields["naive"])
        return cls(**{**fields, "image_px": (height_px, width_px), "samples": samples, "naive": naive})


@dataclass(frozen=True)
class Report:
    """All measurements with the same options, by size."""

    options: tuple[str, ...]
    seed: int
    measurements: tuple[Measurement, ...] = ()
    schema_version: int = field(default=SCHEMA_VERSION, init=False)

    @property
    def growth(self) -> float | None:
        """By how much the highest peak of an epoch is above the lowest, of the sizes that are compared."""
        peaks = [each.epoch_mb for each in self.measurements if each.images >= COMPARED_FROM]
        return max(peaks) / min(peaks) - 1 if len(peaks) > 1 else None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write as JSON, atomically."""
        write_json(path, {**asdict(self), "growth": self.growth})


def load(path: str | os.PathLike[str]) -> Report:
    """Read what `save` wrote."""
    fields = read_json(path, what="a report of `python -m benchmarks memory`")
    try:
        if fields["schema_version"] != SCHEMA_VERSION:
            raise ValueError(f"schema {fields['schema_version']!r}")
        measurements = tuple(Measurement.from_json(each) for each in fields["measurements"])
        return Report(options=tuple(fields["options"]), seed=int(fields["seed"]), measurements=measurements)
    except (KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"a report of `python -m benchmarks memory` at {show(path)}",
            found=str(error) or type(error).__name__,
            remedy="name another --out, or remove the file",
        ) from error


def measure(
    settings: Settings, *, out: Path, fresh: bool = False, tell: Callable[[str], None] = lambda text: None
) -> Report:
    """Measure each size that the report at `out` has not yet with these options, writing it after each one.

    `fresh` measures all of them again. Raises LeukoliteError when a command fails.
    """
    report = Report(options=settings.options, seed=settings.seed)
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    if out.is_file() and not fresh:
        before = load(out)
        if (before.options, before.seed) == (report.options, report.seed):
            report = before
    known = {each.images: each for each in report.measurements}
    for count in settings.images:
        if count in known:
            tell(f"{count:,} images: measured already")
            continue
        known[count] = _measure(count, settings, tell)
        report = Report(settings.options, settings.seed, tuple(known[size] for size in sorted(known)))
        report.save(out)
    return report


def _measure(count: int, settings: Settings, tell: Callable[[str], None]) -> Measurement:
    """One size."""
    data = _draw(count, settings, tell)
    tell(f"{count:,} images: training")
    started = time.time()
    with tempfile.TemporaryDirectory(dir=settings.work_dir.absolute(), prefix="run-") as folder:
        run = Path(folder) / "run"
        command = ["train", "float", "--data", str(data), "--out", str(run), *OPTIONS, *settings.options]
        peak_mb, samples = watch(command, every_s=settings.sample_every_s)
        epoch = read_history(run / "history.csv")[-1]
        network = read_json(run / "run.json", what="the run.json of a training")["settings"]["network"]
    shape = network["image_height_px"], network["image_width_px"]
    tell(f"{count:,} images: all in one array")
    provenance = collect(packages=PACKAGES, started=started)
    return Measurement(
        images=count,
        epoch_mb=float(epoch["peak_rss_mb"]),
        run_mb=peak_mb,
        seconds=float(epoch["seconds"]),
        images_per_s=float(epoch["images_per_s"]),
        image_px=shape,
        samples=thin(samples),
        naive=tuple(_naive(data, count, shape, dtype) for dtype in ARRAYS),
        provenance={**provenance, "load_1min": os.getloadavg()[0]},
    )


def _draw(count: int, settings: Settings, tell: Callable[[str], None]) -> Path:
    """A folder of smears with so many images in TRAIN (and a quarter as many in TEST), drawn once."""
    folder = settings.work_dir.absolute() / f"smears-{count}-seed{settings.seed}"
    if not (folder / "groups.csv").is_file():  # which is written last
        tell(f"{count:,} images: drawing")
        shutil.rmtree(folder, ignore_errors=True)
        command = ["train", "smears", "--out", str(folder), "--images-per-class", str(count // CLASSES)]
        watch([*command, "--seed", str(settings.seed)])
    return folder


def _naive(data: Path, count: int, shape: tuple[int, int], dtype: str) -> Naive:
    """All TRAIN images of a folder in one array; what would not fit is worked out from a process without images."""
    itemsize = {"uint8": 1, "float32": 4}[dtype]
    array_mb = count * shape[0] * shape[1] * 3 * itemsize / 1e6
    fits = array_mb < _USABLE * available_mb()
    command = ["benchmarks.naive", str(data), dtype, *map(str, shape), *([] if fits else ["--empty"])]
    peak_mb, _ = watch(command)
    return Naive(dtype=dtype, peak_mb=peak_mb + (0.0 if fits else array_mb), measured=fits)
