"""The way from a JPEG's bytes to a label, stage by stage: run by the Python of the device, which is counted meanwhile.

Standard input asks: {"models": {name: path}, "picture": path of an image or null for a generated one, "times":
{stage: [N, K]}}. Each stage is called N times and then, between two calls of os.getppid, K times: so whatever happens
once (imports, the interpreter, the first allocations) is in none of the counts. Standard output says what was counted,
in that order. It imports nothing of the checkout.
"""

import gc
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError
from edge_runtime.files import sha256
from edge_runtime.image import decode_field
from edge_runtime.provenance import version
from edge_runtime.sample import sample_jpeg
from edge_runtime.trial import PACKAGES
from edge_runtime.view import cut

Stage = Callable[[], object]


def answer(
    models: Mapping[str, str], *, picture: str | None, times: Mapping[str, Sequence[int]], mark: Stage = os.getppid
) -> dict[str, Any]:
    """Call every stage of every model, and `mark` before and after what is to be counted; what was called, in order."""
    content = sample_jpeg() if picture is None else Path(picture).read_bytes()
    opened = {name: Classifier(path).load() for name, path in models.items()}
    counted = []
    gc.collect()
    gc.disable()  # when it runs depends on all that was allocated before
    for name, classifier in opened.items():
        for stage, call in stages(classifier, content).items():
            before, counting = times[stage]
            repeat(call, before)
            mark()
            repeat(call, counting)
            mark()
            counted.append([name, stage])
    gc.enable()
    return {
        "counted": counted,
        "models": {name: _described(classifier) for name, classifier in opened.items()},
        "picture_sha256": sha256(content),
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
    }


def stages(classifier: Classifier, content: bytes) -> dict[str, Stage]:
    """The stages that can be called by themselves, and the whole; what is left of it is called postprocessing.

    Raises LeukoliteError for a picture that shows the model not exactly one cell: an invoke each would be counted.
    """
    view, model = classifier.card.input.seen, classifier.model
    size = {"height_px": view.field_height_px, "width_px": view.field_width_px}
    pixels = decode_field(content, **size).pixels
    crops, _ = cut(pixels, view)
    if len(crops) != 1:
        raise LeukoliteError(
            expected="a picture with one stained cell", found=str(len(crops)), remedy="take another picture"
        )
    return {
        "decode": lambda: decode_field(content, **size),
        "locate": lambda: cut(pixels, view),
        "invoke": lambda: model.invoke(crops[0]),
        "end_to_end": lambda: classifier.classify(content),
    }


def repeat(call: Stage, times: int) -> None:
    """Call it so often."""
    for _ in range(times):
        call()


def _described(classifier: Classifier) -> dict[str, str]:
    """Which model it is."""
    return {"sha256": classifier.digest, "variant": classifier.card.variant, "view": classifier.card.input.seen.kind}


if __name__ == "__main__":
    json.dump(answer(**json.load(sys.stdin)), sys.stdout)
