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
from edge_runtime.image import Pixels
from edge_runtime.model import Model


def answers(models: Mapping[str, str | None], pictures: Mapping[str, str]) -> dict[str, Any]:
    """Of each model its digest, whether XNNPACK runs it, and its answer to each picture."""
    return {name: _of_model(path, pictures) for name, path in models.items()}


def _of_model(path: str | None, pictures: Mapping[str, str]) -> dict[str, Any]:
    """What one model answers."""
    classifier = Classifier(path)
    seen = record(classifier.model, explaining=Classifier(path).load(explaining=True).model)
    found = {}
    for name, picture in pictures.items():
        seen.clear()
        found[name] = {"prediction": _spoken(classifier.classify(picture).to_json()), "crops": list(seen)}
    return {"sha256": classifier.digest, "uses_delegate": classifier.model.uses_delegate, "pictures": found}


def record(model: Model, *, explaining: Model) -> list[dict[str, Any]]:
    """A list that gains, whenever the model is invoked, the digest of its input, the int8 that its SOFTMAX reads (all
    of the network's work), the raw output, and the digests of the feature maps that one for explaining gives of it.
    """
    interpreter, invoke = model._interpreter, model.invoke
    softmax = next(step for step in interpreter._get_ops_details() if step["op_name"] == "SOFTMAX")
    seen: list[dict[str, Any]] = []

    def recorded(pixels: Pixels) -> Any:
        output = invoke(pixels)
        network = interpreter.get_tensor(softmax["inputs"][0])[0]
        maps = [sha256(each.tobytes()) for each in explaining.invoke_all(pixels)[1]]
        seen.append(
            {"pixels": sha256(pixels.tobytes()), "maps": maps, "network": network.tolist(), "output": output.tolist()}
        )
        return output

    model.invoke = recorded  # type: ignore[method-assign]
    return seen


def _spoken(prediction: Mapping[str, Any]) -> dict[str, Any]:
    """What is said in words: labels and boxes, no numbers that follow from the raw output, no times."""
    words = ("label", "abstained", "error")
    cells = [{name: cell[name] for name in ("label", "abstained", "box")} for cell in prediction["cells"]]
    return {**{name: prediction[name] for name in words}, "cells": cells}


if __name__ == "__main__":
    json.dump(answers(**json.load(sys.stdin)), sys.stdout)
