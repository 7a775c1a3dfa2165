"""All that a run measured, for people: every measurement, what a model takes, and what is not to be trusted."""

from collections.abc import Iterator

import numpy as np

from benchmarks.config import NO_ROLE
from benchmarks.latency import Key, Measurement, Suite, remarks
from benchmarks.stability import findings
from edge_runtime.errors import show
from edge_runtime.markdown import table

_HEADER = (
    *("stage", "model", "threads", "batch", "median ms", "p90 ms", "p95 ms", "p99 ms", "IQR ms", "MAD ms", "samples"),
    *("/ reference", "stable"),
)
MARKED = "no"


def to_markdown(suite: Suite) -> str:
    """The tables of a run and what they mean."""
    return "".join(_parts(suite))


def name(key: Key) -> str:
    """What a measurement is called in text."""
    stage, role, threads, batch = key
    of = "" if role == NO_ROLE else f" of {show(role)}"
    more = [f"{threads} threads"] * (threads > 1) + [f"batch {batch}"] * (batch > 1)
    return stage.replace("_", " ") + of + (f" ({', '.join(more)})" if more else "")


def _parts(suite: Suite) -> Iterator[str]:
    """The text, piece by piece."""
    cpus = suite.machine_state["cpus"] or 1
    marked = {each.key: findings(each, cpus=cpus) for each in suite.measurements}
    rows = [_row(each, stable=not marked[each.key]) for each in suite.measurements]
    yield table(_HEADER, rows, align="llrrrrrrrrrrl") + "\n"
    yield from (f"{line}\n" for line in remarks(suite))
    yield (
        "`/ reference` is the time of the calls that nothing disturbed in units of the reference workload, which ran in"
        " between: compare that (`python -m benchmarks compare`).\n"
    )
    yield from _models(suite)
    unstable = {key: found for key, found in marked.items() if found}
    if unstable:
        yield f"\nUnstable, {len(unstable)} of {len(marked)}:\n\n"
        yield from (f"- {name(key)}: {'. '.join(map(str, found))}.\n" for key, found in unstable.items())
    if suite.left_out:
        yield "\nNot measured:\n\n"
        yield from (f"- {show(test.rpartition('::')[2])}: {show(why)}\n" for test, why in suite.left_out.items())


def _row(measurement: Measurement, *, stable: bool) -> tuple[str, ...]:
    """One line of the table."""
    statistics = measurement.statistics
    figures = (statistics.median_ms, statistics.p90_ms, statistics.p95_ms, statistics.p99_ms, statistics.iqr_ms)
    stage, role, threads, batch = measurement.key
    return (
        stage.replace("_", " "),
        show(role),
        str(threads),
        str(batch),
        *(f"{figure:.4g}" for figure in (*figures, statistics.mad_ms)),
        f"{statistics.num_runs:,}",
        "none" if measurement.ratio is None else f"{measurement.ratio:.4g} x",
        "yes" if stable else MARKED,
    )


def _models(suite: Suite) -> Iterator[str]:
    """Size and memory of each model, and how many images of a folder it classifies in a second."""
    rows = []
    for role in dict.fromkeys(each.role for each in suite.measurements if each.role != NO_ROLE):
        folder, cold = suite.find("folder", role), suite.find("cold_start", role)
        if folder is None or cold is None:
            continue
        peaks = [kb / 1024 for kb in cold.about.get("peaks_kb", ()) if kb]
        rows.append(
            (
                show(role),
                cold.variant,
                f"{cold.about['model_bytes'] / 1e3:,.0f}",
                f"{np.median(peaks):.1f}" if peaks else "unknown",
                f"{1e3 / folder.median_ms:,.0f}",
            )
        )
    if rows:
        header = ("model", "variant", "size kB", "peak memory MB", "images / s of a folder")
        yield "\n" + table(header, rows, align="llrrr")
