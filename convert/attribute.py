"""Measure where accuracy goes between a pair of runs and the device, and write down what was found."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convert import attribution_report as report
from convert.attribution import Attribution, attribute
from convert.config import Settings
from convert.layers import LayerError, Layers
from convert.release import read_pair
from convert.sheet import write_sheets
from convert.stages import Networks, answer, open_networks
from edge_runtime.dataset import Dataset, digest, open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.evaluation import check_labels
from edge_runtime.files import check_folder, write_atomic, write_json
from edge_runtime.groups import read_groups
from edge_runtime.progress import progress
from edge_runtime.provenance import collect

PACKAGES = ("tensorflow", "tf-keras", "ai-edge-litert", "numpy", "pillow")


@dataclass(frozen=True)
class Inputs:
    """What is measured: the networks, the layers of the int8 one, the images and each one's group if that is known."""

    networks: Networks
    layers: Layers
    dataset: Dataset
    groups: list[str] | None


def open_inputs(float_run: Path, qat_run: Path, *, settings: Settings) -> Inputs:
    """Read, check and convert everything; LeukoliteError where something is missing or does not fit the rest."""
    dataset = open_dataset(settings.data, split=settings.split)
    origins = read_groups(settings.groups).assign(dataset.images) if settings.groups else None
    run, _ = read_pair(float_run, qat_run)
    check_labels(dataset, run["labels"])
    networks = open_networks(float_run, qat_run)
    return Inputs(
        networks=networks,
        layers=Layers(networks.int8, networks.float_of_qat, kernels=networks.kernels),
        dataset=dataset,
        groups=[origin.group for origin in origins] if origins else None,
    )


def measure(inputs: Inputs, out: Path) -> tuple[Attribution, tuple[str, ...]]:
    """Write attribution.json and .md, layers.json, .md and .png, and changed*.png to `out`, which may be new.

    Returns what was found, and a line for each image that could not be read.

    Raises LeukoliteError when `out` cannot be written, before anything is measured, or no image has an answer.
    """
    started, images = time.time(), inputs.dataset.images
    check_folder(out)
    with progress("attribute", total=len(images)) as advance:
        answers = answer(images, inputs.networks, advance=advance, watch=inputs.layers.add)
    if np.isnan(answers.probabilities).all():
        raise LeukoliteError(
            expected="an image that the networks can answer",
            found=f"{len(images)} that are unreadable or show no stained cell",
            remedy="choose another data set",
        )
    found = attribute(
        answers.probabilities,
        [image.name for image in images],
        [image.label for image in images],
        labels=inputs.networks.labels,
        groups=inputs.groups,
        model=inputs.networks.identity,
        data={
            "root": inputs.dataset.root.resolve().name,
            "split": inputs.dataset.split,
            "sha256": digest(images),
        },
        provenance=collect(packages=PACKAGES, started=started),
    )
    save(found, inputs.layers.errors(), out)
    changed = {each.path for each in found.changed}
    paths = {image.name: image.path for image in images if image.name in changed}
    write_sheets(out, found.changed, paths, view=inputs.networks.view, titles=report.TITLES)
    return found, answers.complaints


def save(found: Attribution, layers: list[LayerError], out: Path) -> None:
    """Write all but the sheets."""
    write_json(out / "attribution.json", found.to_json())
    write_atomic(out / "attribution.md", [report.to_markdown(found).encode()])
    write_json(
        out / "layers.json",
        {
            "schema_version": found.schema_version,
            "model": found.model,
            "data": found.data,
            "layers": [layer.to_json() for layer in layers],
            "provenance": found.provenance,
        },
    )
    write_atomic(out / "layers.md", [report.layers_to_markdown(layers).encode()])
    write_atomic(out / "layers.png", [report.draw_layers(layers)])
