"""The run directory: what a training stage leaves for `convert` and for whoever wants to repeat it.

run.json        settings, seed, data digest, groups, held-out figures, provenance (written last: the run is done)
settings.json   what the checkpoints belong to
checkpoints/    where training stands (train/checkpoints.py); gone when the run is done
model/          SavedModel of float32 [n, height, width, 3] from 0 to 1 to logits [n, classes]
weights.h5      the weights as trained, the prior taken out once, for the next stage
held_out.json   EvalReport of each TRAIN image by the tower that never saw its source (blind towers only)
held_out_logits.npz   its logits with the prior left in, for `python -m train strength` and `compare`
teachers.npz    of a float run with teachers, their logits, which fine-tuning learns from too (train/teachers.py)
teacher         the run of its own teacher, where none was named
ptq_logits.npz  of an int8 run, the same before the first step of fine-tuning
history.csv, curves.png, confusion.png (held out; of a sample while it trains), tensorboard/ if asked for
"""

import contextlib
import io
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras
from tf_keras.src.saving.legacy import hdf5_format

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import check_folder, read_json, sha256, write_atomic, write_json
from edge_runtime.report import EvalReport, Outcome, summarize
from train.cells import Cells
from train.config import Augmentation, Distillation, NetworkSettings, Settings, StageSettings
from train.loop import CHECKPOINTS_NAME, CONFUSION_NAME, Logits
from train.operating import LOGITS_NAME

SCHEMA_VERSION = 1
RUN_NAME = "run.json"
SETTINGS_NAME = "settings.json"
HELD_OUT_NAME = "held_out.json"
MODEL_NAME = "model"
PTQ_NAME = "ptq_logits.npz"
WEIGHTS_NAME = "weights.h5"
TEACHERS_NAME = "teachers.npz"
TEACHER_NAME = "teacher"
TENSORBOARD_NAME = "tensorboard"
PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "numpy", "pillow")


def prepare(directory: Path, *, identity: Mapping[str, Any], resume: bool | None) -> bool:
    """Make the directory ready for the run of this `identity`; returns whether that run is finished already.

    Args:
        directory: made where there is none.
        identity: settings and images, as JSON holds them.
        resume: True goes on, and refuses where there is nothing to go on with; False begins anew; None goes on with
            an unfinished run, and does a finished one again: who asks for that has changed something, such as code.

    Raises LeukoliteError when the checkpoints of an unfinished run of another identity would be lost, or the directory
    cannot be written.
    """
    path, checkpoints = directory / SETTINGS_NAME, directory / CHECKPOINTS_NAME
    before = _begun_with(path) if path.is_file() and resume is not False else None
    finished = (directory / RUN_NAME).is_file()
    if resume and before == identity and finished:
        discard_checkpoints(directory)  # what a kill left of them while they were being removed
        return True
    unfinished = before is not None and checkpoints.is_dir() and not finished
    if (resume or unfinished) and before != identity:
        raise LeukoliteError(
            expected=f"{show(directory)} to hold {'a' if resume else 'no other'} run of these settings and images",
            found="none" if before is None else ", ".join(_differences(before, identity)),
            remedy="give what that run was begun with, or begin anew with --no-resume or another --out",
        )
    check_folder(directory)
    (directory / RUN_NAME).unlink(missing_ok=True)
    for part in directory.glob(".*.part"):  # what a kill left half-written
        shutil.rmtree(part) if part.is_dir() else part.unlink()
    if not unfinished:
        discard_checkpoints(directory)
        # Not each run leaves all of these: what another one held out would be taken for this one's.
        for name in (PTQ_NAME, TEACHERS_NAME, LOGITS_NAME, HELD_OUT_NAME, CONFUSION_NAME):
            (directory / name).unlink(missing_ok=True)
        write_json(path, identity)
    return False


def is_begun(directory: Path) -> bool:
    """Whether a run was begun there."""
    return (directory / SETTINGS_NAME).is_file()


def is_done(directory: Path, *, identity: Mapping[str, Any], but: str) -> bool:
    """Whether the run of this identity, but for what goes by that name, is finished there."""
    if not is_begun(directory) or not (directory / RUN_NAME).is_file():
        return False
    before = _begun_with(directory / SETTINGS_NAME)
    return {name: value for name, value in before.items() if name != but} == identity


def _begun_with(path: Path) -> dict[str, Any]:
    """What a run was begun with; of settings that its version did not know, their defaults."""
    before: dict[str, Any] = read_json(path, what="the settings of a run")
    with contextlib.suppress(LeukoliteError):  # of a version whose settings differ: the refusal names them
        before = {**before, "settings": settings_of_stage(before.get("stage", ""), settings_from(before))}
    return before


def settings_of_stage(stage: str, settings: Settings) -> dict[str, Any]:
    """What makes the run of a stage another one, as JSON holds it: how it is fine-tuned later does not a float run."""
    plain = to_plain(settings)
    if stage == "float":
        del plain["qat_stage"]
    return plain


