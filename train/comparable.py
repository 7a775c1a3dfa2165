"""A finished QAT run with what it is compared with: its float network's and post-training quantisation's answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json, sha256
from train import rundir
from train.cells import Indices
from train.operating import LOGITS_NAME, UNREADABLE, read_held_out

FLOAT, PTQ = "float", "PTQ"

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Run:
    """Held-out logits float32 [n, classes] of three networks, the class prior left in, and where they come from.

    `classes` and `groups` are int64 [n], `log_share` float64 [classes]. `float_digest` is of the float weights.
    """

    directory: Path
    seed: int
    learning_rate: float
    epochs: int
    labels: tuple[str, ...]
    data_sha256: str
    float_digest: str
    classes: Indices
    groups: Indices
    log_share: npt.NDArray[np.float64]
    float_logits: Logits
    ptq_logits: Logits
    qat_logits: Logits

    @property
    def setting(self) -> str:
        """What the row is called."""
        return f"QAT {self.learning_rate:g} x {self.epochs}"


def read_run(directory: Path) -> Run:
    """A run that `train qat` finished; LeukoliteError when it is none, or its float run is not found."""
    run = read_json(directory / rundir.RUN_NAME, what="the run.json of a finished QAT run")
    if run.get("stage") != "qat" or "starts_from_sha256" not in run:
        raise LeukoliteError(
            expected=f"the run of this version's `train qat` at {show(directory)}",
            found=f"one of the stage {run.get('stage')}",
            remedy="give the directory that `train qat` wrote, or train again",
        )
    settings = rundir.settings_from(run)
    qat_logits, classes, log_share = read_held_out(directory / LOGITS_NAME)
    ptq_logits, *_ = read_held_out(directory / rundir.PTQ_NAME)
    float_logits, own_classes, _ = read_held_out(float_run(directory, run) / LOGITS_NAME)
    if not np.array_equal(classes, own_classes):
        raise LeukoliteError(
            expected=f"the images of {show(directory)} in its float run", found="others", remedy="train again"
        )
    return Run(
        directory=directory,
        seed=settings.seed,
        learning_rate=settings.qat_stage.learning_rate,
        epochs=settings.qat_stage.epochs,
        labels=tuple(run["labels"]),
        data_sha256=run["data"]["sha256"],
        float_digest=run["starts_from_sha256"],
        classes=classes,
        groups=_groups(directory / LOGITS_NAME),
        log_share=log_share,
        float_logits=float_logits,
        ptq_logits=ptq_logits,
        qat_logits=qat_logits,
    )


def float_run(directory: Path, run: Mapping[str, Any]) -> Path:
    """The float run that a QAT run started from: where it was, or beside it when both were moved."""
    recorded = Path(run.get("inputs", {}).get("run", "float"))
    for place in (recorded, directory.resolve().parent / recorded.name):
        weights = place / rundir.WEIGHTS_NAME
        if weights.is_file() and sha256(weights.read_bytes()) == run["starts_from_sha256"]:
            return place
    raise LeukoliteError(
        expected=f"the float run that {show(directory)} was fine-tuned from at {show(recorded)} or beside it",
        found="none with its weights",
        remedy="put it there, or train again",
    )


def _groups(path: Path) -> Indices:
    """The number of each image's group that a run keeps beside its logits."""
    try:
        with np.load(path) as stored:
            return stored["groups"]
    except UNREADABLE as error:
        raise LeukoliteError(
            expected=f"the images' groups in {show(path)}", found=reason(error), remedy="train again"
        ) from error
