"""Tables in Markdown, for the reports of every stage."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[object]], *, align: str) -> str:
    """A table whose text reads well unrendered, too.

    Args:
        header: the names of the columns.
        rows: their cells; anything that `str` takes.
        align: a letter a column, l or r.
    """
    lines = [[_cell(cell) for cell in row] for row in (header, *rows)]
    widths = [max(3, *(len(line[column]) for line in lines)) for column in range(len(header))]
    rules = [_rule(letter, width) for letter, width in zip(align, widths, strict=True)]
    text = [_line(lines[0], widths, align), f"|{'|'.join(rules)}|\n"]
    return "".join(text + [_line(line, widths, align) for line in lines[1:]])


def _cell(value: object) -> str:
    """A cell's text; a class or file name must not end the cell or the row."""
    return " ".join(str(value).replace("|", "\\|").split())


def _rule(letter: str, width: int) -> str:
    """The line below the header, which says how a column is aligned."""
    return ":" + "-" * (width + 1) if letter == "l" else "-" * (width + 1) + ":"


def _line(cells: Sequence[str], widths: Sequence[int], align: str) -> str:
    """One row, padded."""
    padded = (
        cell.ljust(width) if letter == "l" else cell.rjust(width)
        for cell, width, letter in zip(cells, widths, align, strict=True)
    )
    return f"| {' | '.join(padded)} |\n"
