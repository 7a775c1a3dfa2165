"""Cross-validation by source cell: every image answered by a network that never saw another picture of its cell."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.dataset import Dataset, join, open_all
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import check_folder
from edge_runtime.provenance import collect
from edge_runtime.report import EvalReport, Outcome, load_report, summarize
from train import rundir
from train.cells import Cells, Indices, without
from train.config import Settings
from train.exported import answer
from train.loading import cells_of
from train.stages import Call, train_on, train_qat_on
from train.teachers import read_teachers

SPLITS = ("TRAIN", "TEST")
REPORT_NAME, INT8_REPORT_NAME = "crossval.json", "crossval-int8.json"
ANSWERS_NAME = "probabilities.npz"

Probabilities = npt.NDArray[np.float32]


@dataclass(frozen=True)
class CrossValidation:
    """The pooled answers: `probabilities` float32 [n, classes] of `cells`' images, each by the network blind to it.

    `int8` is the report of the same networks after fine-tuning for int8, where that was asked for; `agreement` the
    share of images that get the same label from both.
    """

    cells: Cells
    probabilities: Probabilities
    report: EvalReport
    int8: EvalReport | None = None
    agreement: float | None = None


def cross_validate(
    data: str,
    out: Path,
    *,
    folds: int,
    settings: Settings,
    call: Call,
    splits: Sequence[str] = SPLITS,
    int8: bool = False,
    teachers: Sequence[Path] = (),
) -> CrossValidation:
    """Train a network on all folds but one, for each; go on with what `out` holds of the same run.

    Args:
        data: the data root.
        out: for a run directory a fold (`fold0`, ...), the pooled EvalReport and the probabilities, which
            `python -m train confidence` reads.
        folds: how many parts to deal the groups of source cells into, at least 2; each class evenly.
        settings: of each training. Its prior is taken out as often as they say, or as its own folds ask for.
        call: as of `train_float`.
        splits: which to take together; those that the data set has not are left out.
        int8: whether to fine-tune each fold's network for int8 as well, and to answer with that too.
        teachers: directories of finished cross-validations over the same folds; a fold's network learns from theirs.
            Where the settings want a teacher and none is named, each fold's is trained first, in its run directory.

    Raises LeukoliteError as `train_float`, when none of the splits exists, or before anything is trained when a
    teacher's groups or folds are others.
    """
    started = time.time()
    dataset = _together(data, splits)
    cells, groups = cells_of(
        dataset, folds=folds, settings=settings, groups=call.groups, tell=call.tell, split=call.split
    )
    parts = [without(cells, fold, folds=settings.network.folds, seed=settings.seed) for fold in range(folds)]
    _check_groups(teachers, cells)
    check_folder(out)
    for fold, learned in enumerate(parts) if teachers or not settings.distillation.teacher else ():
        read_teachers(_of_fold(teachers, fold), learned, out=out / f"fold{fold}", how=settings.distillation)
    for name in (ANSWERS_NAME, REPORT_NAME, INT8_REPORT_NAME) if call.resume is False else ():
        (out / name).unlink(missing_ok=True)  # else they would outlive the networks that they are of
    answers = np.zeros((1 + int8, len(cells.images), len(cells.labels)), np.float32)
    for fold, learned in enumerate(parts):
        call.tell(f"fold {fold + 1}/{folds}: {int((cells.folds == fold).sum())} images are held out")
        runs = [out / f"fold{fold}", out / f"fold{fold}-int8"][: len(answers)]
        own = _as_far_as_done(call, runs[0])
        taught = _of_fold(teachers, fold)
        train_on(learned, runs[0], data=data, groups=groups, settings=settings, call=own, teachers=taught)
        for tuned in runs[1:]:
            again = _as_far_as_done(call, tuned)
            train_qat_on(learned, runs[0], tuned, data=data, groups=groups, call=again, own=settings.qat_stage)
        held_out = np.flatnonzero(cells.folds == fold)
        for run, own_answers in zip(runs, answers, strict=True):
            own_answers[held_out] = _answer(run, cells, held_out, settings=settings)
    kept = {
        "probabilities": answers[0],
        "classes": cells.classes,
        "folds": cells.folds,
        "groups": cells.group_numbers(),
    }
    rundir.save_arrays(out / ANSWERS_NAME, **kept, **({"int8": answers[1]} if int8 else {}))
    report = _pool(cells, answers[0], dataset, variant="float32", started=started)
    report.save(out / REPORT_NAME)
    if not int8:
        return CrossValidation(cells, answers[0], report)
    tuned_report = _pool(cells, answers[1], dataset, variant="int8_qat", started=started)
    tuned_report.save(out / INT8_REPORT_NAME)
    agreement = float(np.mean(answers[0].argmax(axis=1) == answers[1].argmax(axis=1)))
    return CrossValidation(cells, answers[0], report, tuned_report, agreement)


def _of_fold(crossvals: Sequence[Path], fold: int) -> list[Path]:
    """The run directories of one fold of some cross-validations."""
    return [directory / f"fold{fold}" for directory in crossvals]


def _check_groups(crossvals: Sequence[Path], cells: Cells) -> None:
    """Raise LeukoliteError when the images or groups of a finished cross-validation are others than the cells'."""
    images, origins = (*cells.images, *cells.unseen), (*cells.origins, *cells.unseen_origins)
    own = {image.name: origin.group for image, origin in zip(images, origins, strict=True)}
    for directory in crossvals:
        report = load_report(directory / REPORT_NAME)
        if {row.path: row.group for row in report.predictions} != own:
            raise LeukoliteError(
                expected=f"the cross-validation in {show(directory)} to be of the same images and groups",
                found="others",
                remedy="cross-validate the teachers with the same --data, --splits and --groups",
            )


