"""The same images through five stages, from the network that was trained to the one that a device runs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from convert.bundle import describe
from convert.lowering import PIXEL_SCALE, lower, open_logits
from convert.release import read_pair
from edge_runtime.dataset import LabelledImage
from edge_runtime.errors import LeukoliteError
from edge_runtime.files import sha256
from edge_runtime.image import Pixels
from edge_runtime.model import Model, Probabilities
from edge_runtime.progress import Advance
from edge_runtime.view import View, see

KERAS_FLOAT, KERAS_QAT = "keras_float", "keras_qat"
FLOAT32, INT8, REFERENCE = "tflite_float32", "tflite_int8_xnnpack", "tflite_int8_reference"
STAGES = (KERAS_FLOAT, KERAS_QAT, FLOAT32, INT8, REFERENCE)

_AT_ONCE = 32

Answer = Callable[[Pixels], Probabilities]
"""uint8 [n, height, width, 3] to float32 [n, classes], which sum to 1."""


@dataclass(frozen=True)
class Networks:
    """A pair of runs, ready to answer.

    `answers` has one of each of STAGES. `int8` and `float_of_qat` are .tflite of the int8 run, the latter converted
    without integers; `kernels` are its weights before rounding, by the name of their layer. `identity` says which
    networks these are: digests of the float run's weights and of `int8`, the seed and the view.
    """

    answers: Mapping[str, Answer]
    labels: tuple[str, ...]
    view: View
    int8: bytes
    float_of_qat: bytes
    kernels: Mapping[str, npt.NDArray[np.float32]]
    identity: Mapping[str, Any]


@dataclass(frozen=True)
class Answers:
    """`probabilities` float32 [stages, images, classes] in the order of STAGES, NaN where an image has no answer.

    `complaints` has a line for each image that could not be read.
    """

    probabilities: Probabilities
    complaints: tuple[str, ...]


def open_networks(float_run: Path, qat_run: Path) -> Networks:
    """Load and convert both runs.

    Raises LeukoliteError when they do not belong together, as `convert.release.read_pair` does, when one cannot be
    converted, or when XNNPACK does not take the int8 graph on this machine.
    """
    run, fine_tuned = read_pair(float_run, qat_run)
    float32 = lower(float_run / "model", variant="float32")
    int8 = lower(qat_run / "model", variant="int8_qat")
    delegated = Model(int8)
    if not delegated.uses_delegate:
        raise LeukoliteError(
            expected="XNNPACK to take the int8 graph",
            found="an interpreter without it",
            remedy="use a machine whose processor LiteRT recognises, with /proc and /sys",
        )
    card = describe(float32, run, variant="float32", accuracy=None)
    return Networks(
        answers={
            KERAS_FLOAT: partial(_ask, *open_logits(float_run / "model")),
            KERAS_QAT: partial(_ask, *open_logits(qat_run / "model")),
            FLOAT32: _tflite(Model(float32)),
            INT8: _tflite(delegated),
            REFERENCE: _tflite(Model(int8, reference_kernels=True)),
        },
        labels=card.labels,
        view=card.input.seen,
        int8=int8,
        float_of_qat=lower(qat_run / "model", variant="float32"),
        kernels=_kernels(qat_run / "model"),
        identity={
            "float_weights_sha256": fine_tuned["starts_from_sha256"],
            "int8_sha256": sha256(int8),
            "seed": run["settings"]["seed"],
            "view": card.input.view,
        },
    )


def answer(
    images: Sequence[LabelledImage],
    networks: Networks,
    *,
    advance: Advance,
    watch: Callable[[Pixels], None] = lambda batch: None,
) -> Answers:
    """Every stage's answer to every image's main cell or field, each image decoded once and forgotten after.

    Args:
        images: the images.
        networks: the stages and what they are shown.
        advance: called after some images.
        watch: given each batch that the stages saw, uint8 [n, height, width, 3].
    """
    shape = (len(STAGES), len(images), len(networks.labels))
    probabilities, complaints = np.full(shape, np.nan, np.float32), []
    for start in range(0, len(images), _AT_ONCE):
        rows, seen = [], []
        batch = images[start : start + _AT_ONCE]
        for row, image in enumerate(batch, start):
            try:
                pixels = see(image.path, networks.view)
            except LeukoliteError as error:
                complaints.append(f"{image.name}: {error}")
                continue
            if pixels is not None:
                rows.append(row)
                seen.append(pixels)
        if seen:
            shown = np.stack(seen)
            for number, stage in enumerate(STAGES):
                probabilities[number, rows] = networks.answers[stage](shown)
            watch(shown)
        advance(len(batch))
    return Answers(probabilities, tuple(complaints))


def _ask(owner: Any, logits: Any, pixels: Pixels) -> Probabilities:
    """A SavedModel's answers; `owner` is there to keep its variables alive."""
    return tf.nn.softmax(logits(pixels=tf.constant(pixels * PIXEL_SCALE))["logits"]).numpy()


def _tflite(model: Model) -> Answer:
    """A .tflite's answers, one picture after the other."""
    return lambda pixels: np.stack([model.predict(picture) for picture in pixels])


def _kernels(saved_model: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The weights of each layer, output channels last."""
    _owner, logits = open_logits(saved_model)
    named = {variable.name: variable.numpy() for variable in logits.variables}
    return {name.partition("/")[0]: values for name, values in named.items() if name.endswith("/kernel:0")}
