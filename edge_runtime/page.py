"""HTML pages that need no other file, no script and no network: what the gate's and the benchmarks' have in common."""

from collections.abc import Iterable, Sequence
from html import escape

from edge_runtime.errors import show

NOTICE = "Research use only; not a medical device."

STYLE = """
:root { --ink: #222; --quiet: #555; --line: #ccc; --head: #f6f6f6 }
body { font: 15px/1.5 sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink) }
h2 { margin-top: 2.2rem; font-size: 1.15rem } h3 { font-size: .95rem } .note { color: var(--quiet); font-size: .88rem }
table { border-collapse: collapse; margin: .6rem 0 } td, th { border: 1px solid var(--line); padding: .2rem .55rem }
th { background: var(--head); text-align: left } td.number, th.number { text-align: right; white-space: nowrap }
.scroll { overflow-x: auto } svg text { font-size: 12px }
"""
# A page loads nothing, whatever a name in it may say.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def page(title: str, sections: Iterable[str], *, style: str = "") -> bytes:
    """The whole page, UTF-8, of sections that are HTML already; `style` comes after STYLE."""
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{STYLE}{style}</style>"
    )
    body = "\n".join(sections)
    text = f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>{body}</body></html>\n'
    return text.encode("utf-8", "backslashreplace")


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Iterable[int] = ()) -> str:
    """A plain table, without a first row where no head has a text; the columns `numbers` hold numbers."""
    aligned = set(numbers)
    body = "".join(
        f"<tr>{''.join(cell(text, number=at in aligned) for at, text in enumerate(row))}</tr>" for row in rows
    )
    return f'<div class="scroll"><table>{first_row(heads, aligned) if any(heads) else ""}{body}</table></div>'


def first_row(names: Sequence[str], numbers: Iterable[int]) -> str:
    """The heads of a table."""
    aligned = set(numbers)
    cells = (f"<th{' class=number' if at in aligned else ''}>{escape(name)}</th>" for at, name in enumerate(names))
    return f"<tr>{''.join(cells)}</tr>"


def cell(text: object, *, number: bool = False) -> str:
    """A cell of a table."""
    return f"<td{' class=number' if number else ''}>{escape(show(text))}</td>"
