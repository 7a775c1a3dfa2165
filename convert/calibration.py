"""The pictures that post-training quantisation takes its ranges from: TRAIN's alone, balanced, each one on record."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from convert.config import Settings
from edge_runtime.dataset import digest, open_dataset
from edge_runtime.errors import LeukoliteError
from edge_runtime.groups import Origin, read_groups, sample
from edge_runtime.image import Pixels
from edge_runtime.view import View, see

SPLIT = "TRAIN"


@dataclass(frozen=True)
class Calibration:
    """Which images were taken, and what the model sees of them.

    `indices` count from 0 in the split's images, sorted by name, of which `data_sha256` is the digest. `skipped` were
    chosen and could not be read, or show no cell to this view.
    `pixels` is uint8 [len(indices), height, width, 3], RGB.
    """

    split: str
    data_sha256: str
    per_class: int
    seed: int
    indices: tuple[int, ...]
    names: tuple[str, ...]
    skipped: tuple[str, ...]
    pixels: Pixels

    def summary(self) -> dict[str, Any]:
        """The part that fits a card."""
        return {
            "split": self.split,
            "data_sha256": self.data_sha256,
            "n": len(self.indices),
            "per_class": self.per_class,
            "seed": self.seed,
        }

    def to_json(self) -> dict[str, Any]:
        """Everything but the pixels."""
        lists = {"indices": list(self.indices), "names": list(self.names), "skipped": list(self.skipped)}
        return {**self.summary(), **lists}


def choose(view: View, *, settings: Settings) -> Calibration:
    """As many images of each class of TRAIN as the settings say, taken in turn from its groups of source cells.

    Raises LeukoliteError when there is no TRAIN split, or not one image that the view shows something of.
    """
    dataset = open_dataset(settings.data, split=SPLIT)
    groups = read_groups(settings.groups) if settings.groups else None
    found = [groups.find(image) if groups else None for image in dataset.images]
    origins = [origin or Origin(image.name, image.name) for origin, image in zip(found, dataset.images, strict=True)]
    chosen = sample(dataset.images, origins, per_class=settings.calibration_per_class, seed=settings.calibration_seed)
    seen: dict[int, Pixels] = {}
    for index in chosen:
        try:
            pixels = see(dataset.images[index].path, view)
        except LeukoliteError:
            continue
        if pixels is not None:
            seen[index] = pixels
    if not seen:
        raise LeukoliteError(
            expected=f"images of {SPLIT} to calibrate int8 on",
            found=f"none of {len(chosen)} that can be read and shows a cell",
            remedy="name the data set that the network was trained on",
        )
    return Calibration(
        split=SPLIT,
        data_sha256=digest(dataset.images),
        per_class=settings.calibration_per_class,
        seed=settings.calibration_seed,
        indices=tuple(seen),
        names=tuple(dataset.images[index].name for index in seen),
        skipped=tuple(dataset.images[index].name for index in chosen if index not in seen),
        pixels=np.stack(list(seen.values())),
    )