def _as_far_as_done(call: Call, run: Path) -> Call:
    """A run that is done is not done again, unless the caller wants all anew; one not begun is no reason to stop."""
    done = (run / rundir.RUN_NAME).is_file() or None
    return replace(call, resume=False if call.resume is False else done, split=None)


def _together(data: str, splits: Sequence[str]) -> Dataset:
    """Some splits of a data root as one data set, or its class folders where it has no splits."""
    every = open_all(data)
    chosen = [dataset for dataset in every if dataset.split in splits or dataset.split is None]
    if not chosen or chosen[0].labels == ("",):
        raise LeukoliteError(
            expected=f"the splits {', '.join(splits)} or class folders below {show(data)}",
            found=", ".join(dataset.split or "images without a label" for dataset in every),
            remedy="choose others with --splits",
        )
    return join(chosen)


def _answer(run: Path, cells: Cells, indices: Indices, *, settings: Settings) -> Probabilities:
    """The probabilities that a finished run's exported network gives some images, float32 [m, classes]."""
    logits = answer(run, cells.images.paths, indices, settings=settings)
    return np.asarray(tf.nn.softmax(logits))


def _pool(cells: Cells, answers: Probabilities, dataset: Dataset, *, variant: str, started: float) -> EvalReport:
    """The EvalReport of all images, those that show no cell among them."""
    best = answers.argmax(axis=1)
    outcomes = [
        Outcome(image.name, image.label, cells.labels[own], float(row[own]))
        for image, row, own in zip(cells.images, answers, best, strict=True)
    ]
    outcomes += [Outcome(image.name, image.label, None, None) for image in cells.unseen]
    return summarize(
        outcomes,
        labels=cells.labels,
        groups=[origin.group for origin in (*cells.origins, *cells.unseen_origins)],
        model={"file": "the network that never saw the image's source", "sha256": cells.digest, "variant": variant},
        data={
            "root": dataset.root.resolve().name,
            "split": f"{dataset.split or 'all'}, cross-validated",
            "sha256": cells.digest,
            "n": len(outcomes),
        },
        provenance=collect(packages=rundir.PACKAGES, started=started),
    )
