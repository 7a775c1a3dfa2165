"""How fast: medians with their spread, in milliseconds and in units of the reference workload, and stage by stage."""

from collections.abc import Iterator, Sequence

from benchmarks import tabulated
from benchmarks.config import NO_ROLE, STAGES
from benchmarks.report.drawing import Bar, Stack, bars, stacks
from benchmarks.report.runs import END_TO_END, INVOKE, RUNTIME, Line, Runs
from benchmarks.report.section import Section, Table
from benchmarks.stability import findings

OTHER = "other preprocessing"
"""The suite's preprocess without locate, which it has in it."""

PARTS = ("decode", "locate", OTHER, INVOKE, "postprocess")
"""What end to end is made of, in order."""

_STARTS = ("import", "cold_start")
_IN_ORDER = (END_TO_END, INVOKE, *(stage for stage in STAGES if stage not in (END_TO_END, INVOKE)))

UNIT = "reference workloads"
MEANING = (
    "One picture at a time, on one thread: medians of all calls, from the 5th to the 95th percentile. `/ reference` is"
    " the time of the calls that nothing disturbed in units of a fixed workload that ran in between"
    " (docs/benchmarks.md). Stable: nothing was seen that speaks against these two measurements."
)
_PARTS_MEANING = (
    "The parts of the way from JPEG bytes to a label, each measured by itself, in units of the reference workload. They"
    " need not add up to the whole, which is measured by itself as well."
)


def table(runs: Runs) -> Table:
    """A row a model, one thread and one picture at a time: what a README shows."""
    header = ["model", "variant", "kB"]
    for stage in (END_TO_END, INVOKE):
        header += [f"{stage.replace('_', ' ')}, ms", "p5 to p95", "/ reference"]
    rows = []
    for model in runs.models:
        found = runs.single(model)
        any_line = next(iter(found.values()))
        row = [model, any_line.variant, f"{any_line.measurement.about['model_bytes'] / 1e3:,.0f}"]
        for stage in (END_TO_END, INVOKE):
            row += _figures(found.get(stage))
        stable = all(_is_stable(found[stage]) for stage in (END_TO_END, INVOKE) if stage in found)
        rows.append([*row, tabulated.STABLE if stable else tabulated.MARKED])
    return Table([*header, "stable"], rows, "llr" + "rrr" * 2 + "l")


def breakdown(runs: Runs) -> Table:
    """A row a model: each part of end to end in reference workloads, and what is in none of them."""
    header = ["/ reference", *PARTS, "in none of these", "end to end"]
    rows = []
    for stack in _stacks(runs):
        rest = stack.total - sum(stack.parts.values())
        parts = (f"{stack.parts[part]:.3f}" if part in stack.parts else "none" for part in PARTS)
        rows.append([stack.name, *parts, f"{rest:.3f}", f"{stack.total:.3f}"])
    return Table(header, rows, "l" + "r" * (len(header) - 1))


def sections(runs: Runs) -> Iterator[Section]:
    """The three sections: times, ratios, stages."""
    yield Section(
        "Latency",
        notes=(MEANING,),
        legend="Bar: the median of all calls of all processes; line: from the 5th to the 95th percentile, with an arrow"
        " where it goes on; dots: single calls; pale: unstable.",
        drawings=[_drawn(runs, stage) for stage in _IN_ORDER if _of(runs, stage)],
        tables=(table(runs),),
    )
    yield Section(
        "Against the reference workload",
        notes=("What compares between runs, and largely between machines: the table of all measurements has each.",),
        legend="Bar: the median of the processes, in units of the workload; dots: each process; pale: unstable.",
        drawings=[_drawn_ratios(runs, stage) for stage in (END_TO_END, INVOKE) if _of(runs, stage)],
    )
    drawn = _stacks(runs)
    if drawn:
        yield Section(
            "Stages",
            notes=(_PARTS_MEANING,),
            legend="Upright stroke: end to end, measured as a whole.",
            drawings=[stacks(drawn, PARTS, title="From JPEG bytes to a label", unit=UNIT, meaning=_heard(drawn))],
            tables=(breakdown(runs),),
        )


