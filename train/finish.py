"""What a trained stage leaves in its run directory; train/rundir.py lists it."""

from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
import tf_keras as keras

from edge_runtime.figures import draw_confusion
from edge_runtime.files import write_json
from edge_runtime.provenance import collect
from edge_runtime.report import EvalReport
from train import network, operating, rundir
from train.cells import Cells
from train.config import Settings
from train.loop import CONFUSION_NAME, Stage, held_out_logits
from train.paired import group_numbers
from train.position import Position


def finish(
    stage: Stage, model: keras.Model, position: Position, *, settings: Settings, started: float, facts: dict[str, Any]
) -> EvalReport:
    """Write everything that the stage hands over; run.json last, since it says that the run is whole.

    Args:
        stage: after `fit`.
        model: the deployed network with the trained weights. Those are kept as they are; the exported one is moved
            to its operating point.
        position: what `fit` returned.
        settings: of the whole run.
        started: time.time() when this sitting began.
        facts: what run.json says of this stage beside.
    """
    out, cells, log_share = stage.directory, stage.cells, stage.log_prior
    rundir.save_weights(model, out)
    plain = plain_logits(stage)
    arrays = {"classes": cells.classes, "log_share": log_share, "groups": group_numbers(cells)}
    rundir.save_arrays(out / operating.LOGITS_NAME, plain=plain, **arrays)
    point = operating.choose(plain, cells.classes, log_share=log_share, fixed=stage.settings.class_prior)
    stage.tell(f"class prior taken out {point.strength} times: held-out lowest TPR {point.lowest_tpr:.4f}")
    network.shift_heads(model, by=(1 - point.strength) * log_share)
    rundir.export(model, out, settings=settings.network)
    logits = (plain - point.strength * log_share).astype(np.float32)
    provenance = collect(packages=rundir.PACKAGES, started=started)
    report = rundir.held_out_report(cells, logits, variant=facts["variant"], directory=out, provenance=provenance)
    draw_confusion({"held out": report}, out / CONFUSION_NAME)
    write_json(
        out / rundir.RUN_NAME,
        {
            "schema_version": rundir.SCHEMA_VERSION,
            **facts,
            "operating_point": asdict(point),
            "settings": rundir.to_plain(settings),
            "labels": list(cells.labels),
            "data": describe(cells),
            "source_share": cells.source_share.tolist(),
            "held_out": {
                "n": report.n,
                "accuracy": report.accuracy,
                "balanced_accuracy": report.balanced_accuracy,
                "groups": report.groups,
            },
            "sittings": position.sittings,
            "provenance": provenance,
        },
    )
    rundir.discard_checkpoints(out)
    return report


def plain_logits(stage: Stage) -> npt.NDArray[np.float32]:
    """Each image's held-out logits with the class prior left in, float32 [n, classes]."""
    return (held_out_logits(stage, np.arange(len(stage.cells.images))) + stage.log_prior).astype(np.float32)


def describe(cells: Cells) -> dict[str, Any]:
    """What a run.json says of its images."""
    return {
        "split": "TRAIN",
        "n": len(cells.images),
        "sha256": cells.digest,
        "folds_sha256": rundir.folds_digest(cells),
        "sources": cells.sources(),
    }
