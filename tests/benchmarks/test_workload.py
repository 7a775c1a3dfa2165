import hashlib

import numpy as np
import pytest

from benchmarks import workload, workload_model
from benchmarks.__main__ import main
from benchmarks.latency import SCHEMA_VERSION
from benchmarks.workload import PARTS, REPEATS, Workload


def test_the_network_is_the_one_that_the_command_makes(tmp_path, capsys):
    assert main(["workload", "--out", str(tmp_path / "made.tflite")]) == 0
    assert (tmp_path / "made.tflite").read_bytes() == workload.MODEL.read_bytes() == workload_model.build()


def test_the_unit_changes_only_with_the_schema():
    # Ratios to another workload are other figures: whoever changes it raises SCHEMA_VERSION and then these.
    work = (workload._NUMBERS, workload._INTEGER_ROUNDS, workload._FLOAT_ROUNDS, workload._INVOKES, REPEATS)
    digest = hashlib.sha256(workload.MODEL.read_bytes()).hexdigest()[:12]
    assert (SCHEMA_VERSION, work, digest) == (2, (4096, 250, 200, 3, 3), "d1f8e46e0e64")


def test_a_visit_times_each_part():
    ticks = iter(range(100))
    visit = Workload(clock=lambda: float(next(ticks))).visit()
    assert visit == dict.fromkeys(PARTS, (1000.0,) * REPEATS)


def test_the_work_is_the_same_every_time():
    one, other = Workload(), Workload()
    for each in (one, other):
        each.visit()
        each.visit()
    assert np.array_equal(one._integers, other._integers)
    assert np.array_equal(one._floats, other._floats)
    assert ((one._floats > 0) & (one._floats < 1)).all()  # no denormal numbers, which take longer
    assert one._integers.ctypes.data % 64 == one._floats.ctypes.data % 64 == 0


@pytest.mark.parametrize("content", [None, b"", b"no model at all", b"TFL3"])
def test_a_network_that_cannot_be_used_is_refused(content, tmp_path, monkeypatch, refused):
    path = tmp_path / "workload.tflite"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(workload, "MODEL", path)
    with refused("the reference workload's network at .*python -m benchmarks workload"):
        Workload()
