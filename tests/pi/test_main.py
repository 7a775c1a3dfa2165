"""The command, with this machine's own Python where the emulated one would be: nothing here needs qemu."""

import json
import time
import zipfile
from copy import deepcopy

import pytest

from benchmarks.pi.combinations import COMBINATIONS
from tests.pi import __main__ as command
from tests.pi.test_compare import DIAGNOSIS, EXPECTED, PICTURE, ROW, changed


class Stub:
    """A device that answers what it is told to."""

    def __init__(self, combination, *, answers=EXPECTED, row=ROW, diagnosis=DIAGNOSIS):
        self.combination = combination
        self._said = answers, row, diagnosis

    def run(self, *_, **__):
        return deepcopy(self._said[0])

    def trial(self):
        return self._said[1]

    def doctor(self):
        return self._said[2]


@pytest.fixture
def said(monkeypatch, tmp_path, capsys):
    """Exit status and lines of the command when the second device is `bad`, a Stub's settings."""
    monkeypatch.setattr(command, "find_qemu", lambda: "qemu")
    monkeypatch.setattr(command, "choose_pictures", lambda data, per_class: {"p.jpg": "p.jpg"})
    monkeypatch.setattr(command, "answers_here", lambda wheel, request, folder: EXPECTED)
    monkeypatch.setattr(command.debian, "root", lambda system, folder: tmp_path)
    monkeypatch.setattr(command.wheels, "site", lambda wheel, system, packages, folder: tmp_path)
    monkeypatch.setattr(command, "combinations", lambda: [ROW])

    def run(**bad):
        def assemble(combination, **_):
            return Stub(combination, **(bad if combination == COMBINATIONS[1] else {}))

        monkeypatch.setattr(command, "assemble", assemble)
        status = command.main(["--wheel", "x.whl", "--data", str(tmp_path), "--out", str(tmp_path)])
        return status, capsys.readouterr().out.splitlines()

    return run


def test_a_line_for_each_and_a_closing_one(said):
    status, lines = said()
    assert status == 0
    assert len(lines) == len(COMBINATIONS) + 1
    assert all(line.startswith("ok    Raspberry Pi ") for line in lines[:-1])
    assert lines[0].endswith("1 answers of 1 networks equal to the bit, 0 a step off after SOFTMAX")
    assert lines[-1].startswith("test-pi: 5 of 5 emulated devices answer as they should, in ")


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        ({"answers": changed(EXPECTED, *PICTURE, "crops", 0, "network", to=[-9, 6])}, "m, p.jpg: network [-9, 6]"),
        ({"answers": changed(EXPECTED, "m", "uses_delegate", to=False)}, "m: XNNPACK was not applied there"),
        ({"row": {**ROW, "golden": False}}, "trial: golden is False"),
        ({"diagnosis": changed(DIAGNOSIS, "fit", to=False)}, "doctor says not fit: nothing fails"),
    ],
)
def test_one_that_differs_is_told_and_fails_the_run(said, bad, told):
    status, lines = said(**bad)
    assert status == 1
    assert lines[1].startswith(f"FAIL  {COMBINATIONS[1].name}: {told}")
    assert sum(line.startswith("ok") for line in lines) == len(COMBINATIONS) - 1
    assert lines[-1].startswith("test-pi: 4 of 5 ")


def test_one_that_dies_is_told_and_fails_the_run(said, monkeypatch):
    def die(self, *_, **__):
        raise command.LeukoliteError(expected="qemu to do its work", found="status -4", remedy="look")

    monkeypatch.setattr(Stub, "run", die)
    status, lines = said()
    assert status == 1
    assert lines[0].endswith(": expected qemu to do its work, got status -4; look")


def test_no_device_at_all_is_no_success(capsys):
    assert command.report(iter(()), started=time.monotonic()) == 1
    assert "0 of 0" in capsys.readouterr().out


def test_pictures_are_real_and_balanced(data_root):
    chosen = command.choose_pictures(data_root, per_class=6)
    labels = [name.split("/")[1] for name in chosen]
    assert sorted(labels) == sorted(6 * sorted(set(labels)))
    assert len(set(labels)) == 4
    assert all(path.endswith(name) for name, path in chosen.items())
    assert chosen == command.choose_pictures(data_root, per_class=6)


def test_too_few_pictures_or_none_are_told(colors, refused):
    with refused("expected 6 TEST images of BLUE, got 2"):
        command.choose_pictures(colors, per_class=6)
    with refused("got no LEUKOLITE_DATA"):
        command.choose_pictures(None, per_class=6)


def test_this_machine_answers_with_the_wheels_code(tmp_path):
    wheel = tmp_path / "leukolite-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("edge_runtime/__init__.py", "raise SystemExit('this is the wheel')")
    with pytest.raises(command.LeukoliteError, match="status 1 and this is the wheel"):
        command.answers_here(wheel, json.dumps({"models": {}, "pictures": {}}), folder=tmp_path / "site")
