"""What leukolite answers, as JSON: run by the Python of the device and by this machine's, with the installed wheel.

Standard input names models and pictures: {"models": {name: path, or null for the shipped one}, "pictures": {name:
path}}. It imports nothing of the checkout.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from edge_runtime import Classifier
from edge_runtime.files import sha256
from edge_runtime.image import decode_field
from edge_runtime.view import cut


def answers(models: Mapping[str, str | None], pictures: Mapping[str, str]) -> dict[str, Any]:
    """Of each model its digest, whether XNNPACK runs it, and its answer to each picture."""
    return {name: _of_model(Classifier(path), pictures) for name, path in models.items()}


def _of_model(classifier: Classifier, pictures: Mapping[str, str]) -> dict[str, Any]:
    """What one model answers."""
    return {
        "sha256": classifier.digest,
        "uses_delegate": classifier.model.uses_delegate,
        "pictures": {name: _of_picture(classifier, path) for name, path in pictures.items()},
    }


def _of_picture(classifier: Classifier, path: str) -> dict[str, Any]:
    """The pixels that the model sees, its raw outputs for them, and all of the prediction but path and times."""
    view = classifier.card.input.seen
    field = decode_field(path, height_px=view.field_height_px, width_px=view.field_width_px)
    crops, _ = cut(field.pixels, view)
    prediction = classifier.classify(path).to_json()
    del prediction["path"], prediction["latency_ms"]
    return {
        "pixels": sha256(crops.tobytes()),
        "outputs": [classifier.model.invoke(crop).tolist() for crop in crops],
        "prediction": prediction,
    }


if __name__ == "__main__":
    json.dump(answers(**json.load(sys.stdin)), sys.stdout)
