"""The reference workload: work that never changes, done between the calls that are measured.

What a machine needs for it is the unit of all ratios: a faster processor, a lower clock and a busy neighbour change
both alike. It has three parts, each about 0.4 ms on a PC and of the kinds that a picture's way through the runtime has:
whole numbers and floats in numpy (decoding, finding cells), and a small int8 network in LiteRT
(benchmarks/workload_model.py). A change to any of them is a new unit, and a new `latency.SCHEMA_VERSION`.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from ai_edge_litert.interpreter import Interpreter

from edge_runtime.errors import LeukoliteError, show
from edge_runtime.native import hushed
from edge_runtime.timing import Clock

MODEL = Path(__file__).with_name("workload.tflite")

PARTS = ("integer", "float", "network")
REPEATS = 3
"""Each part is done so often in a visit: the first time it fetches its numbers into the caches again."""

_NUMBERS = 1 << 12  # of 4 bytes: two arrays of them are in the first cache of a Raspberry Pi 4 (32 kB) and stay there
_CACHE_LINE = 64
_INTEGER_ROUNDS, _FLOAT_ROUNDS, _INVOKES = 250, 200, 3  # so that the parts take about as long as one another

Visit = Mapping[str, tuple[float, ...]]
"""The milliseconds of each part of PARTS, REPEATS of them."""


class Workload:
    """The three parts, ready to be run. Each does the same work in every visit, on one thread."""

    def __init__(self, *, clock: Clock = time.perf_counter) -> None:
        """Load the network and lay out the numbers; LeukoliteError when the network's file cannot be used."""
        self._clock = clock
        self._interpreter = _load()
        self._integers = _aligned(np.arange(_NUMBERS, dtype=np.uint32))
        self._floats = _aligned(np.linspace(0.1, 0.9, _NUMBERS, dtype=np.float32))
        self._rest = _aligned(np.zeros(_NUMBERS, np.float32))
        self._parts: Mapping[str, Callable[[], object]] = dict(
            zip(PARTS, (self._integer, self._float, self._network), strict=True)
        )

    def visit(self) -> dict[str, tuple[float, ...]]:
        """Do every part REPEATS times; the times as a Visit."""
        return {part: tuple(self._timed(call) for _ in range(REPEATS)) for part, call in self._parts.items()}

    def _timed(self, call: Callable[[], object]) -> float:
        """The milliseconds of a call."""
        started = self._clock()
        call()
        return 1e3 * (self._clock() - started)

    def _integer(self) -> None:
        """A linear congruential generator (Numerical Recipes' constants), all lanes at once, in place."""
        values = self._integers
        for _ in range(_INTEGER_ROUNDS):
            np.multiply(values, np.uint32(1_664_525), out=values)
            np.add(values, np.uint32(1_013_904_223), out=values)

    def _float(self) -> None:
        """A logistic map at 3.7, which stays between 0 and 1 for ever and never at rest."""
        values, rest = self._floats, self._rest
        for _ in range(_FLOAT_ROUNDS):
            np.subtract(np.float32(1), values, out=rest)
            np.multiply(values, rest, out=values)
            np.multiply(values, np.float32(3.7), out=values)

    def _network(self) -> None:
        """The network on one picture."""
        for _ in range(_INVOKES):
            self._interpreter.invoke()


def _aligned(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """A copy that begins with a cache line: numpy begins anywhere, which made these kernels 5 % slower or not."""
    room = np.zeros(values.nbytes + _CACHE_LINE, np.uint8)
    begin = -room.ctypes.data % _CACHE_LINE
    copy = room[begin : begin + values.nbytes].view(values.dtype)
    copy[:] = values
    return copy


def _load() -> Interpreter:
    """The network with a picture in it."""
    try:
        with hushed():
            interpreter = Interpreter(model_content=MODEL.read_bytes(), num_threads=1)
            interpreter.allocate_tensors()
    except (OSError, ValueError, RuntimeError) as error:
        raise LeukoliteError(
            expected=f"the reference workload's network at {show(MODEL)}",
            found=" ".join(str(error).split()) or type(error).__name__,
            remedy="make it again with `python -m benchmarks workload`",
        ) from error
    (given,) = interpreter.get_input_details()
    picture = np.random.RandomState(1).randint(0, 256, given["shape"]).astype(given["dtype"])
    interpreter.set_tensor(given["index"], picture)
    return interpreter
