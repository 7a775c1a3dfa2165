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
from train.position import Position


def finish(
    stage: Stage, model: keras.Model, position: Position, *, settings: Settings, started: float, facts: dict[str, Any]
) -> EvalReport | None:
    """Write everything that the stage hands over; run.json last, since it says that the run is whole.

    Returns the held-out report; None where no tower is blind to any source cell.

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
    plain = _keep_held_out(stage) if settings.network.blind else None
    point = _operating_point(stage, plain)
    network.shift_heads(model, by=(1 - point.strength) * log_share)
    rundir.export(model, out, settings=settings.network)
    provenance = collect(packages=rundir.PACKAGES, started=started)
    report = None
    if plain is not None:
        logits = (plain - point.strength * log_share).astype(np.float32)
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
            "held_out": report
            and {
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


def _keep_held_out(stage: Stage) -> npt.NDArray[np.float32]:
    """`plain_logits`, kept for `train strength` and `train compare`."""
    cells, plain = stage.cells, plain_logits(stage)
    arrays = {"classes": cells.classes, "log_share": stage.log_prior, "groups": cells.group_numbers()}
    rundir.save_arrays(stage.directory / operating.LOGITS_NAME, plain=plain, **arrays)
    return plain


def _operating_point(stage: Stage, plain: npt.NDArray[np.float32] | None) -> operating.OperatingPoint:
    """How often the class prior is taken out, and what that gives on what is held out, if anything is."""
    fixed = stage.settings.class_prior
    if plain is None:
        point = operating.OperatingPoint(fixed or 0.0, None, None)
        stage.tell(f"class prior taken out {point.strength} times; nothing is held out")
        return point
    point = operating.choose(plain, stage.cells.classes, log_share=stage.log_prior, fixed=fixed)
    stage.tell(f"class prior taken out {point.strength} times: held-out lowest TPR {point.lowest_tpr:.4f}")
    return point


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
