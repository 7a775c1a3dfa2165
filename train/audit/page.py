"""The audit for people: one HTML file, pictures included, that needs nothing else."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TypeVar

from edge_runtime.errors import show
from edge_runtime.thumbnail import thumbnail
from train.audit.report import Audit, Group
from train.audit.survey import Finding

Item = TypeVar("Item")

_HEIGHT_PX, _WIDTH_PX = 120, 160  # of a picture
_MOST = 24  # pictures or pairs of a section: a sheet that is still read

_STYLE = """
body { font: 16px/1.5 sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { border: 1px solid #ccc; padding: .3rem .7rem }
td { text-align: right } td:first-child, td:nth-child(2) { text-align: left }
.sheet { display: flex; flex-wrap: wrap; gap: 1rem } figure { margin: 0 } figcaption { font-size: .75rem;
max-width: 330px; overflow-wrap: anywhere } img { margin-right: 4px }
"""


def render(audit: Audit, *, title: str) -> bytes:
    """The page, UTF-8."""
    survey = audit.survey
    first = _first_of_each(survey.findings)
    places = {original.name: original.path for original in survey.originals}
    findings = survey.findings
    sections = [
        _section(
            "Groups that splits cut",
            "Images of the same field in more than one split: what was learnt from one is answered in the other.",
            audit.straddling,
            lambda group: _group_figure(group, first, by_split=True),
        ),
        _section(
            "Groups with several labels",
            "The same field, labelled differently: at least one label is wrong, or the photographs show other cells.",
            audit.two_labels,
            lambda group: _group_figure(group, first, by_split=False),
        ),
        _section(
            "Photographs that overlap",
            "Two photographs of one field; their copies are in one group.",
            survey.overlaps,
            lambda each: _figure(
                [places[name] for name in each.photos], f"{' and '.join(each.photos)}: {each.correlation:.3f}"
            ),
        ),
        _section(
            "Labelled unlike their source",
            "Images whose label is none of their photograph's.",
            audit.other_label,
            lambda each: _figure([each.image.path, places[each.source or ""]], f"{each.image.name}, {each.source}"),
        ),
        _section(
            "Same content, several labels",
            "Byte for byte the same file in folders of different classes.",
            audit.contradicting,
            lambda same: _figure(
                [findings[index].image.path for index in same[:2]],
                ", ".join(findings[index].image.name for index in same),
            ),
        ),
        _section(
            "Near duplicates",
            "Pairs so alike that nobody would tell them apart; the most alike first.",
            survey.near_duplicates,
            lambda pair: _figure(
                [findings[index].image.path for index in pair[:2]],
                f"{findings[pair[0]].image.name}, {findings[pair[1]].image.name}: {pair[2]:.4f}",
            ),
        ),
        _section(
            "No stained cell in sight",
            "The label says a cell; the picture shows none.",
            audit.without_cell,
            lambda each: _figure([each.image.path], each.image.name),
        ),
        _section(
            "Of unknown source",
            "No photograph surely shows the same field.",
            audit.unknown,
            lambda each: _figure([each.image.path], each.image.name),
        ),
        _names("Unreadable images", [f"{each.image.name}: {each.error}" for each in audit.unreadable]),
        _names("Unreadable originals", [f"{name}: {why}" for name, why in survey.unreadable_originals.items()]),
        _names("Originals without images", audit.unused_originals),
    ]
    summary = "".join(f"<li>{escape(line)}</li>" for line in audit.lines())
    body = f"<h1>{escape(title)}</h1><p>Research use only; not a medical device.</p><ul>{summary}</ul>{_table(audit)}"
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    page = f'<!doctype html><html lang="en"><head>{head}</head><body>{body}{"".join(sections)}</body></html>\n'
    return page.encode("utf-8", "backslashreplace")


def _section(title: str, meaning: str, items: Sequence[Item], figure: Callable[[Item], str]) -> str:
    """A heading, how many there are, and pictures of the first."""
    shown = "".join(figure(item) for item in items[:_MOST])
    more = f" The first {_MOST} are shown; audit.json names all." if len(items) > _MOST else ""
    return f'<h2>{escape(title)}: {len(items):,}</h2><p>{escape(meaning)}{more}</p><div class="sheet">{shown}</div>'


def _names(title: str, names: Sequence[str]) -> str:
    """A heading and a list; nothing where the list is empty."""
    if not names:
        return ""
    items = "".join(f"<li>{escape(show(name))}</li>" for name in names)
    return f"<h2>{escape(title)}: {len(names)}</h2><ul>{items}</ul>"


def _table(audit: Audit) -> str:
    """Images, sources and groups of each split and class."""
    rows = []
    for split, classes in audit.splits().items():
        for label, counts in classes.items():
            cells = "".join(f"<td>{value}</td>" for value in (escape(show(split)), escape(show(label))))
            rows.append("<tr>" + cells + "".join(f"<td>{count:,}</td>" for count in counts.values()) + "</tr>")
    heads = "".join(f"<th>{name}</th>" for name in ("split", "class", "images", "assigned", "sources", "groups"))
    return f"<table><tr>{heads}</tr>{''.join(rows)}</table>"


def _group_figure(group: Group, first: Mapping[tuple[str, str, str], Finding], *, by_split: bool) -> str:
    """An image of each split, or of each label, that a group occurs in."""
    shown: dict[str, Finding] = {}
    for split, label in sorted(group.counts):
        shown.setdefault(split if by_split else label, first[group.name, split, label])
    counts = ", ".join(f"{count} {split} {label}" for (split, label), count in sorted(group.counts.items()))
    return _figure([finding.image.path for finding in shown.values()], f"{group.name}: {counts}")


def _first_of_each(findings: Sequence[Finding]) -> dict[tuple[str, str, str], Finding]:
    """An image of each group, split and class, the one that is most alike its photograph."""
    best: dict[tuple[str, str, str], Finding] = {}
    for finding in findings:
        key = (finding.group, finding.split, finding.image.label)
        if key not in best or best[key].correlation < finding.correlation:
            best[key] = finding
    return best


def _figure(paths: Sequence[str], caption: str) -> str:
    """Pictures side by side with a line below."""
    small = [thumbnail(path, height_px=_HEIGHT_PX, width_px=_WIDTH_PX) for path in paths]
    pictures = "".join(f'<img alt="" src="{each}">' for each in small)
    return f"<figure>{pictures}<figcaption>{escape(show(caption))}</figcaption></figure>"
