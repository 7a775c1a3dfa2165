"""The two stages from beginning to end: what a command of `train` does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json, sha256
from edge_runtime.groups import sample
from edge_runtime.report import EvalReport, load_report
from train import network, qat, rundir
from train.cells import Cells, seen_by
from train.config import PRESETS, Settings, StageSettings
from train.distribution import Distribution
from train.finish import describe, finish, plain_logits
from train.folds import Split
from train.loading import load_cells
from train.loop import Stage, batches, fit, forward_of, parts_of
from train.source import Tell, is_rehearsal
from train.teachers import ask, read_teachers, recall
from train.tensorboard import TensorBoardLog


@dataclass(frozen=True)
class Call:
    """How a stage is run, none of which changes what it gives.

    `resume` True only goes on with an unfinished run, False always begins anew, None does what fits. Other images than
    those of the run `like` are refused. `split` is who is held out for whom; by default whole groups are dealt evenly.
    """

    tell: Tell
    groups: str | None = None
    resume: bool | None = None
    checkpoint_every: int = 100
    tensorboard: bool = False
    like: Path | None = None
    split: Split | None = None
    distribution: Distribution = field(default_factory=Distribution)


def train_float(
    data: str, out: Path, *, settings: Settings, call: Call, teachers: Sequence[Path] = ()
) -> EvalReport | None:
    """Train the float network and leave its run directory in `out`; returns the held-out report, if it has one.

    `teachers` are run directories of networks that it learns from too, as far as the settings say. Where these want
    one and none is named, it is trained first, in a folder of `out`.
    """
    cells, origin = load_cells(data, settings=settings, groups=call.groups, tell=call.tell, split=call.split)
    if call.like:
        _check_images(read_json(call.like / rundir.RUN_NAME, what="the run.json of a finished run"), cells, call.like)
    return train_on(cells, out, data=data, groups=origin, settings=settings, call=call, teachers=teachers)


def train_on(
    cells: Cells,
    out: Path,
    *,
    data: str,
    groups: str,
    settings: Settings,
    call: Call,
    teachers: Sequence[Path] = (),
) -> EvalReport | None:
    """As `train_float`, on these cells; `data` and `groups` say where they and their groups come from."""
    started = time.time()
    how, named = settings.distillation, teachers
    identity, on_chief = _identity("float", settings, cells), call.distribution.on_chief
    if how.teachers_weight and how.teacher and not teachers and call.distribution.workers == 1:
        if call.resume and rundir.is_done(out, identity=identity, but="teachers_sha256"):
            return _finished(out, call.tell)
        if call.resume and not rundir.is_begun(out) and not rundir.is_begun(out / rundir.TEACHER_NAME):
            rundir.prepare(out, identity=identity, resume=True)  # says that there is nothing to go on with
        teachers, call = _teach(cells, out, data=data, groups=groups, settings=settings, call=call)
    taught = read_teachers(teachers, cells, out=out, how=how, workers=call.distribution.workers)
    digests = {"teachers_sha256": [teacher.weights_sha256 for teacher in taught]} if taught else {}
    identity |= digests
    call.distribution.refuse_others(identity, what="settings and images")
    if on_chief(lambda: rundir.prepare(out, identity=identity, resume=call.resume)):
        return _report(on_chief(lambda: _plain(_finished(out, call.tell))))
    log_share = np.log(cells.source_share)
    lesson = ask(taught, cells, out=out, log_prior=log_share, how=how)
    keras.utils.set_random_seed(settings.seed)
    with call.distribution.scope():
        step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        model = network.build(
            settings.network,
            class_log_share=log_share,
            seed=settings.seed,
            step=step,
            replicas=call.distribution.replicas,
        )
    deployed = network.build_deployed(settings.network, classes=len(cells.labels))
    stage = Stage(
        model=model,
        forward=forward_of(model, towers=settings.network.towers),
        parts=parts_of(model, towers=settings.network.towers),
        evaluated=forward_of(deployed, towers=settings.network.towers),
        refresh=lambda: network.fold(model, deployed, settings.network),
        step=step,
        lesson=lesson,
        settings=settings.float_stage,
        distribution=call.distribution,
        **_common(cells, out, settings=settings, call=call),
    )
    position = fit(stage)
    inputs = _inputs(data, call, call.split)
    if taught and named:
        inputs |= {"teachers": [str(path) for path in named]}
    facts = _facts("float", "float32", data, groups, deployed) | digests | {"inputs": inputs}
    return _report(
        call.distribution.conclude(
            lambda: _plain(finish(stage, deployed, position, settings=settings, started=started, facts=facts))
        )
    )


def _teach(
    cells: Cells, out: Path, *, data: str, groups: str, settings: Settings, call: Call
) -> tuple[list[Path], Call]:
    """Train the network that a run is to be taught by, in a folder of it, or go on with that.

    Returns its directory, and how the run itself is to be gone on with: one that was killed while its teacher learned
    is not begun yet.
    """
    name = settings.distillation.teacher
    if name not in PRESETS:
        raise LeukoliteError(
            expected=f"a preset to be taught by, one of {', '.join(PRESETS)}",
            found=show(name),
            remedy="name --teachers, or train anew by a preset of this version",
        )
    wanted = replace(PRESETS[name], seed=settings.seed, per_class=settings.per_class)
    path = out / rundir.TEACHER_NAME
    is_begun = rundir.is_begun(out)
    # A finished run is done again, and so is its teacher.
    again = call.resume is None and is_begun and (out / rundir.RUN_NAME).is_file()
    is_kept = call.resume is not False and (path / rundir.RUN_NAME).is_file() and not again
    own = replace(call, resume=True if is_kept else False if call.resume is False else None, split=None)
    call.tell(f"first its teacher, of the preset {name}, in {show(path)}")
    train_on(seen_by(wanted.network.view, cells), path, data=data, groups=groups, settings=wanted, call=own)
    return [path], call if is_begun or not call.resume else replace(call, resume=None)


def train_qat(
    data: str, run: Path, out: Path, *, call: Call, change: Callable[[StageSettings], StageSettings] = lambda own: own
) -> EvalReport | None:
    """Fine-tune a float run's network for int8 and leave a run directory in `out`; returns its held-out report, if any.

    `change` gives other settings of this stage than the float run holds.
    """
    before = _read_float_run(run, out)
    settings = rundir.settings_from(before)
    own = change(settings.qat_stage)
    split = call.split or Split.from_inputs(before.get("inputs", {}))
    cells, origin = load_cells(data, settings=settings, groups=call.groups, tell=call.tell, split=split)
    return train_qat_on(cells, run, out, data=data, groups=origin, call=replace(call, split=split), own=own)


def train_qat_on(
    cells: Cells,
    run: Path,
    out: Path,
    *,
    data: str,
    groups: str,
    call: Call,
    own: StageSettings | None = None,
) -> EvalReport | None:
    """As `train_qat`, on these cells; `data` and `groups` say where they and their groups come from.

    `own` are this stage's settings; by default those that the float run holds.
    """
    started = time.time()
    before = _read_float_run(run, out)
    settings = rundir.settings_from(before)
    settings = replace(settings, qat_stage=own or settings.qat_stage)
    _check_images(before, cells, run)
    keras.utils.set_random_seed(settings.seed)
    deployed = network.build_deployed(settings.network, classes=len(cells.labels))
    # Before anything in `out` gives way to what cannot be made then.
    rundir.load_weights(deployed, run)
    lesson = recall(run, log_prior=np.log(cells.source_share), how=settings.distillation)
    start = {"starts_from_sha256": sha256((run / rundir.WEIGHTS_NAME).read_bytes())}
    if rundir.prepare(out, identity=_identity("qat", settings, cells) | start, resume=call.resume):
        return _finished(out, call.tell)
    keras.backend.reset_uids()  # the same names for the same layers, whatever this process made before
    quantized = qat.quantize(deployed)
    stage = Stage(
        model=quantized,
        forward=forward_of(quantized, towers=settings.network.towers),
        step=tf.Variable(0, dtype=tf.int64, trainable=False, name="step"),
        lesson=lesson,
        settings=settings.qat_stage,
        **_common(cells, out, settings=settings, call=call),
    )
    shown = np.array(sample(cells.images, cells.origins, per_class=qat.CALIBRATION_PER_CLASS, seed=settings.seed))
    qat.calibrate(quantized, deployed, (pixels for pixels, _ in batches(stage, shown)))
    if settings.network.blind:
        _keep_untrained(stage)
    position = fit(stage)
    qat.settle_kernels(quantized)  # averaged ranges are not the ranges of averaged kernels
    inputs = _inputs(data, call, call.split) | {"run": str(run)}
    facts = _facts("qat", "int8_qat", data, groups, deployed) | start | {"inputs": inputs}
    return finish(stage, quantized, position, settings=settings, started=started, facts=facts)


def _finished(out: Path, tell: Tell) -> EvalReport | None:
    """The report of a run that there is nothing left to do for."""
    tell(f"{show(out)} is finished")
    path = out / rundir.HELD_OUT_NAME
    return load_report(path) if path.is_file() else None


def _plain(report: EvalReport | None) -> dict[str, Any] | None:
    """A report as JSON, to be sent to other workers."""
    return report.to_json() if report else None


def _report(plain: dict[str, Any] | None) -> EvalReport | None:
    """The report that `_plain` gave."""
    return EvalReport.from_json(plain) if plain else None


def _keep_untrained(stage: Stage) -> None:
    """Keep the held-out logits of post-training quantisation: the same ranges, and no step of training yet."""
    path = stage.directory / rundir.PTQ_NAME
    if not path.is_file():  # else the run is gone on with
        rundir.save_arrays(path, plain=plain_logits(stage), classes=stage.cells.classes, log_share=stage.log_prior)


def _read_float_run(directory: Path, out: Path) -> dict[str, Any]:
    """The run.json of a finished float run, which is not in the directory that the next stage empties."""
    run = read_json(directory / rundir.RUN_NAME, what="the run.json of a finished training run")
    lacking = [part for part in ("settings", "data") if part not in run]
    if run.get("stage") != "float" or lacking:
        raise LeukoliteError(
            expected=f"the run of `train float` at {show(directory)}",
            found=f"one of the stage {run.get('stage')}" + (f" without {', '.join(lacking)}" if lacking else ""),
            remedy="give --run the directory that `train float` wrote",
        )
    if out.resolve() == directory.resolve():
        raise LeukoliteError(
            expected="--out to be another directory than --run", found=show(out), remedy="choose another --out"
        )
    return run


def _check_images(before: dict[str, Any], cells: Cells, run: Path) -> None:
    """Refuse other images or groups than a run was trained on: its held-out figures would not be held out."""
    if before["data"] != describe(cells):
        raise LeukoliteError(
            expected=f"the images and source cells that the run in {show(run)} was trained on",
            found="others (their digest or number differs)",
            remedy="give the same --data and --groups, or train again",
        )


def _identity(stage: str, settings: Settings, cells: Cells) -> dict[str, Any]:
    """What checkpoints belong to. With other folds, towers would be held out on what they were trained on."""
    return {
        "stage": stage,
        "settings": rundir.settings_of_stage(stage, settings),
        "data": cells.digest,
        "folds_sha256": rundir.folds_digest(cells),
    }


def _common(cells: Cells, out: Path, *, settings: Settings, call: Call) -> dict[str, Any]:
    """The fields of both stages' Stage that are alike."""
    watched = call.tensorboard and call.distribution.is_chief
    return {
        "cells": cells,
        "log_prior": np.log(cells.source_share),
        "network": settings.network,
        "augmentation": settings.augmentation,
        "sampling": settings.sampling,
        "directory": out,
        "seed": settings.seed,
        "tell": call.tell,
        "checkpoint_every": call.checkpoint_every,
        "log": TensorBoardLog(out / rundir.TENSORBOARD_NAME) if watched else None,
    }


def _inputs(data: str, call: Call, split: Split | None) -> dict[str, Any]:
    """Where a run's images, groups and folds came from, so that it can be done again."""
    return {"data": data, "groups": call.groups} | (split.to_inputs() if split else {})


def _facts(name: str, variant: str, data: str, groups: str, deployed: keras.Model) -> dict[str, Any]:
    """What a run.json says of its stage."""
    return {
        "stage": name,
        "variant": variant,
        "groups": groups,
        "rehearsal": is_rehearsal(data),
        "parameters": deployed.count_params(),
    }
