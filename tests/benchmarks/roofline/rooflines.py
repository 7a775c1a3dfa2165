"""Reports of a roofline, made up: a machine of 100 billion multiply-adds and 10 billion bytes a second."""

from typing import Any

from benchmarks.roofline.ceilings import Cache
from benchmarks.roofline.report import Bandwidth, BoardUsed, Candidate, Network, Peak, Position, Report
from benchmarks.roofline.timing import Timed


def position(name: str = "CONV_2D 3x3 8>8 at 4x4", **changes: Any) -> Position:
    """A layer of half the peak: 5 million multiply-adds in 100 microseconds."""
    fields = {"times": 1, "multiply_adds": 5_000_000, "moved_bytes": 100_000, "us": 100.0, "spread": 0.02}
    return Position(name, **{**fields, "instructions": {"pi-4": 2_000_000}, **changes})


def report(*, boards: bool = True, **changes: Any) -> Report:
    """A network of two layers, the second of which multiplies nothing; with a board, a layer and two networks on it."""
    none = {} if boards else {"instructions": {}}
    layers = (position(**none), position("SOFTMAX 4>4", multiply_adds=0, us=25.0, **none))
    network = Network("cell int8", "ab" * 32, "int8", position("cell int8", us=125.0, **none), layers)
    shapes = (
        Candidate("first layer", "3x3 3>8", 1000, 224, {"pi-4": 3000}),
        Candidate("network", "--widths 8", 1_000_000, 5000, {"pi-4": 400_000}),
        Candidate("network", "--widths 4", 500_000, 2000, {"pi-4": 300_000}),
    )
    fields = {
        "caches": (Cache(1, "Data", 32 * 1024), Cache(2, "Unified", 2**20)),
        "rounds": 7,
        "call": Timed(0.5, 0.01),
        "reference": Timed(4000.0, 0.01),
        "peaks": {"int8": Peak(100.0, 0.03, "int8, 4 convolutions", {"pi-4": 0.25} if boards else {})},
        "bandwidths": {"second cache": Bandwidth(10.0, 0.01, 2**18), "memory": Bandwidth(1.0, 0.01, 2**26)},
        "networks": (network,),
        "boards": {"pi-4": BoardUsed("Raspberry Pi 4", "cortex-a72", {"qemu": "7.2"}, 5000)} if boards else {},
        "candidates": shapes if boards else (),
        "machine_state": {"load_1min_at_start": 0.1, "cpus": 2},
        "provenance": {"platform": {"cpu": "a processor"}},
    }
    return Report(**{**fields, **changes})
