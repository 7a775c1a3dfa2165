"""A run with peers as Markdown."""

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
    about = report.about
    left_out = "".join(f"- Left out: {name}: {reason}\n" for name, reason in report.left_out.items())
    packages = ", ".join(sorted({row.package for row in report.rows}))
    return (
        f"{table(_HEADER, rows, align='lllrrrrlrlrl')}\n"
        f"{about['pictures']} pictures of {about['tested']['split']}, {about['block']} a turn, all {about['repeats']}"
        f" times, one thread where it can be told, {about['unit']}; in brackets the quartiles. Times ours: the"
        f" median over turns, with the interval of resampled ones. Accuracy of {about['tested']['n']:,} images,"
        " by resampled source cells. Same label: as our network of that kind on the same pixels of TRAIN. Front: none is as good and"
        f" faster. Wanted: ours on the front, and {WANTED} times as fast as each peer whose accuracy is at most {AS_GOOD} lower."
        f" {packages}. {race.remark({'provenance': report.provenance, 'machine_state': report.machine_state})}\n"
        f"{chr(10) if left_out else ''}{left_out}"
    )


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
