"""What a page of docs/ tells people to type."""

import re
from pathlib import Path

DOCS = Path(__file__).parent.parent / "docs"


def blocks(page: str, heading: str, *, language: str = "sh") -> list[str]:
    """The code blocks of a language below a heading of a page, in their order; there must be one at least."""
    (section,) = re.findall(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", _text(page), flags=re.DOTALL | re.MULTILINE)
    found = re.findall(rf"^```{language}\n(.*?)^```$", section, flags=re.DOTALL | re.MULTILINE)
    if not found:
        raise LookupError(f"{page} has no {language} below {heading}")
    return found


def headings(page: str) -> list[str]:
    """All that stand over a code block to be run."""
    return [name for name in re.findall(r"^## (.+)$", _text(page), flags=re.MULTILINE) if _runs(page, name)]


def _runs(page: str, heading: str) -> bool:
    """Whether there is something to be run below a heading."""
    try:
        return bool(blocks(page, heading))
    except LookupError:
        return False


def _text(page: str) -> str:
    """The page."""
    return (DOCS / page).read_text(encoding="utf-8")
