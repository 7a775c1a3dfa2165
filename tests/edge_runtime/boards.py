"""Machines made of files: /proc and /sys of a Raspberry Pi or a PC, and a vcgencmd that says what it is told to."""

import os
from pathlib import Path

from edge_runtime.board import Board

PI_4, PI_5 = "Raspberry Pi 4 Model B Rev 1.4", "Raspberry Pi 5 Model B Rev 1.0"
QUIET = "0.10 0.20 0.30 1/123 4567\n"


def make(
    root: Path,
    *,
    model: str | None = PI_4,
    governor: str | None = "performance",
    temperature: str | None = "48312",
    zone: str = "cpu-thermal",
    load: str | None = QUIET,
    available: str | None = "3500000",
    vcgencmd: str | None = "echo throttled=0x0",
    timeout_s: float = 20.0,
) -> Board:
    """A board; None leaves a file out, and `vcgencmd` is the shell script that takes that command's place."""
    files = {
        "proc/cpuinfo": f"processor\t: 0\nCPU part\t: 0xd08\nModel\t\t: {model}\n" if model else None,
        "proc/device-tree/model": f"{model}\0" if model else None,
        "proc/loadavg": load,
        "proc/meminfo": f"MemTotal:  8000000 kB\nMemAvailable:  {available} kB\n" if available else None,
        "sys/class/thermal/thermal_zone0/type": zone,
        "sys/class/thermal/thermal_zone0/temp": temperature,
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": governor,
        "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor": governor,
    }
    for name, text in files.items():
        if text is not None:
            write(root / name, text)
    command = root / "bin" / "vcgencmd"
    if vcgencmd is not None:
        script(command, vcgencmd)
    return Board(proc=root / "proc", sys=root / "sys", vcgencmd=(str(command),), timeout_s=timeout_s)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def script(path: Path, text: str) -> None:
    write(path, f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def answers(root: Path, *bits: str) -> str:
    """A vcgencmd that gives one answer after the other."""
    write(root / "answers", "".join(f"throttled={each}\n" for each in bits))
    return f'head -1 "{root}/answers"; sed -i 1d "{root}/answers"'


def on_path(root: Path) -> dict[str, str]:
    """An environment in which the board's vcgencmd is found."""
    return {**os.environ, "PATH": f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"}
