"""The one exception that every command turns into one line for the user, and the one warning."""

from collections.abc import Sequence
from functools import partial


class LeukoliteError(Exception):
    """Something the user gave cannot be used.

    The message always says what was expected, what was found and what to do about it, on one line whatever the names
    in it are; so do the three attributes, as they were given.
    """

    def __init__(self, *, expected: str, found: str, remedy: str) -> None:
        super().__init__(show(f"expected {expected}, got {found}; {remedy}"))
        self.expected, self.found, self.remedy = expected, found, remedy

    def __reduce__(self) -> tuple[partial["LeukoliteError"], tuple[()]]:
        """For pickle, which knows no keywords: errors come back from other processes."""
        return partial(type(self), expected=self.expected, found=self.found, remedy=self.remedy), ()


class LeukoliteWarning(UserWarning):
    """Something the user gave is used, but not as it would be best; one line."""


def show(name: object) -> str:
    """A path or other name as printable text on one line, control characters escaped."""
    text = str(name)
    return text if text.isprintable() else ascii(text)[1:-1]


def reason(error: BaseException) -> str:
    """What an exception of another library says, on one line and with its type if it says nothing."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def listed(findings: Sequence[str]) -> str:
    """The first three of them and how many more there are."""
    more = f"; and {len(findings) - 3} more" if len(findings) > 3 else ""
    return "; ".join(findings[:3]) + more
