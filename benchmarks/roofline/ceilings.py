"""What a machine could do at best: multiply-adds a second by LiteRT's own kernels, bytes a second by numpy's copy.

The peak is what the runtime can reach, and not what the processor's data sheet adds up to: convolutions whose channels
fill every vector, several in a row, of sizes that suit one cache or another; the fastest of them counts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.graph import Graph
from benchmarks.workload_model import convolve

SHAPES = ((1, 128, 16), (1, 512, 12), (3, 64, 16), (3, 128, 12), (3, 128, 16))
"""Kernel, channels and side. Of int8, a layer's weights take 16 to 256 kB: from the first cache to the second."""
KINDS = {"INT8": "int8", "FLOAT32": "float32"}
"""What is multiplied, as the schema calls it and as numpy does."""
DEPTH = 4
"""Layers in a row, so that the call itself is below a hundredth."""

_UNIT = {"K": 1024, "M": 1024**2, "G": 1024**3}
_BEYOND = 4
"""What is copied is so many times the largest cache, so that little of it is still there the next time."""
_LEAST_BYTES, _MOST_BYTES = 64 * 2**20, 512 * 2**20
_USUAL_CACHE = 512 * 1024  # of one core, where the kernel does not tell


@dataclass(frozen=True)
class Cache:
    """One cache of processor 0, as the kernel tells it."""

    level: int
    kind: str
    size_bytes: int


def peak_network(dtype: npt.DTypeLike, *, kernel: int, channels: int, side: int) -> bytes:
    """DEPTH convolutions, int8 or float32, of so many channels on `side` x `side` places."""
    graph, random, kind = Graph(), np.random.RandomState(1), np.dtype(dtype)
    last = graph.tensor((1, side, side, channels), kind.type, 6 / 255, -128)
    for _ in range(DEPTH):
        weights = random.randint(-127, 128, (channels, kernel, kernel, channels)).astype(kind)
        last = convolve(graph, last, weights / np.float32(channels) if kind == np.float32 else weights, side=side)
    graph.model.subgraphs[0].outputs = [last]
    return graph.finish()


def nothing_network() -> bytes:
    """A network that hands four values on, so that what it takes is the call."""
    graph, kind = Graph(), ((1, 1, 1, 4), np.int8, 6 / 255, -128)
    graph.model.subgraphs[0].outputs = [graph.operator("QUANTIZE", [graph.tensor(*kind)], *kind)]
    return graph.finish()


def peak_networks() -> dict[str, tuple[str, int, bytes]]:
    """What the peak is sought with, by name: the kind of number, the multiply-adds and the .tflite."""
    return {
        f"{kind}, {DEPTH} convolutions {kernel}x{kernel} {channels}>{channels} at {side}x{side}": (
            kind,
            DEPTH * (kernel * channels * side) ** 2,
            peak_network(kind, kernel=kernel, channels=channels, side=side),
        )
        for kind in KINDS.values()
        for kernel, channels, side in SHAPES
    }


def caches(root: Path = Path("/sys")) -> tuple[Cache, ...]:
    """The data caches of processor 0, smallest first; empty where the kernel does not tell."""
    found = []
    for folder in root.glob("devices/system/cpu/cpu0/cache/index*"):
        level, kind, size = (_text(folder / name) for name in ("level", "type", "size"))
        parts = re.fullmatch(r"(\d+)([KMG])", size)
        if level.isdecimal() and parts and kind != "Instruction":
            found.append(Cache(int(level), kind, int(parts[1]) * _UNIT[parts[2]]))
    return tuple(sorted(found, key=lambda cache: cache.size_bytes))


def copies(known: tuple[Cache, ...]) -> dict[str, int]:
    """The sizes of the copies that measure bandwidth, in bytes that are read and as many written: `where` -> size.

    One within half of a core's own cache, and one beyond all caches.
    """
    own = max((cache.size_bytes for cache in known if cache.level <= 2), default=_USUAL_CACHE)
    largest = max((cache.size_bytes for cache in known), default=0)
    return {
        "second cache": own // 4,
        "memory": min(max(_BEYOND * largest // 2, _LEAST_BYTES), _MOST_BYTES),
    }


def _text(path: Path) -> str:
    """A file's only line; nothing where it cannot be read."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def copier(size: int) -> Callable[[], None]:
    """A call that copies so many bytes."""
    source, target = np.ones(size // 8), np.zeros(size // 8)
    return lambda: np.copyto(target, source)
