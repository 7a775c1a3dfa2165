"""Invokes of bare .tflite files: run by the Python of the device, which is counted meanwhile.

Standard input asks: {"models": {name: path}, "before": N}. Each is invoked N times, and then once between two calls of
os.getppid. Standard output names them in that order, and what versions ran them. It imports nothing of ours, so
that files without a card will do.
"""

import gc
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib import metadata
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter

PACKAGES = ("ai-edge-litert", "numpy")


def answer(models: Mapping[str, str], *, before: int, mark: Callable[[], object] = os.getppid) -> dict[str, Any]:
    """Invoke every model, and `mark` before and after the invoke that counts; what was invoked, in order."""
    gc.collect()
    gc.disable()  # when it runs depends on all that was allocated before
    for path in models.values():
        interpreter = opened(path)
        for _ in range(before):
            interpreter.invoke()
        mark()
        interpreter.invoke()
        mark()
    gc.enable()
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {"counted": list(models), "versions": {"python": platform.python_version(), **versions}}


def opened(path: str) -> Any:
    """An interpreter on one thread with noise in its inputs: what is sparse or still is none."""
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    fill(interpreter)
    return interpreter


def fill(interpreter: Any) -> None:
    """Set every input to noise that is always the same."""
    random = np.random.RandomState(1)
    for given in interpreter.get_input_details():
        # All the codes of eight bits; of wider numbers, small ones.
        noise = random.randint(0, 256, given["shape"])
        interpreter.set_tensor(
            given["index"], (noise / 255 if given["dtype"] == np.float32 else noise).astype(given["dtype"])
        )


if __name__ == "__main__":
    json.dump(answer(**json.load(sys.stdin)), sys.stdout)
