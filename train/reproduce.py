"""Do a finished run again from what its directory says, and compare."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json, sha256, write_json
from edge_runtime.provenance import cpu_name, git, version
from train import operating, rundir
from train.comparable import float_run
from train.folds import Split
from train.source import Tell
from train.stages import Call, train_float, train_qat

OUTCOME_NAME = "reproduced.json"
NEEDED = {"stage", "settings", "data", "sittings", "provenance"}  # of a run.json


@dataclass(frozen=True)
class Outcome:
    """What came of doing a run again.

    `largest_difference` is between any two weights; `agreement` the share of held-out images that get the same
    label from both, `n` their number; None and 0 where nothing is held out. `differences` are those of code, packages
    and machine that were known before.
    """

    run: str
    weights: int
    differing: int
    largest_difference: float
    n: int
    agreement: float | None
    differences: tuple[str, ...]

    @property
    def identical(self) -> bool:
        """Whether all weights are the same, bit for bit."""
        return self.differing == 0

    def describe(self) -> str:
        """One line."""
        if self.identical:
            return f"{self.run}: the same, all {self.weights:,} weights bit for bit"
        differ = (
            f"{self.run}: not the same, {self.differing:,} of {self.weights:,} weights differ, "
            f"by {self.largest_difference:.3g} at most"
        )
        if self.agreement is None:
            return differ
        return f"{differ}; the same label on {self.agreement:.2%} of {self.n:,} images"

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self) | {"identical": self.identical}


def reproduce(run: Path, out: Path | None, *, data: str | None, groups: str | None, tell: Tell) -> Outcome:
    """Train again as `run` was trained, into `out`, and compare; leaves reproduced.json there.

    Args:
        run: directory of a finished float or int8 run. The latter starts from the float run that it names.
        out: where to; default: a directory beside `run`. An unfinished one is gone on with, a finished one compared.
        data: the images; default: where the run read them.
        groups: the groups file; the same.
        tell: called with what differs in code, packages or machine, before it begins.
    """
    before = read_json(run / rundir.RUN_NAME, what="the run.json of a finished training run")
    inputs = before.get("inputs")
    if not isinstance(inputs, dict) or not {"data", "groups"} <= inputs.keys() or not before.keys() >= NEEDED:
        raise LeukoliteError(
            expected=f"a {rundir.RUN_NAME} of this version in {show(run)}",
            found="one that does not say what it was made from",
            remedy="train again",
        )
    target = out or run.resolve().with_name(run.resolve().name + "-again")
    if target.resolve() == run.resolve():
        raise LeukoliteError(expected="--out to be another directory", found=show(out), remedy="choose another --out")
    differences = tuple(_differences(before))
    for difference in differences:
        tell(f"may come out otherwise: {difference}")
    finished = (target / rundir.RUN_NAME).is_file()
    call = Call(tell=tell, groups=groups or inputs["groups"], resume=True if finished else None, like=run)
    call = replace(call, split=Split.from_inputs(inputs))
    _train(before, run, target, data=data or inputs["data"], call=call)
    outcome = compare(run, target, differences=differences)
    write_json(target / OUTCOME_NAME, outcome.to_json())
    return outcome


def compare(run: Path, other: Path, *, differences: tuple[str, ...] = ()) -> Outcome:
    """How two finished runs differ."""
    first, second = (dict(_weights(path / rundir.WEIGHTS_NAME)) for path in (run, other))
    if {name: array.shape for name, array in first.items()} != {name: array.shape for name, array in second.items()}:
        raise LeukoliteError(
            expected=f"the weights of the network in {show(run)}",
            found=f"others in {show(other)}",
            remedy="choose another --out",
        )
    gaps = [np.abs(first[name] - second[name]) for name in first]
    kept = [path / operating.LOGITS_NAME for path in (run, other)]
    answers = [operating.read_held_out(path)[0].argmax(axis=1) for path in kept if any(each.is_file() for each in kept)]
    return Outcome(
        run=str(run),
        weights=sum(gap.size for gap in gaps),
        differing=sum(_differing(first[name], second[name]) for name in first),
        largest_difference=max(float(gap.max()) for gap in gaps if gap.size),
        n=len(answers[0]) if answers else 0,
        agreement=float(np.mean(answers[0] == answers[1])) if answers else None,
        differences=differences,
    )


def _differing(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> int:
    """How many values differ in a bit, as 0 and -0 do."""
    return int(np.count_nonzero((one != other) | (np.signbit(one) != np.signbit(other))))


def _train(before: Mapping[str, Any], run: Path, out: Path, *, data: str, call: Call) -> None:
    """Run the stage again."""
    settings = rundir.settings_from(before)
    if before["stage"] == "float":
        teachers = [Path(path) for path in before["inputs"].get("teachers", [])]
        train_float(data, out, settings=settings, call=call, teachers=teachers)
        return
    start = float_run(run, before)
    train_qat(data, start, out, call=call, change=lambda own: settings.qat_stage)


def _differences(before: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it was when the run was made."""
    provenance = before["provenance"]
    commits = {sitting["commit"] for sitting in before["sittings"]}
    if git("status", "--porcelain", "--untracked-files=no"):
        yield "the code has changes that no commit holds"
    if any(sitting["dirty"] for sitting in before["sittings"]):
        yield "the run was made by code that no commit holds"
    if commits != {git("rev-parse", "HEAD")}:
        yield f"the run was made by commit {' and '.join(sorted(str(commit)[:12] for commit in commits))}"
    for name, old in provenance["packages"].items():
        if version(name) != old:
            yield f"{name} was {old}, is {version(name)}"
    named = before["inputs"].get("teachers", [])  # its own one is trained again
    for teacher, old in zip(named, before.get("teachers_sha256", [])[: len(named)], strict=True):
        weights = Path(teacher) / rundir.WEIGHTS_NAME
        if not weights.is_file() or sha256(weights.read_bytes()) != old:
            yield f"the teacher in {show(teacher)} is another, or not there"
    if provenance["platform"]["cpu"] != cpu_name():
        yield f"the processor was {provenance['platform']['cpu']}, is {cpu_name()}"


def _weights(path: Path) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    """Each array of a weights file with its name."""
    found: list[tuple[str, npt.NDArray[Any]]] = []

    def visit(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found.append((name, item[()]))

    try:
        with h5py.File(path) as stored:
            stored.visititems(visit)
    except OSError as error:
        raise LeukoliteError(
            expected=f"the weights of a finished run at {show(path)}", found=reason(error), remedy="train again"
        ) from error
    yield from found
