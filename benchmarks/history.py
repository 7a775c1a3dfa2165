"""What was measured of which commit, in small files: a summary each, no raw samples, written once and never again.

Ratios are of one machine and one picture; counts of instructions are of emulated boards and without noise.
"""

import json
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from benchmarks.instructions import BOARDS, BoardCounts
from benchmarks.latency import Measurement, Suite
from benchmarks.reference import FOLDER as REFERENCES
from benchmarks.reference import path_of
from benchmarks.stability import findings
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json, write_json
from edge_runtime.provenance import git

SCHEMA_VERSION = 1
FOLDER = Path(__file__).parent / "history"
RATIOS, INSTRUCTIONS = "ratios", "instructions"
UNITS = {RATIOS: "reference workloads", INSTRUCTIONS: "instructions"}
_COMMIT = re.compile("[0-9a-f]{40}")
_SHOWN = 12  # letters of a commit in a file's name


@dataclass(frozen=True)
class Point:
    """One figure, in the unit of its entry's kind, and the lowest and highest of the processes or runs behind it.

    `sha256` is the model's: where it changes, so may the figure. `unstable` are causes with their remedies.
    """

    model: str
    stage: str
    num_threads: int
    batch: int
    value: float
    low: float
    high: float
    sha256: str | None
    unstable: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """What was measured of one commit in one place: a machine, or an emulated board.

    `date` (UTC, ISO 8601) orders the entries: when a run began, or when counts were committed. `picture` is the SHA-256
    of the picture that was shown.
    """

    kind: str
    where: str
    commit: str
    date: str
    picture: str
    points: tuple[Point, ...]
    schema_version: int = field(default=SCHEMA_VERSION, init=False)

    @property
    def file_name(self) -> str:
        """Under which it is kept: one for each kind, place and commit."""
        place = re.sub("[^a-z0-9]+", "-", self.where.lower()).strip("-")
        return f"{self.kind}-{place}-{self.commit[:_SHOWN]}.json"

    def to_json(self) -> dict[str, Any]:
        """A JSON object of the fields."""
        return asdict(self)

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `to_json` wrote; LeukoliteError when it is not that."""
        fields = read_json(path, what="an entry of the history")
        try:
            if (version := fields.pop("schema_version")) != SCHEMA_VERSION:
                raise ValueError(f"schema {version}, not {SCHEMA_VERSION}")
            points = tuple(_point(each) for each in fields.pop("points"))
            entry = cls(**fields, points=points)
            texts = (entry.kind, entry.where, entry.commit, entry.date, entry.picture)
            known = all(isinstance(text, str) for text in texts) and entry.kind in UNITS
            if not known or not _COMMIT.fullmatch(entry.commit) or not points:
                raise ValueError(f"kind {entry.kind!r} of commit {entry.commit!r} with {len(points)} points")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise LeukoliteError(
                expected=f"an entry of the history (schema {SCHEMA_VERSION}) at {show(path)}",
                found=reason(error),
                remedy="restore it from git, or move it out of that folder",
            ) from error
        return entry


def of_run(suite: Suite, *, source: object) -> Entry:
    """The ratios of a run; LeukoliteError when it is not known which commit was measured."""
    provenance = suite.provenance
    commit, dirty, started = str(provenance.get("commit")), provenance.get("dirty"), provenance.get("started")
    if dirty or not _COMMIT.fullmatch(commit) or not started:
        raise LeukoliteError(
            expected=f"{show(source)} to be a run of a commit, of which the history has a point",
            found="one of a checkout with changes" if dirty else "one without a commit",
            remedy="commit, and measure again",
        )
    platform, cpus = provenance.get("platform", {}), suite.machine_state["cpus"] or 1
    pictures = [each.about["image_sha256"] for each in suite.measurements if "image_sha256" in each.about]
    return Entry(
        kind=RATIOS,
        where=f"{platform.get('cpu') or platform.get('machine')}, {cpus} processors",
        commit=commit,
        date=str(started),
        picture=pictures[0] if pictures else "",
        points=tuple(_ratio(each, cpus=cpus) for each in suite.measurements),
    )


def of_counts(counts: BoardCounts, *, commit: str, date: str) -> Entry:
    """The instructions of one board at a commit."""
    points = [
        Point(
            model=name,
            stage=stage,
            num_threads=1,
            batch=1,
            value=each.instructions,
            low=each.instructions - each.range / 2,  # only their distance is kept
            high=each.instructions + each.range / 2,
            sha256=model.sha256,
        )
        for name, model in counts.models.items()
        for stage, each in model.stages.items()
    ]
    where, picture = counts.name, counts.picture_sha256
    return Entry(kind=INSTRUCTIONS, where=where, commit=commit, date=date, picture=picture, points=tuple(points))


def of_references() -> Iterator[Entry]:
    """The instructions that each commit which changed benchmarks/reference made the references, the oldest first.

    Raises LeukoliteError where there is no git history to ask.
    """
    folder = REFERENCES.relative_to(Path(__file__).parents[1])
    log = git("log", "--reverse", "--format=%H %ct", "--", str(folder))
    if not log:
        raise LeukoliteError(
            expected=f"commits that changed {folder}", found="none", remedy="run it in a clone with its history"
        )
    for commit, seconds in (line.split() for line in log.splitlines()):
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(int(seconds)))
        for board in BOARDS:
            name = path_of(board, folder)
            if text := git("show", f"{commit}:{name}"):
                source = f"{name} of {commit[:_SHOWN]}"
                yield of_counts(_counts(text, source=source), commit=commit, date=date)


def store(entries: Sequence[Entry], folder: str | os.PathLike[str]) -> list[Path]:
    """Write those that are not there yet; returns their paths.

    Raises LeukoliteError, before anything is written, when another figure is kept under the same name, or two of the
    entries have the same.
    """
    paths = {Path(folder) / entry.file_name: entry for entry in entries}
    if len(paths) < len(entries):
        raise LeukoliteError(
            expected="one entry for each machine or board and commit",
            found=f"{len(entries)} for {', '.join(show(path.name) for path in paths)}",
            remedy="choose one of them, or measure more --repetitions in one run",
        )
    kept = {path for path in paths if path.exists()}
    for path in kept:
        if Entry.load(path) != paths[path]:
            raise LeukoliteError(
                expected=f"no other entry at {show(path)}",
                found="one with other figures",
                remedy="keep that one, or remove it first, with the reason in the commit",
            )
    for path, entry in paths.items():
        if path not in kept:
            write_json(path, entry.to_json())
    return [path for path in paths if path not in kept]


def load(folder: str | os.PathLike[str]) -> list[Entry]:
    """All entries of a folder in the order of their dates; LeukoliteError when there is none, or one is broken."""
    paths = sorted(Path(folder).glob("*.json"))
    if not paths:
        raise LeukoliteError(
            expected=f"entries of the history (*.json) in {show(folder)}",
            found="none",
            remedy="add one: python -m benchmarks store",
        )
    return sorted((Entry.load(path) for path in paths), key=lambda entry: (entry.date, entry.file_name))


def _ratio(measurement: Measurement, *, cpus: int) -> Point:
    """One measurement's."""
    stage, role, threads, batch = measurement.key
    return Point(
        model=role,
        stage=stage,
        num_threads=threads,
        batch=batch,
        value=round(measurement.ratio, 6),
        low=round(min(measurement.ratios), 6),
        high=round(max(measurement.ratios), 6),
        sha256=measurement.about.get("model_sha256"),
        unstable=tuple(map(str, findings(measurement, cpus=cpus))),
    )


def _point(fields: Mapping[str, Any]) -> Point:
    """From JSON, where tuples are lists; ValueError for figures that are none."""
    point = Point(**{**fields, "unstable": tuple(fields["unstable"])})
    if not 0 < point.low <= point.value <= point.high < float("inf"):
        raise ValueError(f"{point.value} between {point.low} and {point.high}")
    return point


def _counts(text: str, *, source: str) -> BoardCounts:
    """Counts as git holds them."""
    try:
        fields = json.loads(text)
    except ValueError:
        fields = {}
    return BoardCounts.from_json(fields, source=source)
