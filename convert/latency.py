"""How long one model takes for a picture compared with another: ratios of one run, since times say little."""

import time
from collections.abc import Mapping

import numpy as np

from edge_runtime.golden import golden_input
from edge_runtime.model import Model

ROUNDS = 100
WARM_UP = 5


def invoke_ratios(contents: Mapping[str, bytes], *, base: str) -> dict[str, float]:
    """Each model's median time for one picture, divided by that of `base`; one thread.

    The models take turns, so that whatever else the machine does slows all of them.

    Args:
        contents: the bytes of each .tflite by a name of its own.
        base: one of these names, whose ratio is 1.
    """
    models = {name: Model(content) for name, content in contents.items()}
    pictures = {name: golden_input(height_px=m.height_px, width_px=m.width_px) for name, m in models.items()}
    samples: dict[str, list[float]] = {name: [] for name in models}
    for number in range(WARM_UP + ROUNDS):
        for name, model in models.items():
            started = time.perf_counter()
            model.invoke(pictures[name])
            if number >= WARM_UP:
                samples[name].append(time.perf_counter() - started)
    medians = {name: float(np.median(taken)) for name, taken in samples.items()}
    return {name: median / medians[base] for name, median in medians.items()}
