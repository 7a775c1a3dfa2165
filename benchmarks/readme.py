"""Figures in the README: each stands between two marker lines and is written by a command, never by hand.

<!-- figures:seeds begin -->
...
<!-- figures:seeds end -->
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import write_atomic


def update(readme_path: str | os.PathLike[str], name: str, markdown: str) -> None:
    """Put `markdown` between the markers of the figure `name`; LeukoliteError when they are missing."""
    update_all(readme_path, {name: markdown})


def update_all(readme_path: str | os.PathLike[str], figures: Mapping[str, str]) -> None:
    """Put every figure between its markers, or none: `figures` maps their names to Markdown."""
    text = read(readme_path)
    for name, markdown in figures.items():
        text = replaced(text, name, markdown, path=readme_path)
    write_atomic(readme_path, [text.encode()])


def check(readme_path: str | os.PathLike[str], names: Iterable[str]) -> None:
    """LeukoliteError when `update_all` would find no place for figures of these names."""
    text = read(readme_path)
    for name in names:
        replaced(text, name, "", path=readme_path)


def is_current(readme_path: str | os.PathLike[str], name: str, markdown: str) -> bool:
    """Whether `update` would change nothing."""
    text = read(readme_path)
    return replaced(text, name, markdown, path=readme_path) == text


def replaced(text: str, name: str, markdown: str, *, path: object) -> str:
    """`text` with `markdown` between the markers of `name`; `path` is for the error message."""
    begin, end = (f"<!-- figures:{name} {edge} -->" for edge in ("begin", "end"))
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not found_begin or not found_end or begin in after or begin in before:
        raise LeukoliteError(
            expected=f"the lines {begin} and {end} in {show(path)}, once each",
            found="neither" if begin not in text and end not in text else "not one of each, in that order",
            remedy="add them where the figures belong",
        )
    return f"{before}{begin}\n\n{markdown.strip()}\n\n{end}{after}"


def read(path: str | os.PathLike[str], *, what: str = "a README") -> str:
    """The text of a page; `what` names it in the error message."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise LeukoliteError(
            expected=f"{what} at {show(path)}", found=reason(error), remedy="check the path"
        ) from error
