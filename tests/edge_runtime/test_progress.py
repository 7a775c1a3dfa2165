import io

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
