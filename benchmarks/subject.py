"""What one measurement is about: a loaded model in its role, and the picture it is shown."""

import os
from dataclasses import dataclass

from benchmarks.config import ROLES
from benchmarks.picture import Picture
from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError
from edge_runtime.golden import golden_input
from edge_runtime.image import Pixels
from edge_runtime.view import CELL, see

ACCURACY = ("accuracy", "accuracy_ci95_by_source", "n", "split", "data_sha256")
"""What of the card's accuracy is kept with each measurement, so that a report can set it against the time."""


@dataclass(frozen=True)
class Subject:
    """A model and a picture. The card's variant says which kind of int8 the model of role `int8` is."""

    role: str
    classifier: Classifier
    picture: Picture
    num_threads: int

    @property
    def size_px(self) -> dict[str, int]:
        """The size that pictures are decoded to for this model, as `edge_runtime.image.decode` takes it."""
        view = self.classifier.card.input.seen
        return {"height_px": view.field_height_px, "width_px": view.field_width_px}

    @property
    def looks_for_cells(self) -> bool:
        """Whether the model is shown crops around cells, which must be found first."""
        return self.classifier.card.input.seen.kind == CELL

    @property
    def pixels(self) -> Pixels:
        """What the model is shown of the picture; a made-up crop where a model of cells finds none in it."""
        view = self.classifier.card.input.seen
        seen = see(self.picture.content, view)
        return golden_input(height_px=view.height_px, width_px=view.width_px) if seen is None else seen

    def about(self, stage: str, *, batch: int = 1) -> dict[str, object]:
        """What was measured, as `benchmarks.latency` reads it back; `batch` is the number of images in a sample."""
        said = self.classifier.card.accuracy
        return {
            "stage": stage,
            "role": self.role,
            "variant": self.classifier.card.variant,
            "model_file": self.classifier.path.name,
            "model_sha256": self.classifier.digest,
            "model_bytes": self.classifier.path.stat().st_size,
            "view": self.classifier.card.input.view,
            "accuracy": {name: said.get(name) for name in ACCURACY} if said else None,
            "rehearsal": bool(self.classifier.card.training.get("rehearsal")),
            "training_seed": self.classifier.card.training.get("seed"),
            "uses_delegate": self.classifier.model.uses_delegate,
            "input_px": list(self.size_px.values()),
            "image": self.picture.name,
            "image_sha256": self.picture.digest,
            "num_threads": self.num_threads,
            "batch": batch,
        }


def load(model: str | os.PathLike[str], *, role: str, picture: Picture, num_threads: int = 1) -> Subject:
    """Load a bundle for a role; LeukoliteError when it is of the other, since all ratios would be upside down."""
    classifier = Classifier(model, num_threads=num_threads).load()
    if role in ROLES and not classifier.card.variant.startswith(role):
        raise LeukoliteError(
            expected=f"a bundle of variant {role} for the {role} model",
            found=f"{classifier.card.variant} in {classifier.path.name}",
            remedy="name the other file",
        )
    return Subject(role=role, classifier=classifier, picture=picture, num_threads=num_threads)
