"""What every format of the report shows: sections of pictures, tables and sentences, whatever they are written as."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from edge_runtime import markdown, page
from edge_runtime.errors import show

_MANY = 10  # columns, beyond which a table needs smaller letters to fit the page


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; `align` is a letter a column, l or r."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    align: str

    def to_markdown(self) -> str:
        """As Markdown."""
        return markdown.table(self.header, self.rows, align=self.align)

    def to_html(self) -> str:
        """As HTML."""
        text = page.table(self.header, self.rows, numbers=[at for at, side in enumerate(self.align) if side == "r"])
        return f'<div class="dense">{text}</div>' if len(self.header) > _MANY else text


@dataclass(frozen=True)
class Section:
    """A part of the report.

    `drawings` are SVG and `legend` says how to read them. Markdown leaves both out: the tables hold the same figures.
    """

    title: str
    notes: Sequence[str] = ()
    legend: str = ""
    drawings: Sequence[str] = ()
    tables: Sequence[Table] = ()
    items: Sequence[str] = ()

    def to_markdown(self) -> str:
        """As Markdown."""
        parts = [f"## {self.title}\n", *(f"{show(note)}\n" for note in self.notes)]
        parts += [table.to_markdown() for table in self.tables]
        parts += ["".join(f"- {show(item)}\n" for item in self.items)] if self.items else []
        return "\n".join(parts)

    def to_html(self) -> str:
        """As HTML."""
        parts = [f"<section><h2>{escape(self.title)}</h2>"]
        notes = [*self.notes, self.legend] if self.legend else self.notes
        parts += [f'<p class="note">{_marked_up(note)}</p>' for note in notes]
        parts += [f'<div class="sheet">{"".join(self.drawings)}</div>'] if self.drawings else []
        parts += [table.to_html() for table in self.tables]
        if self.items:
            parts.append(f"<ul>{''.join(f'<li>{_marked_up(item)}</li>' for item in self.items)}</ul>")
        return "".join([*parts, "</section>"])


def _marked_up(text: str) -> str:
    """HTML of a sentence, what stands between backticks as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(show(text)))
