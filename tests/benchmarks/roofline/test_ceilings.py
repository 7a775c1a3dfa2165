import numpy as np
import pytest

from benchmarks.roofline import ceilings
from benchmarks.roofline.ceilings import Cache, caches, copier, copies, nothing_network, peak_network, peak_networks
from benchmarks.roofline.timing import invoker
from benchmarks.work import multiplied, multiply_adds
from edge_runtime.graph import read_graph


def write(root, **indexes):
    """Caches as the kernel tells them: index -> level, type, size."""
    for index, values in indexes.items():
        folder = root / "devices" / "system" / "cpu" / "cpu0" / "cache" / index
        folder.mkdir(parents=True)
        for name, value in zip(("level", "type", "size"), values, strict=False):
            (folder / name).write_text(f"{value}\n")


def test_caches_are_read_and_those_of_instructions_left_out(tmp_path):
    write(tmp_path, index3=("3", "Unified", "2M"), index0=("1", "Data", "32K"), index1=("1", "Instruction", "48K"))
    assert caches(tmp_path) == (Cache(1, "Data", 32 * 1024), Cache(3, "Unified", 2 * 2**20))


@pytest.mark.parametrize("values", [("x", "Data", "32K"), ("1", "Data", "32"), ("1", "Data", "?K"), ("1", "Data")])
def test_rubbish_is_no_cache(tmp_path, values):
    write(tmp_path, index0=values)
    assert caches(tmp_path) == ()


def test_copies_are_within_a_core_s_cache_and_beyond_all():
    known = (Cache(1, "Data", 2**15), Cache(2, "Unified", 2**20), Cache(3, "Unified", 2**26))
    assert copies(known) == {"second cache": 2**18, "memory": 2**27}  # two arrays of each
    assert copies(())["memory"] == ceilings._LEAST_BYTES
    assert copies((Cache(3, "Unified", 2**40),))["memory"] == ceilings._MOST_BYTES


def test_a_copy_copies(monkeypatch):
    seen = []
    monkeypatch.setattr(np, "copyto", lambda target, source: seen.append((target.nbytes, source.nbytes)))
    copier(4096)()
    assert seen == [(4096, 4096)]


def test_the_peak_s_networks_multiply_what_is_counted():
    kinds = set()
    for name, (kind, total, content) in peak_networks().items():
        assert multiply_adds(content) == total, name
        assert multiplied(content) == kind.upper()
        kinds.add(kind)
    assert kinds == {"int8", "float32"}


@pytest.mark.parametrize("kind", ["int8", "float32"])
def test_they_run(kind):
    invoker(peak_network(kind, kernel=1, channels=8, side=2), name=kind)()


def test_a_network_that_does_nothing_runs():
    invoker(nothing_network(), name="it")()
    (only,) = read_graph(nothing_network()).operators
    assert only.name == "QUANTIZE"
