"""The report's sections in their order, and its two forms for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks import tabulated
from benchmarks.history import Entry
from benchmarks.instructions import BoardCounts
from benchmarks.report import accuracies, counted, course, latencies
from benchmarks.report.runs import Runs
from benchmarks.report.section import Section, Table
from edge_runtime.errors import show
from edge_runtime.page import NOTICE, page

TITLE = "leukolite: benchmarks"
REHEARSAL = "REHEARSAL on generated pictures: none of these figures says anything about blood cells."

_STYLE = """
:root { color-scheme: light dark; --back: #fff; --grid: #ddd }
body { background: var(--back) } figure { margin: 0 0 .8rem } section { margin-bottom: 1rem }
figcaption { font-size: .9rem; font-weight: bold } svg text { fill: var(--ink) } svg .quiet { fill: var(--quiet) }
.sheet { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; overflow-x: auto; align-items: end }
.dense table { font-size: .75rem; white-space: nowrap }
figure { break-inside: avoid } .small { width: 255px } .small figcaption { font-weight: normal }
.bar { fill: var(--series) } g .bar { fill-opacity: .55 } .marked .bar { fill-opacity: .15; stroke: var(--series) }
.dots { stroke: var(--series); stroke-width: 3; stroke-linecap: round; stroke-opacity: .55; fill: none }
.grid { stroke: var(--grid) } .spread { stroke: var(--ink); stroke-width: 1.5; fill: none }
.interval { stroke: var(--series); stroke-width: 2; fill: none } .course { stroke: var(--quiet); fill: none }
.c0 { --series: #0072b2 } .c1 { --series: #d55e00 } .c2 { --series: #009e73 } .c3 { --series: #b5579a }
.c4 { --series: #b58900 } .c5 { --series: #3aa0dd } .c6 { --series: #777 } .c7 { --series: #7a5cc4 }
@media screen and (prefers-color-scheme: dark) {
:root { --back: #16181d; --ink: #e6e6e6; --quiet: #a9adb5; --line: #454a54; --head: #23262d; --grid: #343841 }
.c0 { --series: #56a8e0 } .c1 { --series: #f28a3c } .c2 { --series: #2fc498 } .c3 { --series: #dd8cc6 }
.c4 { --series: #e0b341 } .c6 { --series: #aaa } .c7 { --series: #a78bea } }
@media print { body { max-width: none; margin: 0; font-size: 11px } svg { max-width: 100%; height: auto }
.scroll, .sheet { overflow: visible } h2 { break-after: avoid } tr { break-inside: avoid } table { font-size: 9px } }
"""


@dataclass(frozen=True)
class Content:
    """What is reported: runs, the counts of instructions that are kept, and the history, empty where none was asked."""

    runs: Runs
    boards: Sequence[BoardCounts]
    entries: Sequence[Entry]

    def sections(self) -> Iterator[Section]:
        """In the order of the page."""
        yield _origin(self.runs)
        yield from latencies.sections(self.runs)
        yield accuracies.section(self.runs)
        if self.boards:
            yield counted.section(self.boards)
        if self.entries:
            yield course.section(self.entries)
        for name, suite in self.runs.suites.items():
            yield Section(
                f"All measurements: {name}",
                notes=(*tabulated.remarks(suite), tabulated.MEANING),
                tables=(
                    Table(tabulated.HEADER, tabulated.rows(suite), tabulated.ALIGN),
                    Table(tabulated.MODELS, tabulated.models(suite), "llrrr"),
                ),
            )
            yield from _lists(name, unstable=tabulated.unstable(suite), left_out=tabulated.left_out(suite))

    def to_html(self) -> bytes:
        """The page, UTF-8."""
        rehearsal = f"<p><b>{REHEARSAL}</b></p>" if self.runs.rehearsal else ""
        head = f"<h1>{escape(TITLE)}</h1><p><b>{NOTICE}</b></p>{rehearsal}"
        return page(TITLE, [head, *(section.to_html() for section in self.sections())], style=_STYLE)

    def to_markdown(self) -> str:
        """The same without pictures."""
        rehearsal = [f"**{REHEARSAL}**\n"] if self.runs.rehearsal else []
        parts = [f"# {TITLE}\n", f"{NOTICE}\n", *rehearsal, *(section.to_markdown() for section in self.sections())]
        return "\n".join(parts)


def figure(runs: Runs) -> str:
    """What a README shows of runs, as Markdown."""
    tables = "\n".join(table.to_markdown() for table in (latencies.table(runs), latencies.breakdown(runs)))
    remarks = dict.fromkeys(line for suite in runs.suites.values() for line in tabulated.remarks(suite))
    return f"{tables}\n" + "".join(f"{line}\n" for line in (*remarks, latencies.MEANING))


def _origin(runs: Runs) -> Section:
    """By which code, on which machine, when and how each run was measured."""
    facts = [_facts(name, runs) for name in runs.suites]
    names = list(dict.fromkeys(key for each in facts for key in each))
    rows = [[key, *(each.get(key, "unknown") for each in facts)] for key in names]
    return Section("Machine and provenance", tables=(Table(["", *runs.suites], rows, "l" * (len(facts) + 1)),))


def _facts(name: str, runs: Runs) -> dict[str, str]:
    """One run's."""
    suite = runs.suites[name]
    made, state = suite.provenance, suite.machine_state
    platform, packages = made.get("platform") or {}, made.get("packages") or {}
    dirty = " with changes" if made.get("dirty") else ""
    models = {
        line.measurement.role: str(line.measurement.about["model_sha256"])[:12]
        for line in Runs({name: suite}).lines
        if "model_sha256" in line.measurement.about
    }
    processes = max(len(each.repetitions) for each in suite.measurements)
    return {
        "processor": show(platform.get("cpu") or suite.machine.get("machine")),
        "processors": str(state["cpus"]),
        "system": show(platform.get("system")),
        "Python": show(platform.get("python")),
        "packages": ", ".join(f"{package} {version}" for package, version in packages.items() if version),
        "commit": f"{made.get('commit')}{dirty}",
        "begun": show(made.get("started")),
        "load then": f"{state['load_1min_at_start']:.1f}",
        "seconds": f"{made.get('seconds', 0):,.0f}",
        "processes": str(processes),
        "models, SHA-256": ", ".join(f"{role} {digest}" for role, digest in models.items()),
    }


def _lists(name: str, *, unstable: Sequence[str], left_out: Sequence[str]) -> Iterator[Section]:
    """What is not to be trusted, and what was not measured; nothing where there is none."""
    if unstable:
        yield Section(f"Unstable: {name}", items=unstable)
    if left_out:
        yield Section(f"Not measured: {name}", items=left_out)
