"""The verdict as an HTML page."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from edge_runtime.errors import show
from edge_runtime.gate import columns
from edge_runtime.gate.changes import Change, changes
from edge_runtime.gate.svg import COLORS, draw_intervals
from edge_runtime.gate.verdict import Verdict
from edge_runtime.page import NOTICE, cell, first_row, page, table
from edge_runtime.report import EvalReport
from edge_runtime.thumbnail import thumbnail

MOST_CHANGES = 200  # a sheet that is still read, and a page of some megabytes at most

_HEIGHT_PX, _WIDTH_PX = 96, 128  # of a picture
_STYLE = """
h1 { color: #fff; padding: .4rem .8rem; font-size: 1.4rem }
.side { display: flex; flex-wrap: wrap; gap: 2rem } .sheet { display: flex; flex-wrap: wrap; gap: .8rem }
.matrix { font-size: .8rem } .matrix td { text-align: right }
figure { margin: 0; width: 130px } figcaption { font-size: .72rem; overflow-wrap: anywhere; line-height: 1.25 }
"""


def to_html(
    verdict: Verdict,
    candidate: EvalReport,
    reference: EvalReport,
    *,
    about: Mapping[str, Any],
    images: Mapping[str, str] | None,
) -> bytes:
    """The page, UTF-8. `images` are the files of the reports' images by name, for the sheet; without it a list."""
    color = COLORS[verdict.verdict]
    sections = [
        f'<h1 style="background:{color}">{escape(columns.summary(verdict))}</h1><p>{NOTICE}</p>',
        table(("", ""), [(name, str(value)) for name, value in about.items()]),
        "<h2>Rules, worst first</h2>",
        _rules(verdict),
        "<h2>Intervals</h2>",
        _intervals(verdict),
        "<h2>What stands behind them</h2>",
        table(columns.BEHIND, columns.behind_rows(verdict), numbers=range(1, len(columns.BEHIND))),
        *(f'<p class="note">{escape(note)}</p>' for note in columns.notes(verdict)),
        "<h2>Confusion matrices</h2><p>Rows: the true class; columns: the answer; shaded by the share of the row.</p>",
        f'<div class="side">{_matrix("reference", reference)}{_matrix("candidate", candidate)}</div>',
        _changed(changes(candidate, reference), images),
    ]
    return page(columns.summary(verdict), sections, style=_STYLE)


def _rules(verdict: Verdict) -> str:
    """A row a rule, its verdict in its colour."""
    rows = []
    for row in columns.rule_rows(verdict):
        cells = [f'<td style="color:{COLORS[row[0]]}"><b>{row[0]}</b></td>']
        cells += [cell(text, number=at in (3, 4, 5)) for at, text in enumerate(row) if at]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table>{first_row(columns.RULES, (3, 4, 5))}{"".join(rows)}</table></div>'


def _intervals(verdict: Verdict) -> str:
    """Drops in one picture, floors in another: their figures are of different sizes."""
    drawn = [rule for rule in verdict.rules if rule.ci95 is not None]
    parts = []
    for prefix, title in (("max_", "Drops against the reference"), ("min_", "The candidate's own rates")):
        rules = sorted((rule for rule in drawn if rule.name.startswith(prefix)), key=lambda rule: rule.name)
        if rules:
            parts.append(f'<h3>{title}</h3><div class="scroll">{draw_intervals(rules, title=title)}</div>')
    meaning = "Point: what was seen; line: its 95 % interval; upright stroke: the limit, grey on its bad side."
    return f'<p class="note">{meaning}</p>{"".join(parts)}'


def _matrix(role: str, report: EvalReport) -> str:
    """One model's confusion matrix; images without an answer in a column of their own, where there are any."""
    unread = [report.per_class[label].n - sum(row) for label, row in _rows(report)]
    heads = [escape(show(label)) for label in report.labels] + (["no answer"] if any(unread) else [])
    rows: list[str] = []
    for (label, row), none in zip(_rows(report), unread, strict=True):
        counts = [*row, *([none] if any(unread) else [])]
        total = max(1, sum(row) + none)
        cells = "".join(_shaded(count, count / total, right=at == len(rows)) for at, count in enumerate(counts))
        rows.append(f"<tr><th>{escape(show(label))}</th>{cells}</tr>")
    title = escape(show(f"{role}: {report.model.get('file')}, accuracy {report.accuracy:.4f}"))
    head = "".join(f"<th>{name}</th>" for name in ["", *heads])
    return f'<div class="scroll"><h3>{title}</h3><table class="matrix"><tr>{head}</tr>{"".join(rows)}</table></div>'


def _rows(report: EvalReport) -> Iterable[tuple[str, Sequence[int]]]:
    """Label and counts of each true class."""
    return zip(report.labels, report.confusion_matrix, strict=True)


def _shaded(count: int, share: float, *, right: bool) -> str:
    """A count on green where it is right, on red where it is wrong, the deeper the larger its share of the row."""
    color = "26,127,55" if right else "207,34,46"
    return f'<td style="background:rgba({color},{0.75 * share:.2f})">{count:,}</td>'


def _changed(found: Sequence[Change], images: Mapping[str, str] | None) -> str:
    """The images whose label changed: a sheet, or a list where nobody said where they lie."""
    lost, won = (sum(change.kind == kind for change in found) for kind in ("lost", "won"))
    title = f"<h2>Another label than before: {len(found):,} images</h2>"
    meaning = f"{lost:,} were right before, {won:,} are right now, {len(found) - lost - won:,} are wrong as before."
    if len(found) > MOST_CHANGES:
        meaning += f" The first {MOST_CHANGES} are shown."
    shown = found[:MOST_CHANGES]
    if images is None:
        rows = [(each.kind, each.true, each.reference or "-", each.candidate or "-", each.path) for each in shown]
        body = table(("", "true", "reference", "candidate", "image"), rows) if rows else ""
        return f"{title}<p>{meaning} Give --data to see them.</p>{body}"
    return (
        f'{title}<p>{meaning}</p><div class="sheet">{"".join(_figure(each, images[each.path]) for each in shown)}</div>'
    )


def _figure(change: Change, path: str) -> str:
    """One picture, what it shows and what was said of it."""
    said = f"{change.kind}: {change.true}, said {change.reference or 'nothing'}, now {change.candidate or 'nothing'}"
    picture = thumbnail(path, height_px=_HEIGHT_PX, width_px=_WIDTH_PX)
    caption = f"<b>{escape(show(said))}</b><br>{escape(show(change.path))}"
    return f'<figure><img alt="{escape(show(said))}" src="{picture}"><figcaption>{caption}</figcaption></figure>'
