import io

import pytest
from wcwidth import wcswidth

from edge_runtime.terminal import PLAIN, RED, Look, columns_of, look_of, pad


class Stream(io.StringIO):
    """A stream that is a terminal or none."""

    def __init__(self, *, terminal: bool, encoding: str = "utf-8") -> None:
        super().__init__()
        self._terminal, self._encoding = terminal, encoding

    def isatty(self) -> bool:
        return self._terminal

    @property
    def encoding(self) -> str:
        return self._encoding


@pytest.mark.parametrize(
    ("environment", "on_terminal", "piped"),
    [
        ({}, True, False),
        ({"TERM": "xterm"}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"CLICOLOR": "0"}, False, False),
        ({"CLICOLOR": "1"}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": "0"}, False, False),  # by its definition: any value but an empty one
        ({"NO_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": ""}, True, False),
        ({"CLICOLOR_FORCE": "1"}, True, True),
        ({"CLICOLOR_FORCE": "0"}, True, False),
        ({"FORCE_COLOR": "1", "TERM": "dumb"}, True, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
    ids=str,
)
def test_who_gets_colours(environment, on_terminal, piped):
    assert look_of(Stream(terminal=True), environment).color is on_terminal
    assert look_of(Stream(terminal=False), environment).color is piped


def test_only_a_terminal_has_a_width(monkeypatch):
    monkeypatch.setenv("COLUMNS", "123")
    assert look_of(Stream(terminal=True), {}).width == 123
    assert look_of(Stream(terminal=False), {"FORCE_COLOR": "1"}) == Look(color=True)


def test_plain_is_plain():
    assert look_of(Stream(terminal=False), {}) == PLAIN
    assert (PLAIN.paint("x", RED), PLAIN.fit("long name", 4)) == ("x", "lon…")


TEXTS = [
    "plain.jpg", "", "café", "cafe\u0301", "好中球", "\uff46\uff55", "ﾊﾝｶｸ", "🔬🩸", "\u1112\u1161\u11ab", "한글",
    "àéî\u0332", "مجهر", "मानव", "ㄅㄆ", "½ µm ±", "a\u200bb",
]  # fmt: skip


@pytest.mark.parametrize("text", TEXTS)
def test_columns_are_those_of_terminals(text):
    assert columns_of(text) == wcswidth(text)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("columns", range(7))
@pytest.mark.parametrize("keep", ["start", "end"])
def test_what_fits_is_left_and_the_rest_cut(text, columns, keep):
    fitted = Look().fit(text, columns, keep=keep)
    assert wcswidth(fitted) <= columns
    if wcswidth(text) <= columns:
        assert fitted == text
    else:
        assert fitted.strip("…") in text
        assert columns == 0 or (fitted[0] if keep == "end" else fitted[-1]) == "…"
        assert wcswidth(fitted) >= columns - 1  # a wide letter may not fit into the last column


def test_padding_counts_columns_not_letters():
    assert {wcswidth(pad(text, 12)) for text in TEXTS} == {12}


@pytest.mark.parametrize(
    ("encoding", "name", "shown"),
    [
        ("utf-8", "é好", "é好"),
        ("latin-1", "é好", "é\\u597d"),
        ("ascii", "é", "\\xe9"),
        ("utf-8", "a\x1b[31m", "a\\x1b[31m"),
        ("utf-8", "\udcff.jpg", "\\udcff.jpg"),
    ],
)
def test_names_are_shown_in_the_letters_of_the_stream(encoding, name, shown):
    look = look_of(Stream(terminal=True, encoding=encoding), {})
    assert look.printable(name) == shown
    assert look.fit("x" * 9, 5) == ("xxxx…" if encoding == "utf-8" else "xx...")
