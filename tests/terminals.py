"""A terminal for commands that are tested: a pseudo-terminal, and an emulator that shows what a person would see."""

import contextlib
import os
import pty
import subprocess
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyte

LINES = 40


@dataclass(frozen=True)
class Shown:
    """What a command left on a terminal: its lines, the colour of each column, and the bytes that made them."""

    lines: list[str]
    colors: list[list[str]]
    sent: bytes
    status: int

    def color_of(self, text: str) -> str:
        """The colour in which a text stands on the screen, at its first place."""
        row, line = next((row, line) for row, line in enumerate(self.lines) if text in line)
        return self.colors[row][line.index(text)]


def on_a_terminal(command: Sequence[object], *, columns: int = 80, **environment: str | None) -> Shown:
    """Run a command whose standard output, and nothing else, is a terminal; variables that are None are not set."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (LINES, columns))
    process = subprocess.Popen(
        [os.fspath(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=subprocess.DEVNULL,
        env=_environment(environment),
    )
    os.close(slave)
    sent = _read(master)
    return shown(sent, columns=columns, status=process.wait(timeout=60))


def _environment(changes: Mapping[str, str | None]) -> dict[str, str]:
    """That of this process on an everyday terminal, changed."""
    unset = dict.fromkeys(("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS"))
    everyday = {**os.environ, **unset, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}
    return {name: value for name, value in {**everyday, **changes}.items() if value is not None}


def _read(master: int) -> bytes:
    """All that is sent until the command has gone."""
    sent = b""
    with contextlib.suppress(OSError):  # Linux ends a terminal without a process with an error
        while chunk := os.read(master, 65536):
            sent += chunk
    os.close(master)
    return sent


def shown(sent: bytes, *, columns: int, status: int = 0) -> Shown:
    """The screen after these bytes."""
    screen = pyte.Screen(columns, LINES)
    pyte.ByteStream(screen).feed(sent)
    colors = [[screen.buffer[row][column].fg for column in range(columns)] for row in range(LINES)]
    return Shown([line.rstrip() for line in screen.display], colors, sent, status)
