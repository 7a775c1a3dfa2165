import json
from pathlib import Path

import pytest

from benchmarks.pi import counting
from benchmarks.pi.combinations import BOOKWORM, NEWEST, Combination
from benchmarks.pi.device import Device
from benchmarks.roofline import counted


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


def test_every_board_counts_every_model(monkeypatch, tmp_path):
    """With a device that says what it was given; under qemu it is what docs/roofline.md was made with."""
    given = {}

    def devices(boards, folder):
        return [Device(Combination(board, BOOKWORM, NEWEST), root=folder, site=folder, qemu="qemu") for board in boards]

    def count(device, program, *, stdin, library, seed):
        request = json.loads(stdin)
        given[device.combination.board.name] = [Path(path).read_bytes() for path in request["models"].values()]
        assert (program.name, library, seed, request["before"]) == ("invokes.py", "plugin", 0, counted.BEFORE)
        assert program.is_file()
        return {"counted": list(request["models"]), "versions": {"numpy": "2"}}, [10, 30, 100, 400]

    monkeypatch.setattr(counting, "devices", devices)
    monkeypatch.setattr(counting, "plugin", lambda qemu, folder: "plugin")
    monkeypatch.setattr(counting, "versions", lambda device, folder: {"qemu": device.qemu})
    monkeypatch.setattr(counting, "count", count)
    said = []
    found = counted.count({"a": b"one", "b": b"two"}, folder=tmp_path, tell=said.append)
    assert found["pi-5"] == counted.Counts(
        "Raspberry Pi 5", "cortex-a76", {"qemu": "qemu", "numpy": "2"}, {"a": 20, "b": 300}
    )
    assert found.keys() == {"pi-4", "pi-5"}
    assert given == {name: [b"one", b"two"] for name in ("Raspberry Pi 4", "Raspberry Pi 5")}
    assert said == ["making the emulated boards", "counting 2 models on pi-4, pi-5"]
