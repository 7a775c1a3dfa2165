"""Instructions an inference on emulated Raspberry Pis: a figure without noise, for regression and ranking.

Instructions are no time: caches, memory and the clock are not in them. But they are the same on a busy machine.
"""

import json
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.pi import counting
from benchmarks.pi.board import PI_4, PI_5
from benchmarks.pi.device import Device
from benchmarks.work import multiply_adds
from edge_runtime.classifier import MODELS
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json

SCHEMA_VERSION = 1
CHECKOUT = Path(__file__).parents[1]
PROGRAM = Path(__file__).parent / "pi" / "stages.py"

BOARDS = {"pi-4": PI_4, "pi-5": PI_5}
KEPT = {"shipped": MODELS, "portable": MODELS / "portable", "cell": CHECKOUT / "reports" / "cell" / "bundles"}
"""The folders of bundles whose counts are kept and gated: every bundle that lies there."""

DECODE, LOCATE, INVOKE, POSTPROCESS, END_TO_END = "decode", "locate", "invoke", "postprocess", "end_to_end"
STAGES = (DECODE, LOCATE, INVOKE, POSTPROCESS, END_TO_END)
"""decode: JPEG bytes to the pixels of the field; locate: to the crop that the model sees (white balance included);
invoke: to its raw output; end_to_end: JPEG bytes to a named cell; postprocess: what of that is in none of the others,
so dequantisation, the label and the making of the answer."""

TIMES = {DECODE: (10, 5), LOCATE: (10, 5), INVOKE: (1, 1), END_TO_END: (3, 2)}
"""Calls before counting starts, and calls that are counted. Ten, as Python 3.11 rewrites a function's code after eight
calls of it; the whole runs what the stages have warmed. An invoke is nearly all native code and takes the same from the
second call on, to 0.04 %; and under emulation it is what takes the time."""

REPEATABLE = 0.001
"""The part of the whole path by which a count may differ from one run to the next."""


@dataclass(frozen=True)
class Stage:
    """Instructions a call: the median of the runs, and the most of them less the least."""

    instructions: int
    range: int = 0


@dataclass(frozen=True)
class ModelCounts:
    """What one bundle takes; `multiply_adds` are those of its network."""

    sha256: str
    variant: str
    view: str
    multiply_adds: int
    stages: Mapping[str, Stage]

    @property
    def per_multiply_add(self) -> float:
        """Instructions of an invoke for each multiply-add."""
        return self.stages[INVOKE].instructions / self.multiply_adds

    @property
    def spread(self) -> float:
        """The widest range of a stage, as a part of the whole path."""
        return max(stage.range for stage in self.stages.values()) / self.stages[END_TO_END].instructions


@dataclass(frozen=True)
class BoardCounts:
    """A board's counts: how they were obtained, by which versions, and of which models and picture."""

    board: str
    processor: str
    date: str
    runs: int
    versions: Mapping[str, str]
    picture: str
    picture_sha256: str
    models: Mapping[str, ModelCounts]
    obtained: str = "qemu-user and benchmarks/pi/counter.c: no Raspberry Pi counted this"
    emulated: bool = field(default=True, init=False)
    schema_version: int = field(default=SCHEMA_VERSION, init=False)

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.board}, emulated"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `to_json` wrote; LeukoliteError when it is not that."""
        return cls.from_json(read_json(path, what="counts of instructions"), source=path)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any], *, source: object) -> Self:
        """The inverse of `to_json`; LeukoliteError, with its `source`, for anything else."""
        value = dict(fields)
        try:
            if (value.pop("schema_version"), value.pop("emulated")) != (SCHEMA_VERSION, True):
                raise ValueError(f"another schema than {SCHEMA_VERSION}, or not emulated")
            models = {name: _model(each) for name, each in value.pop("models").items()}
            return cls(**value, models=models)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LeukoliteError(
                expected=f"counts of instructions in {show(source)}",
                found=" ".join(str(error).split()) or type(error).__name__,
                remedy="make them again: python -m benchmarks instructions --update",
            ) from error


def _model(value: Mapping[str, Any]) -> ModelCounts:
    """A model's counts, from JSON."""
    stages = {name: Stage(int(each["instructions"]), int(each["range"])) for name, each in value["stages"].items()}
    if set(stages) != set(STAGES) or min(each.instructions for each in stages.values()) <= 0:
        raise ValueError(f"not the stages {', '.join(STAGES)} with counts above 0")
    return ModelCounts(**{**value, "stages": stages})


