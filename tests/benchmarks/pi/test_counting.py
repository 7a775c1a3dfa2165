import ctypes
import os
import sys

import pytest

from benchmarks.pi import counting
from benchmarks.pi.combinations import COMBINATIONS
from benchmarks.pi.device import Device

# In place of qemu: logs two marks where -D says, and prints what it was given.
STAND_IN = """#!/bin/sh
[ "$1" = --version ] && { echo "qemu-aarch64 version $VERSION (Debian)"; exit; }
while [ "$1" != -D ]; do given="$given $1"; shift; done
printf 'CPU log\\nleukolite 12\\nnot leukolite 5\\nleukolite 345\\n' > "$2"
printf '{"options": "%s", "hashes": "%s", "blas": "%s"}' "$given" "$PYTHONHASHSEED" "$OPENBLAS_NUM_THREADS"
"""


@pytest.fixture
def qemu(tmp_path, monkeypatch):
    monkeypatch.setenv("VERSION", "7.2.22")
    path = tmp_path / "qemu-aarch64"
    path.write_text(STAND_IN)
    path.chmod(0o755)
    return str(path)


def test_marks_come_from_the_log_and_answers_from_what_is_printed(qemu, tmp_path):
    device = Device(COMBINATIONS[0], root=tmp_path, site=tmp_path, qemu=qemu)
    printed, marks = counting.count(device, tmp_path / "p.py", stdin="", library=tmp_path / "c.so", seed=4)
    assert marks == [12, 345]
    assert printed == {"options": f" -seed 4 -plugin {tmp_path}/c.so -d plugin", "hashes": "4", "blas": "1"}


@pytest.mark.parametrize(("version", "interface"), [("7.2.22", 1), ("8.2.0", 1), ("9.0.1", 2), ("10.0.3", 2)])
def test_the_plugin_has_the_interface_of_that_qemu(qemu, tmp_path, monkeypatch, version, interface):
    monkeypatch.setenv("VERSION", version)
    made = counting.plugin(qemu, tmp_path / "work")
    mode = os.RTLD_LAZY  # what it calls is in qemu only
    assert ctypes.c_int.in_dll(ctypes.CDLL(str(made), mode=mode), "qemu_plugin_version").value == interface
    written = made.stat().st_mtime_ns
    assert counting.plugin(qemu, tmp_path / "work").stat().st_mtime_ns == written


def test_qemu_and_the_systems_packages_are_known_by_version(qemu, tmp_path):
    archives = tmp_path / "bookworm" / "apt" / "cache" / "archives"
    archives.mkdir(parents=True)
    for name in ("libc6_2.36-9_arm64.deb", "python3.11-minimal_3.11.2-6+deb12u8_arm64.deb", "libffi8_3_arm64.deb"):
        (archives / name).touch()
    device = Device(COMBINATIONS[0], root=tmp_path, site=tmp_path, qemu=qemu)
    assert counting.versions(device, tmp_path) == {
        "qemu": "7.2.22", "libc6": "2.36-9", "libstdc++6": "unknown", "python3.11-minimal": "3.11.2-6+deb12u8",
    }  # fmt: skip


def test_what_is_missing_is_told(tmp_path, refused):
    with refused("expected a C compiler.+apt-get install gcc libc6-dev"):
        counting.compiler(str(tmp_path))
    with refused("to tell its version, got "):
        counting.qemu_version("/bin/true")
    with refused("No such file"):
        counting.qemu_version(f"{sys.executable}-none")
