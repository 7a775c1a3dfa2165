"""What the doctor looks at: each function judges what was found, and says what to do about it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from edge_runtime.board import MEANINGS, Throttling, is_busy
from edge_runtime.trial import Trial

OK, WARN, FAIL = "ok", "warn", "fail"
UNKNOWN = "not known"
COMPARE = "not needed to classify; to measure, compare repeated runs"

SYSTEM_PACKAGES = Path("/usr/lib/python3/dist-packages")
"""Where Debian, and so Raspberry Pi OS, puts the camera's modules."""

FULL_DISK_MB, LOW_DISK_MB = 50, 500  # the results of 100,000 images take about 50 MB as JSON Lines
FULL_MEMORY_MB, LOW_MEMORY_MB = 100, 200  # classifying must do with 100 MB
HOT_C, WARM_C = 80.0, 70.0  # from 80 degrees on a Raspberry Pi's firmware lowers the clock

_UNDER_VOLTAGE = MEANINGS[0]


@dataclass(frozen=True)
class Check:
    """One line: `status` is OK, WARN or FAIL; `remedy` is None where nothing needs to be done."""

    name: str
    status: str
    found: str
    remedy: str | None = None


def word_size(bits: int, *, machine: str) -> Check:
    """LiteRT has no wheel for 32-bit ARM."""
    found = f"{bits}-bit Python on {machine}"
    if bits >= 64:
        return Check("64-bit", OK, found)
    return Check("64-bit", FAIL, found, "install the 64-bit Raspberry Pi OS: ai-edge-litert has no 32-bit wheel")


def package(name: str, found: str | None, *, tested: Sequence[Mapping[str, Any]]) -> Check:
    """Whether this version of a package, or of Python, was tried; fixes of the same minor version count as one."""
    if found is None:
        return Check(name, FAIL, "not installed", "pip install leukolite")
    known = sorted({series(row[name]) for row in tested}, key=lambda text: [int(part) for part in text.split(".")])
    if series(found) in known:
        return Check(name, OK, found)
    return Check(name, WARN, f"{found}, never tried", f"tried were {', '.join(known)}; trust it if `golden` is ok")


def combination(found: Mapping[str, str | None], *, tested: Sequence[Mapping[str, Any]]) -> Check:
    """Whether these versions were tried together on this kind of processor."""
    mine = {name: series(value) if name != "machine" else value for name, value in found.items() if value is not None}
    for row in tested:
        if mine == {name: series(row[name]) if name != "machine" else row[name] for name in found}:
            return Check("combination", OK, f"tried together on {row['cpu']}, {row['tried']}")
    remedy = "trust it if `golden` is ok; docs/device.md has the combinations"
    return Check("combination", WARN, "never tried together on this kind of processor", remedy)


def series(version: str) -> str:
    """Major and minor version."""
    return ".".join(version.split(".")[:2])


def delegate(trial: Trial) -> Check:
    """Without XNNPACK other kernels run, several times slower and with other last digits."""
    if trial.uses_delegate is None:
        return Check("XNNPACK", FAIL, f"{UNKNOWN}: {trial.error}", "see `golden`")
    if trial.uses_delegate:
        return Check("XNNPACK", OK, "applied")
    return Check("XNNPACK", FAIL, "not applied", "mount /proc and /sys: without them LiteRT leaves it out silently")


def golden(trial: Trial) -> Check:
    """Whether the shipped model gives here the very answer that its card says."""
    if trial.golden is None:
        remedy = "install leukolite anew, into an environment of its own, where /proc and /sys are mounted"
        return Check("golden", FAIL, f"the shipped model does not run: {trial.error}", remedy)
    if trial.golden:
        return Check("golden", OK, "the shipped model's answer is that of its card")
    remedy = "see to XNNPACK first; then use versions that were tried"
    return Check("golden", FAIL, "the shipped model's answer is another than that of its card", remedy)


def governor(names: Sequence[str]) -> Check:
    """Any other governor than `performance` changes the clock while something is measured."""
    if not names:
        return Check("governor", WARN, UNKNOWN, COMPARE)
    found = ", ".join(names)
    if set(names) == {"performance"}:
        return Check("governor", OK, found)
    remedy = "before measuring: echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor"
    return Check("governor", WARN, found, remedy)


