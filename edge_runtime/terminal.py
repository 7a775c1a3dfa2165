"""How text looks where it goes: colours for people who see them, plain for programs, never wider than the terminal."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from edge_runtime.errors import show

# Select Graphic Rendition of ECMA-48, the sixteen colours that every terminal has and its user has chosen.
BOLD, DIM, RED, GREEN, YELLOW, MAGENTA = "1", "2", "31", "32", "33", "35"

_ELLIPSES = "…", "..."


@dataclass(frozen=True)
class Look:
    """What a stream may be sent: whether colours, how many columns on a line (None: any number), and which letters."""

    color: bool = False
    width: int | None = None
    encoding: str = "utf-8"

    def paint(self, text: str, style: str) -> str:
        """The text in a colour of this module, where there are colours."""
        return f"\x1b[{style}m{text}\x1b[0m" if self.color and style and text else text

    def printable(self, name: object) -> str:
        """A name as it will stand there, on one line: escapes for what is no letter, or none of the encoding's."""
        return show(name).encode(self.encoding, "backslashreplace").decode(self.encoding)

    def fit(self, text: str, columns: int, *, keep: str = "start") -> str:
        """The text in at most so many columns, cut off behind or, to keep its `end`, in front."""
        if columns_of(text) <= columns:
            return text
        dots = next((each for each in _ELLIPSES if self.printable(each) == each), "")[: max(columns, 0)]
        room = columns - columns_of(dots)
        if keep == "end":
            kept = _start(text[::-1], room)[::-1]
            return dots + kept[next((at for at, letter in enumerate(kept) if columns_of(letter)), 0) :]
        return _start(text, room) + dots

    def wrap(self, text: str, *, indent: int) -> str:
        """Words in as many lines as they need, where there is a width; all but the first begin so far to the right."""
        if self.width is None or columns_of(text) + indent <= self.width:
            return text
        from textwrap import wrap

        return f"\n{'':<{indent}}".join(wrap(text, max(self.width - indent, 1)))


PLAIN = Look()


def look_of(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Look:
    """What a stream may be sent.

    Colours go to a terminal, unless TERM is `dumb` or CLICOLOR 0; NO_COLOR (https://no-color.org) forbids them
    anywhere, FORCE_COLOR and CLICOLOR_FORCE ask for them anywhere. Only a terminal has a width.
    """
    terminal, encoding = stream.isatty(), getattr(stream, "encoding", None) or "utf-8"
    return Look(_wanted(terminal, environment), _width() if terminal else None, encoding)


def _wanted(terminal: bool, environment: Mapping[str, str]) -> bool:
    """Whether colours are; who forbids them is heard first, as by Python itself."""
    if environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "0") not in ("", "0") for name in ("FORCE_COLOR", "CLICOLOR_FORCE")):
        return True
    return terminal and environment.get("TERM") != "dumb" and environment.get("CLICOLOR") != "0"


def _width() -> int:
    """The columns of the terminal, by COLUMNS where that is set."""
    from shutil import get_terminal_size

    return get_terminal_size().columns


def columns_of(text: str) -> int:
    """How many columns a terminal gives the text: two to wide letters, none to those that join the one before."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(letter: str) -> int:
    """The columns of one letter; those of Hangul that follow another join its block."""
    import unicodedata  # a library of its own, which plain names need not wait for

    if unicodedata.category(letter) in ("Mn", "Me", "Cf") or "\u1160" <= letter <= "\u11ff":
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def pad(text: str, columns: int) -> str:
    """The text with spaces behind it up to so many columns."""
    return text + " " * (columns - columns_of(text))


def _start(text: str, columns: int) -> str:
    """As many letters as fit into the columns."""
    taken, used = 0, 0
    for letter in text:
        used += columns_of(letter)
        if used > columns:
            break
        taken += 1
    return text[:taken]
