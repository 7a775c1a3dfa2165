import contextlib
import io
import os
import pty
import re
import subprocess
import sys

import pytest

from edge_runtime.progress import progress


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(count: int) -> None:
    """Advance a bar so many times."""
    with progress("counting cells", total=count) as advance:
        for _ in range(count):
            advance()


def test_nothing_is_drawn_where_there_is_no_terminal(capsys):
    run(3)
    assert capsys.readouterr() == ("", "")


def test_bar_is_drawn_on_standard_error_of_a_terminal(monkeypatch, capsys):
    pytest.importorskip("rich", reason="needs rich: pip install 'leukolite[terminal]'")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    run(3)
    assert "counting cells" in terminal.getvalue()
    assert "3/3" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def terminal_of(monkeypatch, columns=80):
    """A terminal as wide as said, in place of standard error."""
    pytest.importorskip("rich", reason="needs rich: pip install 'leukolite[terminal]'")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    return terminal


def lines(terminal):
    """The lines that a terminal was sent, without colours and movements."""
    return re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue()))


NOTE = "loss 0.412 · TPR EOSIN 0.81 LYMPH 0.99 MONOC 0.97 NEUTR 0.85"


@pytest.mark.parametrize("columns", [80, 120])
def test_note_has_a_line_of_its_own(monkeypatch, capsys, columns):
    terminal = terminal_of(monkeypatch, columns)
    with progress("epoch 10/12", total=9957) as advance:
        advance(6400)
        advance(32, NOTE)
    assert NOTE in [line.strip() for line in lines(terminal)]
    assert any(line.startswith("epoch 10/12 ") and "6432/9957" in line for line in lines(terminal))
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("columns", [50, 80])
def test_no_line_is_longer_than_the_terminal(monkeypatch, columns):
    terminal = terminal_of(monkeypatch, columns)
    with progress("epoch 10/12", total=9957) as advance:
        advance(6400, "x" * 100)
    assert max(len(line) for line in lines(terminal)) == columns
    assert "x" * (columns - 1) + "…" in lines(terminal)


def test_a_note_stays_until_the_next_and_is_no_markup(monkeypatch):
    terminal = terminal_of(monkeypatch)
    with progress("[red]", total=4) as advance:
        advance(1, "[bold]first[/bold]")
        advance(1)
    shown = [line.strip() for line in lines(terminal)]
    assert "[bold]first[/bold]" in shown[-4:]
    assert any(line.startswith("[red] ") and "2/4" in line for line in shown)


def test_without_a_note_there_is_one_line(monkeypatch):
    terminal = terminal_of(monkeypatch)
    run(3)
    assert {line.split()[0] for line in lines(terminal) if line.strip()} == {"counting"}


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("count", "every_s", "rate", "left"),
    [(10, 1, "10/s", "0:00:07"), (5, 20, "0.2/s", "0:05:40"), (99, 10, "9.9/s", "")],
)
@pytest.mark.parametrize("done", [0, 6000])
def test_what_was_done_before_is_no_speed(monkeypatch, done, count, every_s, rate, left):
    terminal, clock = terminal_of(monkeypatch), Clock()
    monkeypatch.setattr("rich.console.monotonic", clock)
    total = done + 100 if left else None
    with progress("epoch", total=total, done=done) as advance:
        for _ in range(3):
            clock.now += every_s
            advance(count)
    last = [line for line in lines(terminal) if line.startswith("epoch")][-1]
    assert f"{done + 3 * count}/{total or '?'} {rate} {left}".strip() in last


def test_terminal_without_rich_stays_silent(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setitem(__import__("sys").modules, "rich", None)
    run(3)
    assert terminal.getvalue() == ""


def test_data_goes_to_standard_output_while_the_bar_is_drawn(bundle, picture, tmp_path):
    """With `> file` on a terminal: rich would send it to the terminal by default."""
    pytest.importorskip("rich", reason="needs rich: pip install 'leukolite[terminal]'")
    paths = [str(picture(f"{number}.png")) for number in range(3)]
    master, slave = pty.openpty()
    with (tmp_path / "out.csv").open("wb") as out:
        command = [sys.executable, "-m", "edge_runtime", "classify", *paths, "-m", str(bundle), "--format", "csv"]
        subprocess.run(command, stdout=out, stderr=slave, check=True, timeout=60, env={**os.environ, "TERM": "xterm"})
    os.close(slave)
    with contextlib.suppress(OSError):  # Linux ends a closed terminal with an error
        assert b"path,label" not in os.read(master, 65536)
    os.close(master)
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 1 + len(paths)
