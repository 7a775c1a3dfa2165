"""What a finished run's exported network answers."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.progress import progress
from train.cells import Indices
from train.config import Settings
from train.rundir import MODEL_NAME
from train.stream import Stream, to_unit


def answer(run: Path, paths: Sequence[str], indices: Indices, *, settings: Settings) -> npt.NDArray[np.float32]:
    """The logits of some images, float32 [len(indices), classes], at the run's operating point.

    Args:
        run: its directory.
        paths: of all images.
        indices: int64 [m], which of them, in order.
        settings: the run's own, for what its network sees of an image.

    Raises LeukoliteError when there is no such network, or an image cannot be read or shows it nothing.
    """
    try:
        loaded = tf.saved_model.load(str(run / MODEL_NAME))
    except (OSError, tf.errors.OpError) as error:
        raise LeukoliteError(
            expected=f"the network of a finished run in {show(run)}", found=reason(error), remedy="train it again"
        ) from error
    logits = loaded.signatures["serving_default"]
    stream = Stream(paths, indices, batch_size=settings.float_stage.batch_size, view=settings.network.view)
    parts = []
    with progress("answer", total=len(indices)) as advance:
        for pixels, which in stream:
            parts.append(logits(pixels=to_unit(pixels))["logits"].numpy())
            advance(len(which))
    return np.concatenate(parts)
