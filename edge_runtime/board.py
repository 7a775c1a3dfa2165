"""What the machine says about itself below /proc and /sys, and a Raspberry Pi's firmware through `vcgencmd`.

Any of it can be missing, in a container or on a PC, or be rubbish: it is None then, and never an error.
"""

import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.memory import PROC, read_kb
from edge_runtime.provenance import cpu_name

SYS = Path("/sys")
VCGENCMD = ("vcgencmd",)

MEANINGS = ("under-voltage", "ARM frequency capped", "throttled", "soft temperature limit")
"""Bits 0 to 3 of `vcgencmd get_throttled`: so it is now. Bits 16 to 19 say that it has been so since the board booted.

From Raspberry Pi's documentation of vcgencmd.
"""

_SINCE_BOOT = 16
_PLAUSIBLE_C = (-40.0, 150.0)  # outside, the sensor is not there or broken


@dataclass(frozen=True)
class Throttling:
    """What `vcgencmd get_throttled` answered; `bits` is None where it gave no answer, and `unknown` says why."""

    bits: int | None
    unknown: str = ""

    @property
    def now(self) -> tuple[str, ...]:
        """What slows the board down at this moment."""
        return self._named(0)

    @property
    def since_boot(self) -> tuple[str, ...]:
        """What has slowed it down at some time since it booted."""
        return self._named(_SINCE_BOOT)

    def _named(self, first: int) -> tuple[str, ...]:
        bits = (self.bits or 0) >> first
        return tuple(meaning for number, meaning in enumerate(MEANINGS) if bits >> number & 1)


@dataclass(frozen=True)
class State:
    """What can change while something is measured: the firmware's answer, degrees Celsius, processes that want to run.

    `load_1min` is the kernel's average over a minute.
    """

    throttling: Throttling
    temperature_c: float | None
    load_1min: float | None


@dataclass(frozen=True)
class Board:
    """Where to ask; `vcgencmd` is the command without its arguments, given up after `timeout_s` seconds."""

    proc: Path = PROC
    sys: Path = SYS
    vcgencmd: Sequence[str] = VCGENCMD
    timeout_s: float = 5.0

    @property
    def model(self) -> str | None:
        """The board's name, such as "Raspberry Pi 5 Model B Rev 1.0"; None on a PC."""
        return _text(self.proc / "device-tree" / "model")

    @property
    def is_raspberry_pi(self) -> bool:
        """Whether the board says so."""
        return (self.model or "").startswith("Raspberry Pi")

    @property
    def governors(self) -> tuple[str, ...]:
        """How the kernel chooses the processors' clock, each name once; empty where it does not tell."""
        files = self.sys.glob("devices/system/cpu/cpu*/cpufreq/scaling_governor")
        return tuple(sorted({name for file in files if (name := _text(file))}))

    @property
    def frequencies_mhz(self) -> tuple[float, ...]:
        """The clock of each processor as the kernel has set it now, in MHz; empty where it does not tell."""
        files = sorted(self.sys.glob("devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"))
        return tuple(int(text) / 1e3 for file in files if re.fullmatch(r"\d{1,9}", text := _text(file) or ""))

    @property
    def temperature_c(self) -> float | None:
        """The hottest sensor of the processor in degrees Celsius; of all sensors, where none is called the processor's.

        None where none gives a plausible value.
        """
        found = []
        for zone in self.sys.glob("class/thermal/thermal_zone*"):
            kind, text = _text(zone / "type") or "", _text(zone / "temp") or ""
            if re.fullmatch(r"-?\d{1,7}", text) and _PLAUSIBLE_C[0] <= int(text) / 1e3 <= _PLAUSIBLE_C[1]:
                found.append((bool(re.search("cpu|soc|x86_pkg", kind, re.IGNORECASE)), int(text) / 1e3))
        return max(found)[1] if found else None

    @property
    def load_1min(self) -> float | None:
        """How many processes wanted to run, on average over the last minute."""
        first = (_text(self.proc / "loadavg") or "").partition(" ")[0]
        return float(first) if re.fullmatch(r"\d+\.\d+", first) else None

    @property
    def memory_available_kb(self) -> int | None:
        """What a process can still have without swapping."""
        return read_kb(self.proc / "meminfo", "MemAvailable")

    def throttling(self) -> Throttling:
        """Ask the firmware."""
        command = [*self.vcgencmd, "get_throttled"]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, timeout=self.timeout_s, check=False
            )
        except FileNotFoundError:
            return Throttling(None, "there is no vcgencmd")
        except subprocess.TimeoutExpired:
            return Throttling(None, f"vcgencmd did not answer within {self.timeout_s:g} s")
        except OSError as error:
            return Throttling(None, f"vcgencmd cannot be run: {error.strerror}")
        answer = re.fullmatch(rb"throttled=0x([0-9a-fA-F]{1,8})", done.stdout.strip())
        if done.returncode != 0 or answer is None:
            said = " ".join(ascii((done.stderr or done.stdout).decode(errors="replace").strip())[1:-1].split())[:80]
            return Throttling(None, f"vcgencmd gave status {done.returncode} and said {said or 'nothing'}")
        return Throttling(int(answer[1], 16))

    def state(self) -> State:
        """How it is now."""
        return State(self.throttling(), self.temperature_c, self.load_1min)

    def describe(self) -> dict[str, Any]:
        """What stays as it is: for reports, as a JSON object."""
        total_kb = read_kb(self.proc / "meminfo", "MemTotal")
        return {
            "board": self.model,
            "cpu": cpu_name(self.proc),
            "cpus": os.cpu_count(),
            "architecture": platform.machine(),
            "system": platform.platform(),
            "memory_kb": total_kb,
            "governors": list(self.governors),
        }


def slowed(before: State, after: State) -> tuple[str, ...]:
    """How the board throttled: before, after, or in between as far as its sticky bits tell; empty where it did not."""
    was, is_now = before.throttling, after.throttling
    new = [] if was.bits is None else [each for each in is_now.since_boot if each not in was.since_boot]
    return tuple(
        f"{', '.join(named)} {when}"
        for named, when in ((was.now, "before"), (is_now.now, "after"), (new, "meanwhile"))
        if named
    )


def is_busy(load_1min: float, *, cpus: int) -> bool:
    """Whether so much else runs that times measured beside it are not to be trusted: half of the processors."""
    return load_1min > cpus / 2


def _text(path: Path) -> str | None:
    """What a file holds, without the blanks and zero bytes at its ends; None where that is nothing."""
    try:
        return path.read_text(errors="replace").strip(" \t\n\0") or None
    except OSError:
        return None
