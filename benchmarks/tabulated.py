"""All that a run measured, for people: every measurement, what a model takes, and what is not to be trusted."""

from collections.abc import Iterator, Sequence

import numpy as np

from benchmarks.config import NO_ROLE
from benchmarks.latency import Key, Measurement, Suite
from benchmarks.stability import Finding, findings
from edge_runtime.board import is_busy
from edge_runtime.errors import show
from edge_runtime.markdown import table

HEADER = (
    *("stage", "model", "threads", "batch", "median ms", "p5 ms", "p90 ms", "p95 ms", "p99 ms", "IQR ms", "MAD ms"),
    *("samples", "/ reference", "stable"),
)
ALIGN = "llrrrrrrrrrrrl"
MODELS = ("model", "variant", "size kB", "peak memory MB", "images / s of a folder")
STABLE, MARKED = "yes", "no"
MEANING = (
    "`/ reference` is the time of the calls that nothing disturbed in units of the reference workload, which ran in"
    " between: compare that (`python -m benchmarks compare`)."
)


def to_markdown(suite: Suite) -> str:
    """The tables of a run and what they mean."""
    return "".join(_parts(suite))


def name(key: Key) -> str:
    """What a measurement is called in text."""
    stage, role, threads, batch = key
    of = "" if role == NO_ROLE else f" of {show(role)}"
    more = [f"{threads} threads"] * (threads > 1) + [f"batch {batch}"] * (batch > 1)
    return stage.replace("_", " ") + of + (f" ({', '.join(more)})" if more else "")


def judged(suite: Suite) -> dict[Key, Sequence[Finding]]:
    """Why each measurement is unstable; nothing for those that are stable."""
    cpus = suite.machine_state["cpus"] or 1
    return {each.key: findings(each, cpus=cpus) for each in suite.measurements}


def rows(suite: Suite) -> list[tuple[str, ...]]:
    """A row a measurement, under HEADER."""
    why = judged(suite)
    return [_row(each, stable=not why[each.key]) for each in suite.measurements]


def unstable(suite: Suite) -> list[str]:
    """A line for each measurement that is not to be trusted: what was seen, its causes and their remedies."""
    return [f"{name(key)}: {'. '.join(map(str, why))}." for key, why in judged(suite).items() if why]


def left_out(suite: Suite) -> list[str]:
    """A line for each measurement that could not be taken."""
    return [f"{show(test.rpartition('::')[2])}: {show(why)}" for test, why in suite.left_out.items()]


def remarks(suite: Suite) -> Iterator[str]:
    """What a reader must know to use a table."""
    about = next((each.about for each in suite.measurements if each.role != NO_ROLE), {"image": "none"})
    processor = suite.provenance.get("platform", {}).get("cpu") or suite.machine.get("machine", "an unknown processor")
    yield (
        f"Picture: {show(about['image'])}; {show(processor)}. Milliseconds are of this machine on that day; what"
        " compares between machines is the ratio to the reference workload."
    )
    load, cpus = suite.machine_state["load_1min_at_start"], suite.machine_state["cpus"]
    if is_busy(load, cpus=cpus):
        yield f"The machine was busy when the run began (load {load:.1f} on {cpus} processors): run it again when idle."
    invokes = [each for each in suite.measurements if each.stage == "invoke"]
    slow = dict.fromkeys(show(each.role) for each in invokes if not each.about["uses_delegate"])
    if slow:
        yield f"Without XNNPACK: {', '.join(slow)}. See that /proc and /sys are there, and run it again."


def models(suite: Suite) -> list[tuple[str, ...]]:
    """Size and memory of each model, and how many images of a folder it classifies in a second, under MODELS."""
    found: list[tuple[str, ...]] = []
    for role in dict.fromkeys(each.role for each in suite.measurements if each.role != NO_ROLE):
        folder, cold = suite.find("folder", role), suite.find("cold_start", role)
        if folder is None or cold is None:
            continue
        peaks = [kb / 1024 for kb in cold.about.get("peaks_kb", ()) if kb]
        found.append(
            (
                show(role),
                cold.variant,
                f"{cold.about['model_bytes'] / 1e3:,.0f}",
                f"{np.median(peaks):.1f}" if peaks else "unknown",
                f"{1e3 / folder.median_ms:,.0f}",
            )
        )
    return found


def _parts(suite: Suite) -> Iterator[str]:
    """The text, piece by piece."""
    yield table(HEADER, rows(suite), align=ALIGN) + "\n"
    yield from (f"{line}\n" for line in (*remarks(suite), MEANING))
    if taken := models(suite):
        yield "\n" + table(MODELS, taken, align="llrrr")
    for title, lines in (
        (f"Unstable, {len(unstable(suite))} of {len(suite.measurements)}", unstable(suite)),
        ("Not measured", left_out(suite)),
    ):
        if lines:
            yield f"\n{title}:\n\n"
            yield from (f"- {line}\n" for line in lines)


def _row(measurement: Measurement, *, stable: bool) -> tuple[str, ...]:
    """One line of the table."""
    of = measurement.statistics
    figures = (of.median_ms, of.p5_ms, of.p90_ms, of.p95_ms, of.p99_ms, of.iqr_ms, of.mad_ms)
    stage, role, threads, batch = measurement.key
    return (
        stage.replace("_", " "),
        show(role),
        str(threads),
        str(batch),
        *(f"{figure:.4g}" for figure in figures),
        f"{of.num_runs:,}",
        f"{measurement.ratio:.4g} x",
        STABLE if stable else MARKED,
    )
