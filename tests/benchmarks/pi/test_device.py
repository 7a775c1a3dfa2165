import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.pi.combinations import COMBINATIONS
from benchmarks.pi.device import Device, assemble, find_qemu, parsed

# In place of qemu: says as JSON what it was given.
STAND_IN = """#!/bin/sh
printf '{"cpu": "%s", "prefix": "%s", "path": "%s", "arguments": "%s", "stdin": "%s"}' \\
  "$QEMU_CPU" "$QEMU_LD_PREFIX" "$PYTHONPATH" "$*" "$(cat)"
"""


@pytest.fixture
def device(tmp_path) -> Device:
    (tmp_path / "root/usr/bin").mkdir(parents=True)
    (tmp_path / "root/usr/bin/python3.11").touch()
    (tmp_path / "root/lib").symlink_to("usr/lib")
    (tmp_path / "site").mkdir()
    qemu = tmp_path / "qemu-aarch64"
    qemu.write_text(STAND_IN)
    qemu.chmod(0o755)
    return assemble(
        COMBINATIONS[0],
        system_root=tmp_path / "root",
        site=tmp_path / "site",
        qemu=str(qemu),
        folder=tmp_path / "device",
    )


def test_it_has_the_systems_files_and_its_own(device, tmp_path):
    assert (device.root / "usr/bin/python3.11").exists()
    assert "emulated" in (device.root / "proc/cpuinfo").read_text()
    assert not (tmp_path / "root/proc").exists()  # which another board shares


def test_qemu_is_told_which_processor_and_which_root(device, tmp_path):
    said = device.run("-P", "program.py", stdin="request")
    assert said["cpu"] == COMBINATIONS[0].board.qemu_cpu == "cortex-a72"
    assert said["prefix"] == str(tmp_path / "device")
    assert said["path"] == f"{tmp_path}/device/custom:{tmp_path}/site"
    assert said["arguments"] == f"{tmp_path}/device/usr/bin/python3.11 -P program.py"
    assert said["stdin"] == "request"
    assert device.doctor()["arguments"].endswith(f"{tmp_path}/site/bin/leukolite doctor --json")
    assert device.trial()["arguments"].endswith("-P -m edge_runtime.trial")


def test_a_doctor_that_finds_a_failure_is_heard_and_a_trial_that_fails_is_not(device, refused):
    qemu = Path(device.qemu)
    qemu.write_text("#!/bin/sh\necho '{}'\nexit 1\n")
    assert device.doctor() == {}
    with refused("status 1 and {}"):
        device.trial()


def test_its_python_tells_a_program_that_cannot_be_started_as_elsewhere(device):
    """The knobs are private: here it is seen that they are still there."""
    code = "import subprocess; before = subprocess._USE_POSIX_SPAWN, subprocess._USE_VFORK; import sitecustomize"
    custom = device.root / "custom"
    done = subprocess.run(
        [sys.executable, "-S", "-c", f"{code}; print(before, subprocess._USE_POSIX_SPAWN, subprocess._USE_VFORK)"],
        env={**os.environ, "PYTHONPATH": str(custom)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "(True, True) False False\n"


def test_what_is_no_json_is_told(refused):
    assert parsed(json.dumps([1])) == [1]
    with refused("got '<html>'"):
        parsed("<html>")


@pytest.mark.parametrize("name", ["qemu-aarch64", "qemu-aarch64-static"])
def test_qemu_is_found_by_either_name(tmp_path, name):
    (tmp_path / name).touch(mode=0o755)
    assert find_qemu(str(tmp_path)) == str(tmp_path / name)


@pytest.mark.parametrize(("user", "remedy"), [(0, "; apt-get install"), (1000, "; sudo apt-get install")])
def test_without_qemu_it_says_what_to_install(tmp_path, refused, monkeypatch, user, remedy):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    with refused(f"expected qemu-aarch64.+{remedy} qemu-user"):
        find_qemu(str(tmp_path))
