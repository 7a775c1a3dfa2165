"""Teachers: finished networks that another one learns from beside the labels (train/lesson.py says how).

What a run exports has the class prior taken out as often as its operating point says, which each run may have chosen
otherwise. A teacher's logits are first brought to where the student's are, the prior taken out once; then what the
student's loss adds to its own, its log prior, is added to them too.

A student must not learn from a network that knows cells which it is to be judged by: teachers have learned from the
very images that the student learns from, of each cross-validation the network that is blind to the same fold. One of
the cell view has not learned from images that show it no cell, and says nothing of them: there the label alone counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.dataset import digest
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json, sha256
from edge_runtime.view import View
from train import rundir
from train.cells import Cells, seen_by, shows
from train.config import Distillation, Settings
from train.exported import answer
from train.lesson import Lesson
from train.operating import UNREADABLE

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Teacher:
    """A finished run: `strength` is how often its exported network has `log_share`, float64 [classes], taken out."""

    directory: Path
    settings: Settings
    strength: float
    log_share: npt.NDArray[np.float64]
    weights_sha256: str


def read_teachers(
    directories: Sequence[Path], cells: Cells, *, out: Path, how: Distillation, workers: int = 1
) -> tuple[Teacher, ...]:
    """The finished runs in some directories, which have learned from the images of `cells` and no other.

    Raises LeukoliteError when one is no such run, has other labels, images or source cells, or is `out` itself; when
    there is none and `how` wants some; and when several workers train, of which one alone would keep the answers.
    """
    how.check_workers(workers)
    if how.teachers_weight and not directories:
        raise LeukoliteError(
            expected=f"teachers, for {how.teachers_weight:g} of the loss", found="none", remedy="give --teachers"
        )
    return tuple(_read(directory, cells, out=out) for directory in directories)


def ask(
    teachers: Sequence[Teacher], cells: Cells, *, out: Path, log_prior: npt.NDArray[np.float64], how: Distillation
) -> Lesson | None:
    """What the teachers say of all images; asked once, and kept in the run directory `out`. None where it is not heard.

    `log_prior` float64 [classes] is what the student's loss adds to logits that have the prior taken out once.
    """
    path = out / rundir.TEACHERS_NAME
    if how.teachers_weight and not path.is_file():  # else the run is gone on with
        rundir.save_arrays(path, adjusted=np.stack([_adjusted(teacher, cells) for teacher in teachers]))
    return recall(out, log_prior=log_prior, how=how, remedy="begin anew: --no-resume")


def recall(
    run: Path, *, log_prior: npt.NDArray[np.float64], how: Distillation, remedy: str = "train it again"
) -> Lesson | None:
    """What `ask` kept in a run directory; None where it was not heard.

    Raises LeukoliteError, with that remedy, when it is not there or cannot be read.
    """
    if not how.teachers_weight:
        return None
    path = run / rundir.TEACHERS_NAME
    try:
        with np.load(path) as stored:
            adjusted = stored["adjusted"]
    except UNREADABLE as error:
        raise LeukoliteError(
            expected=f"the answers of teachers in {show(path)}", found=reason(error), remedy=remedy
        ) from error
    softened = tf.nn.softmax((adjusted + log_prior) / how.temperature).numpy()
    counts = np.isfinite(softened).all(axis=2).sum(axis=0)  # of teachers who say something
    mean = np.nansum(softened, axis=0) / np.maximum(counts, 1)[:, np.newaxis]
    weights = np.where(counts, how.teachers_weight, 0)
    return Lesson(tf.constant(mean, tf.float32), weights=tf.constant(weights, tf.float32), temperature=how.temperature)


def _adjusted(teacher: Teacher, cells: Cells) -> Logits:
    """A teacher's logits with its class prior taken out once, float32 [n, classes]; NaN where it sees nothing."""
    shown = np.flatnonzero(shows(teacher.settings.network.view, cells.images))
    logits = answer(teacher.directory, cells.images.paths, shown, settings=teacher.settings)
    if not np.isfinite(logits).all():
        raise LeukoliteError(
            expected=f"numbers from the network in {show(teacher.directory)}", found="NaN", remedy="train it again"
        )
    every = np.full((len(cells.images), len(cells.labels)), np.nan, np.float32)
    every[shown] = logits + (teacher.strength - 1) * teacher.log_share
    return every


def _read(directory: Path, cells: Cells, *, out: Path) -> Teacher:
    """One finished run, checked."""
    run = read_json(directory / rundir.RUN_NAME, what="the run.json of a teacher")
    if directory.resolve() == out.resolve():
        raise LeukoliteError(
            expected="a teacher in another directory than --out", found=show(out), remedy="choose another --out"
        )
    try:
        settings = rundir.settings_from(run)
        complaint = _complaint(run, cells, view=settings.network.view)
        teacher = Teacher(
            directory=directory,
            settings=settings,
            strength=float(run["operating_point"]["strength"]),
            log_share=np.log(run["source_share"]),
            weights_sha256=sha256((directory / rundir.WEIGHTS_NAME).read_bytes()),
        )
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"a finished run of this version in {show(directory)}",
            found=reason(error),
            remedy="train it again",
        ) from error
    if complaint:
        raise LeukoliteError(
            expected=f"the teacher in {show(directory)} to have learned from the images that the student learns from",
            found=complaint,
            remedy="train it on the same --data, --groups and folds",
        )
    return teacher


def _complaint(run: dict[str, Any], cells: Cells, *, view: View) -> str:
    """In what the images of a teacher of that view differ; nothing where they do not."""
    if tuple(run["labels"]) != cells.labels:
        return f"the labels {', '.join(run['labels'])}"
    learned = run["data"]["sha256"]
    # One that sees the whole field has learned from images that show no cell to the student as well,
    if learned in (cells.digest, digest((*cells.images, *cells.unseen))):
        same = run["data"]["sources"] == cells.sources()
    else:  # and one of the cell view not from those that show none to it.
        own = seen_by(view, cells)
        if learned != own.digest:
            return "other images (their digest differs)"
        same = run["data"]["sources"] == own.sources()
    return "" if same else "other source cells (their number differs)"
