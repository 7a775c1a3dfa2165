"""Each line of the doctor: what is ok, what warns, what fails, and that whatever is not ok has a remedy."""

import pytest

from edge_runtime import checks
from edge_runtime.board import Throttling
from edge_runtime.checks import FAIL, OK, WARN
from edge_runtime.trial import Trial
from tests.edge_runtime import boards

TESTED = [
    {"machine": "aarch64", "cpu": "a Pi", "tried": "2026-01-01", "python": "3.11.2", "numpy": "1.24.4"},
    {"machine": "x86_64", "cpu": "a PC", "tried": "2026-01-02", "python": "3.13.5", "numpy": "2.10.1"},
]


def status(check):
    """The status of a check that is as it should be: whatever is not ok has a remedy."""
    assert (check.status == OK) == (check.remedy is None)
    return check.status


@pytest.mark.parametrize(("bits", "expected"), [(64, OK), (32, FAIL)])
def test_word_size(bits, expected):
    found = checks.word_size(bits, machine="aarch64")  # a 32-bit userland may well run on a 64-bit kernel
    assert (status(found), found.found) == (expected, f"{bits}-bit Python on aarch64")


@pytest.mark.parametrize(
    ("version", "expected", "words"),
    [
        ("1.24.4", OK, "1.24.4"),
        ("1.24.0", OK, "1.24.0"),
        ("2.10.9", OK, "2.10.9"),
        ("2.1.0", WARN, "2.1.0, never tried"),
        ("2.100.0", WARN, "never tried"),
        ("1", WARN, "never tried"),
        (None, FAIL, "not installed"),
    ],
)
def test_package(version, expected, words):
    found = checks.package("numpy", version, tested=TESTED)
    assert status(found) == expected
    assert words in found.found


def test_versions_that_were_tried_are_named_in_their_order():
    assert "tried were 1.24, 2.10;" in checks.package("numpy", "0.1", tested=TESTED).remedy
    rows = [{"numpy": version} for version in ("10.0.1", "9.0.0", "9.0.1")]
    assert "tried were 9.0, 10.0;" in checks.package("numpy", "0.1", tested=rows).remedy


@pytest.mark.parametrize(
    ("machine", "python", "numpy", "expected"),
    [
        ("aarch64", "3.11.9", "1.24.0", OK),
        ("x86_64", "3.13.0", "2.10.0", OK),
        ("x86_64", "3.11.9", "1.24.0", WARN),  # on the other processor only
        ("aarch64", "3.11.9", "2.10.0", WARN),  # each was tried, but not together
        ("aarch64", "3.11.9", None, WARN),
    ],
)
def test_combination(machine, python, numpy, expected):
    found = checks.combination({"machine": machine, "python": python, "numpy": numpy}, tested=TESTED)
    assert status(found) == expected


@pytest.mark.parametrize(
    ("trial", "applied", "right"),
    [
        (Trial(True, True), OK, OK),
        (Trial(True, False), OK, FAIL),
        (Trial(False, False), FAIL, FAIL),
        (Trial(False, True), FAIL, OK),
        (Trial(None, None, "it broke"), FAIL, FAIL),
    ],
)
def test_trial(trial, applied, right):
    assert (status(checks.delegate(trial)), status(checks.golden(trial))) == (applied, right)
    if trial.error:
        assert trial.error in checks.golden(trial).found


@pytest.mark.parametrize(
    ("names", "expected"),
    [((), WARN), (("performance",), OK), (("ondemand",), WARN), (("ondemand", "performance"), WARN)],
)
def test_governor(names, expected):
    assert status(checks.governor(names)) == expected


@pytest.mark.parametrize(
    ("bits", "voltage", "clock"),
    [
        (0x0, OK, OK),
        (0x1, FAIL, OK),
        (0x2, OK, FAIL),
        (0x4, OK, FAIL),
        (0x8, OK, FAIL),
        (0x10000, WARN, OK),
        (0x20000, OK, WARN),
        (0x40000, OK, WARN),
        (0x80000, OK, WARN),
        (0x50005, FAIL, FAIL),
        (0x50000, WARN, WARN),
        (None, WARN, WARN),
    ],
)
def test_firmware(bits, voltage, clock):
    for is_pi in (True, False):
        throttling = Throttling(bits, "" if bits is not None else "it is mute")
        found = checks.voltage(throttling, is_raspberry_pi=is_pi), checks.clock(throttling, is_raspberry_pi=is_pi)
        assert [status(each) for each in found] == [voltage, clock]
        assert bits is not None or all("not known: it is mute" in each.found for each in found)


@pytest.mark.parametrize(("processes", "expected"), [(None, WARN), (0.0, OK), (2.0, OK), (2.1, WARN)])
def test_load(processes, expected):
    assert status(checks.load(processes, cpus=4)) == expected


@pytest.mark.parametrize(
    ("celsius", "on_a_pi", "elsewhere"),
    [(None, WARN, WARN), (-5.0, OK, OK), (69.9, OK, OK), (70.0, WARN, WARN), (79.9, WARN, WARN), (80.0, FAIL, WARN)],
)
def test_temperature(celsius, on_a_pi, elsewhere):
    assert status(checks.temperature(celsius, is_raspberry_pi=True)) == on_a_pi
    assert status(checks.temperature(celsius, is_raspberry_pi=False)) == elsewhere


@pytest.mark.parametrize(
    ("mb", "disk", "memory"),
    [(None, WARN, WARN), (0, FAIL, FAIL), (49, FAIL, FAIL), (50, WARN, FAIL), (100, WARN, WARN), (200, WARN, OK)],
)
def test_room(mb, disk, memory):
    assert status(checks.disk(mb, folder="/home")) == disk
    assert status(checks.memory(mb)) == memory


def test_much_room_is_ok():
    assert checks.disk(1234.0, folder="/home").found == "1,234 MB free for /home"


def modules(folder, *names):
    for name in names:
        boards.write(folder / name / "__init__.py", "raise SystemExit('it was imported')")
    return [str(folder)]


def test_camera_is_found_without_being_imported(tmp_path):
    found = checks.camera(search=modules(tmp_path, "picamera2", "libcamera"), system=tmp_path / "none")
    assert status(found) == OK


@pytest.mark.parametrize(
    ("there", "missing"), [((), "no picamera2 and no libcamera"), (("libcamera",), "no picamera2")]
)
def test_camera_that_is_not_installed(tmp_path, there, missing):
    found = checks.camera(search=modules(tmp_path, *there), system=tmp_path / "none")
    assert (status(found), found.found) == (WARN, f"{missing} for this Python")
    assert "apt install" in found.remedy


def test_camera_that_the_environment_shuts_out(tmp_path):
    modules(tmp_path / "system", "picamera2", "libcamera")
    found = checks.camera(search=[str(tmp_path / "none")], system=tmp_path / "system")
    assert status(found) == WARN
    assert "--system-site-packages" in found.remedy