def _drawn(runs: Runs, stage: str) -> str:
    """A stage's times."""
    rows = []
    for line in _of(runs, stage):
        of = line.measurement.statistics
        said = f"{of.median_ms:.3g} ms ({of.p5_ms:.3g} to {of.p95_ms:.3g}){_unstable(line)}"
        rows.append(_bar(runs, line, (of.median_ms, of.p5_ms, of.p95_ms), said=said, dots=line.measurement.samples_ms))
    title = stage.replace("_", " ").capitalize()
    return _bars(rows, title=title, unit="ms" if stage in _STARTS else "ms a picture")


def _drawn_ratios(runs: Runs, stage: str) -> str:
    """A stage's ratios."""
    rows = []
    for line in _of(runs, stage):
        ratios = line.measurement.ratios
        low, high = min(ratios), max(ratios)
        said = f"{line.measurement.ratio:.4g} x ({low:.4g} to {high:.4g}){_unstable(line)}"
        rows.append(_bar(runs, line, (line.measurement.ratio, low, high), said=said, dots=ratios))
    title = f"{stage.replace('_', ' ').capitalize()} / reference"
    return _bars(rows, title=title, unit=UNIT)


def _bars(rows: Sequence[Bar], *, title: str, unit: str) -> str:
    """The picture, and what it says in words."""
    return bars(rows, title=title, unit=unit, meaning="; ".join(f"{row.name}: {row.said}" for row in rows))


def _bar(runs: Runs, line: Line, figures: tuple[float, float, float], *, said: str, dots: Sequence[float]) -> Bar:
    """One measurement's row, in its model's colour."""
    value, low, high = figures
    color = runs.models.index(line.model) if line.model in runs.models else 0
    marked = not _is_stable(line)
    return Bar(_row_name(line), value, low, high, said=said, color=color, dots=dots, marked=marked)


def _row_name(line: Line) -> str:
    """A model with its threads and batch, where there is more than one of them."""
    _, _, threads, batch = line.measurement.key
    more = [f"{threads} threads"] * (threads > 1) + [f"batch {batch}"] * (batch > 1)
    return ", ".join([RUNTIME if line.model == NO_ROLE else line.model, *more])


def _of(runs: Runs, stage: str) -> list[Line]:
    """The measurements of a stage, a model's beside one another."""
    models = runs.models
    found = [line for line in runs.lines if line.measurement.stage == stage]
    return sorted(found, key=lambda line: models.index(line.model) if line.model in models else -1)


def _stacks(runs: Runs) -> list[Stack]:
    """The parts of each model's end to end, in reference workloads."""
    found = []
    for model in runs.models:
        lines = runs.single(model)
        own = {stage: line.measurement.ratio for stage, line in lines.items()}
        if END_TO_END not in own:
            continue
        if "preprocess" in own:
            own[OTHER] = max(0.0, own["preprocess"] - own.get("locate", 0.0))
        parts = {part: own[part] for part in PARTS if part in own}
        said = f"{own[END_TO_END]:.3f} x, end to end{_unstable(lines[END_TO_END])}"
        found.append(Stack(model, parts, own[END_TO_END], said=said))
    return found


def _heard(drawn: Sequence[Stack]) -> str:
    """The picture in words."""
    return "; ".join(
        f"{stack.name}: {', '.join(f'{name} {value:.3f}' for name, value in stack.parts.items())}" for stack in drawn
    )


def _figures(line: Line | None) -> list[str]:
    """Median, spread and ratio of a measurement for the table."""
    if line is None:
        return ["none"] * 3
    of = line.measurement.statistics
    return [f"{of.median_ms:.3f}", f"{of.p5_ms:.3f} to {of.p95_ms:.3f}", f"{line.measurement.ratio:.3f} x"]


def _is_stable(line: Line) -> bool:
    """Whether nothing is to be said against a measurement."""
    return not findings(line.measurement, cpus=line.cpus)


def _unstable(line: Line) -> str:
    """A word where something is."""
    return "" if _is_stable(line) else ", unstable"
