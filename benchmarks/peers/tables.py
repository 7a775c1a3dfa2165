"""A run with peers as Markdown."""

from collections.abc import Iterator

from benchmarks import race
from benchmarks.peers.report import AS_GOOD, WANTED, Interval, Report, Row, Time
from edge_runtime.markdown import table

_HEADER = (
    "engine",
    "network",
    "kind",
    "kB",
    "network alone",
    "bytes to label",
    "times ours",
    "95 %",
    "accuracy",
    "95 % by cell",
    "same label",
    "front",
)


def to_markdown(report: Report) -> str:
    """A row an entrant, fastest first; who was left out, and how it was measured."""
    front = report.front()
    rows = [_cells(row, row.name in front) for row in sorted(report.rows, key=lambda row: row.end_to_end.median_ms)]
    text = f"{table(_HEADER, rows, align='lllrrrrlrlrl')}\n{' '.join(_remarks(report))}\n"
    left_out = [f"- Left out: {name}: {reason}\n" for name, reason in report.left_out.items()]
    return "".join([text, *(["\n"] if left_out else []), *left_out])


def _remarks(report: Report) -> Iterator[str]:
    """How it was measured, a sentence or two each."""
    about, tested = report.about, report.about["tested"]
    yield f"{about['pictures']} pictures of {tested['split']}, {about['block']} a turn, all {about['repeats']} times,"
    yield f"one thread where it can be told, {about['unit']}; in brackets the quartiles."
    yield "Times ours: the median over turns, with the interval of resampled ones."
    yield f"Accuracy of {tested['n']:,} images, by resampled source cells."
    yield "Same label: as our network of that kind on the same pixels of TRAIN. Front: none is as good and faster."
    yield f"Wanted: ours on the front, {WANTED} times as fast as each peer whose accuracy is at most {AS_GOOD} lower."
    yield f"{', '.join(sorted({row.package for row in report.rows}))}."
    yield race.remark({"provenance": report.provenance, "machine_state": report.machine_state})


def _cells(row: Row, front: bool) -> tuple[str, ...]:
    """One row."""
    return (
        row.engine,
        row.network,
        row.kind,
        f"{row.size_bytes / 1e3:,.0f}",
        _time(row.invoke),
        _time(row.end_to_end),
        f"{row.times:.2f}",
        _interval(row.times_ci95, 2),
        f"{row.accuracy:.4f}",
        _interval(row.accuracy_ci95, 3),
        "-" if row.alike is None else f"{row.alike:.1%}",
        "yes" if front else "",
    )


def _time(time: Time) -> str:
    """In milliseconds."""
    return "{:.2f} ms ({:.2f} to {:.2f})".format(time.median_ms, *time.quartiles_ms)


def _interval(ends: Interval | None, digits: int) -> str:
    """From and to."""
    return "-" if ends is None else " to ".join(f"{end:.{digits}f}" for end in ends)
