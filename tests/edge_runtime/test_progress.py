import contextlib
import io
import os
import pty
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