def bundles(folders: Mapping[str, Path]) -> dict[str, Path]:
    """Every bundle in these folders: `folder's name, bundle's name` -> path. LeukoliteError where one has none."""
    found: dict[str, Path] = {}
    for name, folder in folders.items():
        paths = sorted(folder.glob("*.tflite"))
        if not paths:
            raise LeukoliteError(
                expected=f"bundles (*.tflite) in {show(folder)}", found="none", remedy="make them with `make ship`"
            )
        found |= {f"{name} {path.stem.removeprefix('leukolite-')}": path.resolve() for path in paths}
    return found


def measure(
    models: Mapping[str, Path],
    *,
    boards: Sequence[str] = tuple(BOARDS),
    runs: int = 1,
    picture: Path | None = None,
    folder: Path,
    tell: Callable[[str], None] = lambda text: None,
) -> list[BoardCounts]:
    """Count on each of BOARDS that is named, all at once.

    Args:
        models: name -> path of a bundle.
        boards: names of BOARDS.
        runs: so many processes each, whose random numbers start from other seeds.
        picture: a JPEG that shows one cell; a generated one for None.
        folder: where the emulated devices are, or are made.
        tell: is told what is being done.

    Raises LeukoliteError when a device cannot be made, or a model does not run there.
    """
    tell("making the emulated boards")
    devices = counting.devices([BOARDS[name] for name in boards], folder)
    library = counting.plugin(devices[0].qemu, folder)
    request = json.dumps(
        {
            "models": {name: str(path) for name, path in models.items()},
            "picture": None if picture is None else str(picture.resolve()),
            "times": TIMES,
        }
    )
    tell(f"counting {len(models)} models on {', '.join(boards)}: a minute each run, if nothing else runs")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tasks = [
            [
                pool.submit(counting.count, each, PROGRAM, stdin=request, library=library, seed=seed)
                for seed in range(runs)
            ]
            for each in devices
        ]
        return [
            summarise(
                [task.result() for task in counted],
                device=device,
                versions=counting.versions(device, folder),
                work={name: multiply_adds(path.read_bytes()) for name, path in models.items()},
                picture="generated by edge_runtime/sample.py" if picture is None else picture.name,
            )
            for device, counted in zip(devices, tasks, strict=True)
        ]


def summarise(
    answers: Sequence[tuple[Any, Sequence[int]]],
    *,
    device: Device,
    versions: Mapping[str, str],
    work: Mapping[str, int],
    picture: str,
) -> BoardCounts:
    """A board's counts from the answers of benchmarks/pi/stages.py and the marks of each run."""
    runs = [per_call(answer["counted"], marks) for answer, marks in answers]
    first = answers[0][0]
    models = {
        name: ModelCounts(
            **described,
            multiply_adds=work[name],
            stages={stage: _stage([run[name][stage] for run in runs]) for stage in STAGES},
        )
        for name, described in first["models"].items()
    }
    return BoardCounts(
        board=device.combination.board.name,
        processor=device.combination.board.qemu_cpu,
        date=time.strftime("%Y-%m-%d", time.gmtime()),
        runs=len(runs),
        versions={**versions, **first["versions"]},
        picture=picture,
        picture_sha256=first["picture_sha256"],
        models=models,
    )


def per_call(counted: Sequence[tuple[str, str]], marks: Sequence[int]) -> dict[str, dict[str, int]]:
    """Instructions a call of each model's stages, from the marks before and after what was counted."""
    if len(marks) != 2 * len(counted):
        raise LeukoliteError(
            expected=f"{2 * len(counted)} marks in qemu's log",
            found=str(len(marks)),
            remedy="see that qemu loads plugins (qemu-aarch64 of qemu-user, not the static one)",
        )
    found: dict[str, dict[str, int]] = {}
    for (model, stage), before, after in zip(counted, marks[::2], marks[1::2], strict=True):
        found.setdefault(model, {})[stage] = round((after - before) / TIMES[stage][1])
    for stages in found.values():
        stages[POSTPROCESS] = stages[END_TO_END] - sum(stages[each] for each in (DECODE, LOCATE, INVOKE))
    return found


def _stage(counts: Sequence[int]) -> Stage:
    """The runs of one stage."""
    return Stage(round(statistics.median(counts)), max(counts) - min(counts))


def check_repeatable(found: BoardCounts) -> None:
    """Raise LeukoliteError when the runs differ by more than REPEATABLE of the whole path: then it is no reference."""
    for name, model in found.models.items():
        if model.spread > REPEATABLE:
            raise LeukoliteError(
                expected=f"runs of {name} on {found.name} within {REPEATABLE:.1%} of the whole path",
                found=f"{model.spread:.2%}",
                remedy="find out what differs from one run to the next before it is made a reference",
            )
