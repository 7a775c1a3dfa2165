"""Make a bundle: the converted model with its card, measured on labelled images first."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from convert.calibration import Calibration
from convert.confidence import Confidence
from convert.config import LICENCE, OLDEST_RUNTIME, Settings
from convert.metadata import embed
from edge_runtime import card as cards
from edge_runtime.card import Card, InputSpec
from edge_runtime.classifier import Classifier
from edge_runtime.dataset import open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.evaluation import evaluate
from edge_runtime.files import write_atomic
from edge_runtime.fitness import Limits
from edge_runtime.golden import golden_record
from edge_runtime.groups import read_groups
from edge_runtime.image import BACKGROUND, COLOR_ORDER, DECODE_RULE, RESIZE_RULE
from edge_runtime.model import Model
from edge_runtime.report import EvalReport, summary
from edge_runtime.view import CELL, FIELD, MAX_RED_CELL, MIN_RED_CELL


def make_bundle(
    model: bytes,
    run: Mapping[str, Any],
    *,
    variant: str,
    settings: Settings,
    calibration: Calibration | None = None,
    confidence: Confidence | None = None,
) -> tuple[bytes, EvalReport]:
    """The bundle of a converted model: its metadata, and the card that lacks the figures until they are measured.

    Args:
        model: the bytes of the .tflite, the temperature folded in.
        run: the run.json of the training run behind it.
        variant: one of edge_runtime.card.VARIANTS.
        settings: what to measure it on.
        calibration: the pictures that gave its ranges, if any did.
        confidence: that temperature, and the threshold; default: none.

    Returns:
        Its bytes, and how it did.
    """
    card = describe(
        model,
        run,
        variant=variant,
        accuracy=None,
        calibration=calibration,
        confidence=confidence,
        red_cell_px=settings.red_cell_px,
    )
    described = embed(model, card)
    report = _measure(cards.attach(described, card), settings)
    return cards.attach(described, replace(card, accuracy=summary(report))), report


def input_of(network: Mapping[str, Any], *, red_cell_px: float = 0.0) -> InputSpec:
    """What a network is shown, from the settings in its run.json, and how wide red cells are to be in it, if at all.

    Raises LeukoliteError when its view cannot measure red cells that wide.
    """
    field = (network["image_height_px"], network["image_width_px"])
    crop_px = network["crop_px"]
    height, width = (crop_px, crop_px) if crop_px else field
    shown = InputSpec(
        height=height,
        width=width,
        color_order=COLOR_ORDER,
        resize=RESIZE_RULE,
        decode=DECODE_RULE,
        background=BACKGROUND,
        view=CELL if crop_px else FIELD,
        field_height=field[0],
        field_width=field[1],
        white_balance=network["white_balance"],
        zoom=network["zoom"],
        stain_normalization=network.get("stain_normalization", False),  # not in runs from before there was one
        red_cell_px=red_cell_px,
    )
    if not shown.seen.can_measure:
        shorter = min(field)
        raise LeukoliteError(
            expected=f"a cell view, and red cells of {MIN_RED_CELL * shorter:g} to {MAX_RED_CELL * shorter:g} px in it",
            found=f"{red_cell_px:g} px in a {shown.view} view of {field[1]} x {field[0]}",
            remedy="give --red-cell-px what docs/cells.md says, or leave it out",
        )
    return shown


def describe(
    model: bytes,
    run: Mapping[str, Any],
    *,
    variant: str,
    accuracy: Mapping[str, Any] | None,
    calibration: Calibration | None = None,
    confidence: Confidence | None = None,
    red_cell_px: float = 0.0,
) -> Card:
    """The card of a converted model."""
    loaded, sure = Model(model), confidence or Confidence()
    return Card(
        schema_version=cards.SCHEMA_VERSION,
        labels=tuple(run["labels"]),
        input=input_of(run["settings"]["network"], red_cell_px=red_cell_px),
        normalization={"mean": 0.0, "std": 255.0},
        temperature=sure.temperature,
        abstain_below=sure.abstain_below,
        variant=variant,
        training={
            "data_sha256": run["data"]["sha256"],
            "images": run["data"]["n"],
            "sources": run["data"]["sources"],
            "rehearsal": run["rehearsal"],
            "recipe": run["settings"],
            "operating_point": run["operating_point"],
            "seed": run["settings"]["seed"],
            "commit": run["provenance"]["commit"],
            "calibration": calibration.summary() if calibration else None,
            "confidence": sure.facts,
        },
        accuracy=accuracy,
        golden=golden_record(loaded),
        runtime=OLDEST_RUNTIME,
        licence=LICENCE,
        intended_use=cards.INTENDED_USE,
        fitness=Limits(),
    )


def _measure(bundle: bytes, settings: Settings) -> EvalReport:
    """How a bundle does."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.tflite"
        write_atomic(path, [bundle])
        groups = read_groups(settings.groups) if settings.groups else None
        report, _ = evaluate(Classifier(path), open_dataset(settings.data, split=settings.split), groups=groups)
    return report
