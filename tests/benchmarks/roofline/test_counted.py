import os

import pytest

from benchmarks.instructions import CHECKOUT
from benchmarks.pi import counting
from benchmarks.roofline import counted
from benchmarks.roofline.ceilings import nothing_network
from benchmarks.roofline.shapes import Chain
from edge_runtime.errors import LeukoliteError


def test_a_model_has_what_lies_between_its_marks():
    assert counted.between(["a", "b"], [100, 130, 1000, 1500]) == {"a": 30, "b": 500}


@pytest.mark.parametrize("marks", [[], [1, 2, 3], [1, 2, 3, 4, 5]])
def test_marks_that_are_missing_or_too_many_are_told(refused, marks):
    with refused(f"expected 4 marks in qemu's log, got {len(marks)}; "):
        counted.between(["a", "b"], marks)


def test_a_machine_without_qemu_is_told_what_to_install(monkeypatch, tmp_path, refused):
    monkeypatch.setenv("PATH", str(tmp_path))
    with refused("expected qemu-aarch64 among .+apt-get install qemu-user"):
        counted.count({"a": b""}, folder=tmp_path)


def test_under_qemu_more_channels_take_more_and_three_as_many_as_four():
    try:
        counting.find_qemu()
    except LeukoliteError as error:
        leave = pytest.fail if os.environ.get("LEUKOLITE_REQUIRE_DATA") else pytest.skip
        leave(str(error))
    models = {str(channels): Chain(4, channels).convolution(16).finish() for channels in (3, 4, 16)}
    found = counted.count({"call": nothing_network(), **models}, boards=["pi-5"], folder=CHECKOUT / "build" / "pi")
    counts = found["pi-5"]
    assert (counts.board, counts.processor) == ("Raspberry Pi 5", "cortex-a76")
    assert "qemu" in counts.versions
    taken = counts.instructions
    assert 0 < taken["call"] < taken["4"] < taken["16"]
    assert taken["3"] == pytest.approx(taken["4"], rel=0.02)  # padded to four: another way through Python at most