def voltage(throttling: Throttling, *, is_raspberry_pi: bool) -> Check:
    """A weak supply lowers the clock, and can damage what is being written."""
    remedy = "use the supply made for this board, and a short, thick cable"
    return _firmware("under-voltage", throttling, {_UNDER_VOLTAGE}, remedy, is_raspberry_pi=is_raspberry_pi)


def clock(throttling: Throttling, *, is_raspberry_pi: bool) -> Check:
    """Whether the firmware holds the clock down."""
    remedy = "cool the board, see to its supply, and restart it before measuring"
    others = set(MEANINGS) - {_UNDER_VOLTAGE}
    return _firmware("throttling", throttling, others, remedy, is_raspberry_pi=is_raspberry_pi)


def _firmware(name: str, throttling: Throttling, bits: set[str], remedy: str, *, is_raspberry_pi: bool) -> Check:
    """What some of the firmware's bits say."""
    if throttling.bits is None:
        ask = "install raspi-utils, and let this user into the group `video`" if is_raspberry_pi else COMPARE
        return Check(name, WARN, f"{UNKNOWN}: {throttling.unknown}", ask)
    now = [meaning for meaning in throttling.now if meaning in bits]
    before = [meaning for meaning in throttling.since_boot if meaning in bits]
    if now:
        return Check(name, FAIL, f"now: {', '.join(now)}", remedy)
    if before:
        return Check(name, WARN, f"not now, but since the board booted: {', '.join(before)}", remedy)
    return Check(name, OK, "none since the board booted")


def load(processes: float | None, *, cpus: int) -> Check:
    """Whether other programs would be measured too."""
    if processes is None:
        return Check("load", WARN, UNKNOWN, COMPARE)
    found = f"{processes:.1f} processes on {cpus} processors, over the last minute"
    if not is_busy(processes, cpus=cpus):
        return Check("load", OK, found)
    return Check("load", WARN, found, "before measuring: end other programs")


def temperature(celsius: float | None, *, is_raspberry_pi: bool) -> Check:
    """How far from the temperature at which a Raspberry Pi lowers its clock; other machines may bear more."""
    if celsius is None:
        return Check("temperature", WARN, UNKNOWN, COMPARE)
    found = f"{celsius:.1f} C"
    if celsius < WARM_C:
        return Check("temperature", OK, found)
    hot = celsius >= HOT_C and is_raspberry_pi
    return Check("temperature", FAIL if hot else WARN, found, f"cool it: a Raspberry Pi slows down from {HOT_C:.0f} C")


def disk(free_mb: float | None, *, folder: str) -> Check:
    """Room for results."""
    remedy = "free some space, or write results to another disk"
    return _room("disk", free_mb, where=f" free for {folder}", full=FULL_DISK_MB, low=LOW_DISK_MB, remedy=remedy)


def memory(free_mb: float | None) -> Check:
    """Room to classify in."""
    remedy = "end other programs"
    return _room("memory", free_mb, where=" available", full=FULL_MEMORY_MB, low=LOW_MEMORY_MB, remedy=remedy)


def _room(name: str, free_mb: float | None, *, where: str, full: float, low: float, remedy: str) -> Check:
    """Below `full` MB it fails, below `low` MB it warns."""
    if free_mb is None:
        return Check(name, WARN, UNKNOWN, f"see that there are {low} MB")
    status = FAIL if free_mb < full else WARN if free_mb < low else OK
    return Check(name, status, f"{free_mb:,.0f} MB{where}", None if status == OK else remedy)


def camera(*, search: Sequence[str] | None = None, system: Path = SYSTEM_PACKAGES) -> Check:
    """Whether picamera2 and libcamera can be imported; they are looked for and not loaded. Files need no camera."""
    path = sys.path if search is None else search
    missing = [name for name in ("picamera2", "libcamera") if PathFinder.find_spec(name, path) is None]
    if not missing:
        return Check("camera", OK, "picamera2 and libcamera are there")
    found = f"no {' and no '.join(missing)} for this Python"
    if all(PathFinder.find_spec(name, [str(system)]) for name in missing):
        remedy = f"they are in {system}: make the environment with `python -m venv --system-site-packages`"
    else:
        remedy = "not needed for files; for the camera: sudo apt install python3-picamera2"
    return Check("camera", WARN, found, remedy)
