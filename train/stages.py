"""The two stages from beginning to end: what a command of `train` does."""

import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json, sha256, write_json
from edge_runtime.progress import progress
from edge_runtime.provenance import collect
from edge_runtime.report import EvalReport
from train import network, operating, qat, rundir
from train.cells import Cells, drop_unreadable, find_groups, gather, open_training_data, sample
from train.config import Settings, StageSettings
from train.history import Epoch, draw_curves
from train.loop import Stage, batches, fit, forward_of, held_out_logits
from train.source import Tell, is_rehearsal


def train_float(data: str, out: Path, *, settings: Settings, groups: str | None, tell: Tell) -> EvalReport:
    """Train the float network and leave its run directory in `out`; returns the held-out report."""
    started = time.time()
    cells, origin = load_cells(data, settings=settings, groups=groups, tell=tell)
    rundir.prepare(out, identity=_identity("float", settings, cells))
    keras.utils.set_random_seed(settings.seed)
    log_share = np.log(cells.source_share)
    model = network.build(settings.network, class_log_share=log_share)
    stage = _stage(model, cells, out, settings=settings, own=settings.float_stage, log_prior=log_share, tell=tell)
    history = fit(stage)
    deployed = network.fold(model, settings.network, classes=len(cells.labels))
    facts = _facts("float", "float32", data, origin, deployed)
    return _finish(out, deployed, stage, history, settings=settings, started=started, facts=facts)


def train_qat(data: str, run: Path, out: Path, *, groups: str | None, tell: Tell) -> EvalReport:
    """Fine-tune a float run's network for int8 and leave a run directory in `out`; returns the held-out report."""
    started = time.time()
    before = _read_float_run(run, out)
    settings = rundir.settings_from(before)
    cells, origin = load_cells(data, settings=settings, groups=groups, tell=tell)
    _check_images(before, cells, run)
    weights = run / rundir.WEIGHTS_NAME
    start = {"starts_from_sha256": sha256(weights.read_bytes())}
    rundir.prepare(out, identity=_identity("qat", settings, cells) | start)
    keras.utils.set_random_seed(settings.seed)
    deployed = network.build_deployed(settings.network, classes=len(cells.labels))
    deployed.load_weights(str(weights))
    quantized = qat.quantize(deployed)
    log_share = np.log(cells.source_share)
    stage = _stage(quantized, cells, out, settings=settings, own=settings.qat_stage, log_prior=log_share, tell=tell)
    shown = np.array(sample(cells.images, cells.origins, per_class=qat.CALIBRATION_PER_CLASS, seed=settings.seed))
    qat.calibrate(quantized, deployed, (pixels for pixels, _ in batches(stage, shown)))
    history = fit(stage)
    qat.settle_kernels(quantized, next(iter(batches(stage, shown)))[0])
    facts = _facts("qat", "int8_qat", data, origin, deployed)
    return _finish(out, quantized, stage, history, settings=settings, started=started, facts=facts)