def discard_checkpoints(directory: Path) -> None:
    """Remove a run's checkpoints."""
    shutil.rmtree(directory / CHECKPOINTS_NAME, ignore_errors=True)


def _differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """Each differing value of two JSON objects, as `name old, not new`."""
    for name in sorted({*before, *now}):
        old, new = before.get(name, "none"), now.get(name, "none")
        if isinstance(old, dict) and isinstance(new, dict):
            yield from _differences(old, new, f"{prefix}{name}.")
        elif old != new:
            yield f"{prefix}{name} {str(old)[:40]}, not {str(new)[:40]}"


def settings_from(run: Mapping[str, Any]) -> Settings:
    """The settings that a run.json holds; LeukoliteError when they are not whole."""
    try:
        fields = dict(run["settings"])
        network = {"strided": 1, **fields.pop("network")}  # it was no option once
        network["widths"] = tuple(network["widths"])
        return Settings(
            network=NetworkSettings(**network),
            float_stage=StageSettings(**fields.pop("float_stage")),
            qat_stage=StageSettings(**fields.pop("qat_stage")),
            augmentation=Augmentation(**fields.pop("augmentation", {})),
            distillation=Distillation(**fields.pop("distillation", {})),
            **fields,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"a {RUN_NAME} with all settings of this version", found=reason(error), remedy="train again"
        ) from error


def to_plain(settings: Settings) -> dict[str, Any]:
    """Settings as JSON holds them."""
    plain = asdict(settings)
    plain["network"]["widths"] = list(settings.network.widths)
    return plain


def export(model: keras.Model, directory: Path, *, settings: NetworkSettings) -> None:
    """Write the averaged network as a SavedModel whose signature takes pixels from 0 to 1 and gives logits."""
    target, temporary = directory / MODEL_NAME, directory / f".{MODEL_NAME}.part"
    shutil.rmtree(temporary, ignore_errors=True)
    shape = (None, settings.view.height_px, settings.view.width_px, 3)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="pixels")])
    def logits(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": model(pixels, training=False)[1]}

    try:
        tf.saved_model.save(model, str(temporary), signatures={"serving_default": logits})
        shutil.rmtree(target, ignore_errors=True)
        temporary.rename(target)
    except (OSError, tf.errors.OpError) as error:
        raise LeukoliteError(
            expected=f"room to write the network in {show(directory)}",
            found=reason(error),
            remedy="free some space and start again; the last checkpoint is kept",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def save_weights(model: keras.Model, directory: Path) -> None:
    """Write a network's weights, whole or not at all."""
    buffer = io.BytesIO()
    # Keras itself writes to a path only, and on a full disk ends in errors of HDF5 that cannot be caught.
    with h5py.File(buffer, "w") as stored:
        hdf5_format.save_weights_to_hdf5_group(stored, model)
    write_atomic(directory / WEIGHTS_NAME, [buffer.getvalue()])


def load_weights(model: keras.Model, directory: Path) -> None:
    """Set a network's weights to those that `save_weights` wrote; LeukoliteError when there are none that fit."""
    path = directory / WEIGHTS_NAME
    try:
        model.load_weights(str(path))
    except (OSError, KeyError, ValueError) as error:
        raise LeukoliteError(
            expected=f"the weights of this network at {show(path)}",
            found=reason(error)[:300],
            remedy="train it again",
        ) from error


def save_arrays(path: Path, **arrays: npt.NDArray[Any]) -> None:
    """Write named arrays as .npz, whole or not at all."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    write_atomic(path, [buffer.getvalue()])


def folds_digest(cells: Cells) -> str:
    """SHA-256 of who is held out for whom."""
    return sha256(cells.folds.tobytes())


def held_out_report(
    cells: Cells, logits: Logits, *, variant: str, directory: Path, provenance: Mapping[str, Any]
) -> EvalReport:
    """The EvalReport of logits that `train.loop.held_out_logits` gave for all images; saved in the directory."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    outcomes = [
        Outcome(image.name, image.label, cells.labels[int(row.argmax())], float(row.max()))
        for image, row in zip(cells.images, probabilities, strict=True)
    ] + [Outcome(image.name, image.label, None, None) for image in cells.unseen]
    weights = (directory / WEIGHTS_NAME).read_bytes()
    report = summarize(
        outcomes,
        labels=cells.labels,
        groups=[origin.group for origin in (*cells.origins, *cells.unseen_origins)],
        model={"file": "the tower that never saw the image's source", "sha256": sha256(weights), "variant": variant},
        data={"root": "TRAIN, held out", "split": "TRAIN", "sha256": cells.digest, "n": len(outcomes)},
        provenance=provenance,
    )
    report.save(directory / HELD_OUT_NAME)
    return report
