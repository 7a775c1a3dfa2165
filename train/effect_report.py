"""The effect of quantising each layer of a finished float run, as JSON, CSV and a picture."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from edge_runtime import figures
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import check_folder, read_json, write_atomic, write_json
from edge_runtime.groups import sample
from train import qat, rundir
from train.cells import Cells, Indices
from train.config import Settings
from train.folds import Split
from train.loading import load_cells
from train.network import build_deployed
from train.quantization_effect import ACTIVATIONS, BOTH, UNCORRECTED, WEIGHTS, Effect, HeldOut, measure, noise
from train.source import Tell
from train.stream import Stream

NAME = "quantization_effect"
PER_CLASS = 250
_AT_ONCE = 64


def measure_run(data: str, run: Path, out: Path, *, groups: str | None, tell: Tell) -> list[Effect]:
    """Measure the network of a finished float run on a balanced sample of its TRAIN images; the files go to `out`."""
    facts = read_json(run / rundir.RUN_NAME, what="the run.json of a finished float run")
    settings = rundir.settings_from(facts)
    if not settings.network.blind:
        raise LeukoliteError(
            expected=f"a run of blind towers at {show(run)}",
            found="one that holds nothing out",
            remedy="train one with --preset blind",
        )
    split = Split.from_inputs(facts.get("inputs", {}))
    cells, _ = load_cells(data, settings=settings, groups=groups, tell=tell, split=split)
    folds = rundir.folds_digest(cells)
    same = facts["data"]["sha256"] == cells.digest and facts["data"].get("folds_sha256", folds) == folds
    if facts.get("stage") != "float" or not same:
        raise LeukoliteError(
            expected=f"a float run at {show(run)} and the images and groups that it was trained on",
            found=f"one of the stage {facts.get('stage')}" if same else "others",
            remedy="give the run, --data and --groups that belong together",
        )
    check_folder(out)
    deployed = build_deployed(settings.network, classes=len(cells.labels))
    rundir.load_weights(deployed, run)
    quantized = qat.quantize(deployed)
    shown = _sample(cells, per_class=qat.CALIBRATION_PER_CLASS, seed=settings.seed)
    qat.calibrate(quantized, deployed, (pixels for pixels, _ in _stream(cells, settings, shown)))
    chosen = _sample(cells, per_class=PER_CLASS, seed=settings.seed + 1)
    held_out = HeldOut(
        pixels=np.concatenate([pixels.numpy() for pixels, _ in _stream(cells, settings, chosen)]),
        classes=cells.classes[chosen],
        folds=cells.folds[chosen],
        groups=cells.group_numbers()[chosen],
        # The prior has been taken out of these logits once.
        shift=(1 - facts["operating_point"]["strength"]) * np.log(cells.source_share),
    )
    effects = measure(deployed, quantized, held_out)
    save(effects, out, run=str(run), data=facts["data"], n=len(chosen))
    return effects


def save(effects: Sequence[Effect], directory: Path, **facts: Any) -> None:
    """Write quantization_effect.json, .csv and .png; `facts` go into the JSON."""
    rows = [asdict(effect) for effect in effects]
    write_json(directory / f"{NAME}.json", {"schema_version": 1, **facts, "effects": rows})
    for row in rows:
        change = row.pop("balanced_accuracy")
        row["balanced_accuracy_change"] = change["value"]
        row["ci95_low"], row["ci95_high"] = change["ci95"]
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(directory / f"{NAME}.csv", [buffer.getvalue().encode()])
    _draw([effect for effect in effects if effect.tower is None], directory / f"{NAME}.png")


def _sample(cells: Cells, *, per_class: int, seed: int) -> Indices:
    """Some images of each class, spread over its source cells."""
    return np.array(sample(cells.images, cells.origins, per_class=per_class, seed=seed), np.int64)


def _stream(cells: Cells, settings: Settings, indices: Indices) -> Stream:
    """Batches of these images."""
    paths = [image.path for image in cells.images]
    return Stream(paths, indices, batch_size=_AT_ONCE, view=settings.network.view)


def _draw(effects: Sequence[Effect], path: Path) -> None:
    """Signal-to-noise ratio of each part, worst on top, with the share of labels that change behind it."""
    colors = {WEIGHTS: "#1f5fa8", UNCORRECTED: "#a9c4e4", ACTIVATIONS: "#c8651b", BOTH: "#444444"}
    shown = [effect for effect in effects if effect.signal_to_noise_db is not None]
    figure = figures.new_figure(9, 1.2 + 0.27 * len(shown))
    axes = figure.subplots()
    for row, effect in enumerate(shown):
        axes.barh(row, noise(effect), color=colors[effect.part])
        axes.text(noise(effect) + 0.4, row, f"{1 - effect.agreement:.1%} of labels change", va="center", fontsize=7.5)
    axes.set_yticks(range(len(shown)), [f"{effect.layer}: {effect.part}" for effect in shown], fontsize=8)
    axes.set(xlabel="signal-to-noise ratio of the held-out logits in dB (lower is worse)", ymargin=0.01)
    axes.set_xlim(right=1.25 * max((noise(effect) for effect in shown), default=1))  # room for the text
    axes.set_title(f"quantised alone, {shown[0].n:,} images" if shown else "nothing changes", fontsize=10)
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)
    write_atomic(path, [figures.to_png(figure)])
