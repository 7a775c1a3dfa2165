"""The run directory: what a training stage leaves for `convert` and for whoever wants to repeat it.

run.json        settings, seed, data digest, groups, held-out figures, provenance (written last: the run is done)
settings.json   what the checkpoints belong to
model/          SavedModel of float32 [n, height, width, 3] from 0 to 1 to logits [n, classes]
weights.h5      the weights as trained, the prior taken out once, for the next stage
held_out.json   EvalReport of each TRAIN image by the tower that never saw its source
held_out_logits.npz   its logits with the prior left in, for `python -m train strength`
history.csv, curves.png, checkpoints/
"""

import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from edge_runtime.errors import LeukoliteError, reason
from edge_runtime.files import read_json, sha256, write_json
from edge_runtime.report import EvalReport, Outcome, summarize
from train.cells import Cells
from train.config import NetworkSettings, Settings, StageSettings
from train.loop import Logits

SCHEMA_VERSION = 1
RUN_NAME = "run.json"
SETTINGS_NAME = "settings.json"
HELD_OUT_NAME = "held_out.json"
MODEL_NAME = "model"
WEIGHTS_NAME = "weights.h5"
PACKAGES = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "numpy", "pillow")


def prepare(directory: Path, *, identity: Mapping[str, Any]) -> bool:
    """Make the directory ready; checkpoints of other settings or data, or of a finished run, are removed.

    Returns whether checkpoints of the same `identity` are there to go on from.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / SETTINGS_NAME
    # Who starts a finished run again has changed something, the code for instance: its checkpoints are no start.
    unfinished = path.is_file() and not (directory / RUN_NAME).is_file()
    same = unfinished and read_json(path, what="the settings of a run") == identity
    (directory / RUN_NAME).unlink(missing_ok=True)
    if not same:
        shutil.rmtree(directory / "checkpoints", ignore_errors=True)
        write_json(path, identity)
    return same and (directory / "checkpoints" / "checkpoint").is_file()


def settings_from(run: Mapping[str, Any]) -> Settings:
    """The settings that a run.json holds; LeukoliteError when they are not whole."""
    try:
        fields = dict(run["settings"])
        network = {**fields.pop("network")}
        network["widths"] = tuple(network["widths"])
        return Settings(
            network=NetworkSettings(**network),
            float_stage=StageSettings(**fields.pop("float_stage")),
            qat_stage=StageSettings(**fields.pop("qat_stage")),
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
    shape = (None, settings.image_height_px, settings.image_width_px, 3)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, name="pixels")])
    def logits(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"logits": model(pixels, training=False)[1]}

    tf.saved_model.save(model, str(temporary), signatures={"serving_default": logits})
    shutil.rmtree(target, ignore_errors=True)
    temporary.rename(target)


def held_out_report(
    cells: Cells, logits: Logits, *, variant: str, directory: Path, provenance: Mapping[str, Any]
) -> EvalReport:
    """The EvalReport of logits that `train.loop.held_out_logits` gave for all images; saved in the directory."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    outcomes = [
        Outcome(image.name, image.label, cells.labels[int(row.argmax())], float(row.max()))
        for image, row in zip(cells.images, probabilities, strict=True)
    ]
    weights = (directory / WEIGHTS_NAME).read_bytes()
    report = summarize(
        outcomes,
        labels=cells.labels,
        groups=[origin.group for origin in cells.origins],
        model={"file": "the tower that never saw the image's source", "sha256": sha256(weights), "variant": variant},
        data={"root": "TRAIN, held out", "split": "TRAIN", "sha256": cells.digest, "n": len(cells.images)},
        provenance=provenance,
    )
    report.save(directory / HELD_OUT_NAME)
    return report
