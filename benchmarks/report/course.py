"""How the figures went from commit to commit, from the entries of the history."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from benchmarks.history import INSTRUCTIONS, UNITS, Entry, Point
from benchmarks.report.drawing import Moment, course
from benchmarks.report.runs import END_TO_END, INVOKE
from benchmarks.report.section import Section, Table

_SHORT = 8  # letters of a commit
_STAGES = (END_TO_END, INVOKE)

Series = tuple[str, str, str, str, str]
"""Kind, place, picture, model and stage: points of one are comparable."""


def section(entries: Sequence[Entry]) -> Section:
    """A small picture a figure, and what became of it."""
    notes = [
        "End to end and invoke, one picture on one thread, a point a commit; the files hold the other stages. Counts of"
        " instructions have no noise. Ratios to the reference workload have: whether one has changed is said by"
        " `python -m benchmarks compare`."
    ]
    legend = (
        "Square: another model than the point before; pale: unstable; upright line: the lowest and the highest process"
        " or run. Each picture has its own scale, at least 2 % of the value high."
    )
    drawings, rows = [], []
    for series, points in _series(entries):
        drawings.append(_drawn(series, points))
        rows.append(_row(series, points))
    header = ("figure", "commits", "unit", "first", "last", "change", "model")
    tables = (Table(header, rows, "lrlrrrl"),)
    return Section("History", notes, legend, drawings, tables, items=list(dict.fromkeys(_unstable(entries))))


def _series(entries: Sequence[Entry]) -> Iterator[tuple[Series, list[tuple[Entry, Point]]]]:
    """The points of each figure in the order of the entries, counts of instructions first."""
    found = [
        ((entry.kind, entry.where, entry.picture, point.model, point.stage), entry, point)
        for entry in entries
        for point in entry.points
        if point.stage in _STAGES and (point.num_threads, point.batch) == (1, 1)
    ]
    found.sort(key=lambda each: each[0])  # stable: within a series the order stays that of the dates
    for series, same in groupby(found, key=lambda each: each[0]):
        yield series, [(entry, point) for _, entry, point in same]


def _drawn(series: Series, points: Sequence[tuple[Entry, Point]]) -> str:
    """One picture."""
    before = [points[0][1], *(point for _, point in points)]
    moments = [
        Moment(
            name=entry.commit[:_SHORT],
            value=point.value,
            low=point.low,
            high=point.high,
            said=_figure(entry.kind, point.value),
            changed=point.sha256 != old.sha256,
            marked=bool(point.unstable),
        )
        for (entry, point), old in zip(points, before, strict=False)
    ]
    meaning = "; ".join(f"{each.name}: {each.said}" for each in moments)
    return course(moments, title=_name(series), meaning=meaning)


def _row(series: Series, points: Sequence[tuple[Entry, Point]]) -> Sequence[object]:
    """First, last and the change between them."""
    (entry, first), (_, last) = points[0], points[-1]
    figures = (_figure(entry.kind, point.value) for point in (first, last))
    row = (_name(series), len(points), UNITS[entry.kind], *figures)
    if len(points) == 1:
        return (*row, "none", "none")
    change = round(last.value / first.value - 1, 3) or 0  # not -0.0 %
    return (*row, f"{change:+.1%}", "the same" if first.sha256 == last.sha256 else "another")


def _name(series: Series) -> str:
    """A series for people."""
    _, where, _, model, stage = series
    return f"{where}: {model}, {stage.replace('_', ' ')}"


def _figure(kind: str, value: float) -> str:
    """With its unit's letters."""
    return f"{value / 1e6:.2f} M" if kind == INSTRUCTIONS else f"{value:.3f} x"


def _unstable(entries: Sequence[Entry]) -> Iterator[str]:
    """What is not to be trusted, why, and what to do."""
    for series, points in _series(entries):
        for entry, point in points:
            if point.unstable:
                yield f"Unstable at {entry.commit[:_SHORT]}, {_name(series)}: {'. '.join(point.unstable)}."