def use_cores() -> None:
    """Let the towers run beside each other, an operator on one thread each; for the start of a process.

    On two cores that trains a fifth more images a second than several threads for each small operator.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(os.cpu_count() or 1)
    tf.config.list_logical_devices()  # starts them now, with all that their drivers have to say


def load_cells(data: str, *, settings: Settings, groups: str | None, tell: Tell) -> tuple[Cells, str]:
    """The cells of a data root as the settings want them, and where their groups come from."""
    dataset = open_training_data(data)
    for name in dataset.ignored:
        tell(f"{name}: ignored, its name does not end as an image's does")
    found, path = find_groups(dataset, groups)
    shape = settings.network
    with progress("check", total=len(dataset.images)) as advance:
        images, complaints = drop_unreadable(
            dataset.images, height_px=shape.image_height_px, width_px=shape.image_width_px, advance=advance
        )
    for complaint in complaints:
        tell(f"left out: {complaint}")
    cells = gather(dataset, images, groups=found, folds=shape.towers, per_class=settings.per_class, seed=settings.seed)
    origin = path.name if path else "none, so that each image is taken for a cell of its own"
    counts = ", ".join(f"{label} {count}" for label, count in cells.sources().items())
    tell(f"{len(cells.images)} images; source cells: {counts} (groups: {origin})")
    return cells, origin


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
    if before["data"] != _data(cells):
        raise LeukoliteError(
            expected=f"the images and source cells that the run in {show(run)} was trained on",
            found="others (their digest or number differs)",
            remedy="give the same --data and --groups, or train again",
        )


def _identity(stage: str, settings: Settings, cells: Cells) -> dict[str, Any]:
    """What checkpoints belong to. With other folds, towers would be held out on what they were trained on."""
    folds = sha256(cells.folds.tobytes())
    return {"stage": stage, "settings": rundir.to_plain(settings), "data": cells.digest, "folds_sha256": folds}


def _data(cells: Cells) -> dict[str, Any]:
    """What a run.json says of its images."""
    return {"split": "TRAIN", "n": len(cells.images), "sha256": cells.digest, "sources": cells.sources()}


def _stage(
    model: keras.Model,
    cells: Cells,
    out: Path,
    *,
    settings: Settings,
    own: StageSettings,
    log_prior: npt.NDArray[np.float64],
    tell: Tell,
) -> Stage:
    """A stage ready to fit."""
    return Stage(
        model=model,
        forward=forward_of(model, towers=settings.network.towers),
        cells=cells,
        log_prior=log_prior,
        network=settings.network,
        settings=own,
        directory=out,
        seed=settings.seed,
        tell=tell,
    )


def _facts(name: str, variant: str, data: str, groups: str, deployed: keras.Model) -> dict[str, Any]:
    """What a run.json says of its stage."""
    return {
        "stage": name,
        "variant": variant,
        "groups": groups,
        "rehearsal": is_rehearsal(data),
        "parameters": deployed.count_params(),
    }


def _finish(
    out: Path,
    model: keras.Model,
    stage: Stage,
    history: list[Epoch],
    *,
    settings: Settings,
    started: float,
    facts: dict[str, Any],
) -> EvalReport:
    """Write everything that the stage hands over; run.json last, since it says that the run is whole.

    The weights are those that were trained; the exported model is moved to its operating point.
    """
    model.save_weights(str(out / rundir.WEIGHTS_NAME))
    log_share = stage.log_prior
    plain = (held_out_logits(stage, np.arange(len(stage.cells.images))) + log_share).astype(np.float32)
    np.savez_compressed(out / operating.LOGITS_NAME, plain=plain, classes=stage.cells.classes, log_share=log_share)
    point = operating.choose(plain, stage.cells.classes, log_share=log_share, fixed=stage.settings.class_prior)
    stage.tell(f"class prior taken out {point.strength} times: held-out lowest TPR {point.lowest_tpr:.4f}")
    network.shift_heads(model, by=(1 - point.strength) * log_share)
    rundir.export(model, out, settings=settings.network)
    logits = (plain - point.strength * log_share).astype(np.float32)
    provenance = collect(packages=rundir.PACKAGES, started=started)
    draw_curves(out, history)
    report = rundir.held_out_report(stage.cells, logits, variant=facts["variant"], directory=out, provenance=provenance)
    cells = stage.cells
    write_json(
        out / rundir.RUN_NAME,
        {
            "schema_version": rundir.SCHEMA_VERSION,
            **facts,
            "operating_point": asdict(point),
            "settings": rundir.to_plain(settings),
            "labels": list(cells.labels),
            "data": _data(cells),
            "source_share": cells.source_share.tolist(),
            "held_out": {
                "n": report.n,
                "accuracy": report.accuracy,
                "balanced_accuracy": report.balanced_accuracy,
                "groups": report.groups,
            },
            "provenance": provenance,
        },
    )
    return report
