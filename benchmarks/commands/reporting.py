"""Report what the suite measured, and keep summaries of it from commit to commit."""

import argparse
from pathlib import Path

from benchmarks.commands import PROG, output, page
from edge_runtime.command import DONE, Parser, note


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    report = commands.add_parser(
        "report", help="report runs of the suite: an HTML page, Markdown, github-action-benchmark's JSON"
    )
    report.add_argument(
        "--results", required=True, nargs="+", metavar="RUN.json", help="what `python -m benchmarks run` wrote"
    )
    report.add_argument("--history", metavar="DIR", help="show how figures went, from what `store` keeps there")
    report.add_argument(
        "--html", type=output, metavar="FILE", help="one page, pictures included, that needs no other file"
    )
    report.add_argument("--markdown", type=output, metavar="FILE", help="the same without pictures")
    report.add_argument(
        "--github-action-benchmark",
        type=output,
        metavar="FILE",
        help="a list for that action's tool customSmallerIsBetter",
    )
    report.add_argument("--readme", type=page("latency"), metavar="FILE", help="update its figure `latency`")
    report.set_defaults(call=_report, parser=report)

    store = commands.add_parser(
        "store",
        help="add the ratios of a run, or the counts of instructions in git's history, to the kept history",
        description="Add small files to the history, one for each machine or board and commit; none is ever replaced.",
    )
    store.add_argument("--results", nargs="+", default=[], metavar="RUN.json", help="runs of a commit without changes")
    store.add_argument(
        "--references", action="store_true", help="what each commit in git made the references of instructions"
    )
    store.add_argument("--history", type=Path, metavar="DIR", help="default: benchmarks/history")
    store.set_defaults(call=_store, parser=store)


def _report(args: argparse.Namespace) -> int:
    """Write what is asked for, after everything was read and made: a bad file leaves nothing half done."""
    from benchmarks import history, readme, reference
    from benchmarks.instructions import BOARDS
    from benchmarks.report import action, runs
    from benchmarks.report.content import Content, figure
    from edge_runtime.files import write_atomic

    if not (args.html or args.markdown or args.github_action_benchmark or args.readme):
        args.parser.error("nothing to write: name --html, --markdown, --github-action-benchmark or --readme")
    found = runs.load(args.results)
    boards = [reference.load(name) for name in BOARDS]
    content = Content(found, boards, history.load(args.history) if args.history else ())
    forms = {
        args.html: content.to_html(),
        args.markdown: content.to_markdown().encode("utf-8", "backslashreplace"),
        args.github_action_benchmark: action.to_json(action.benchmarks(found, boards)),
    }
    if args.readme:
        readme.update(args.readme, "latency", figure(found))
    for path, written in forms.items():
        if path:
            write_atomic(path, [written])
            print(path)
    return DONE


def _store(args: argparse.Namespace) -> int:
    """Add to the history."""
    from benchmarks import history
    from benchmarks.latency import load_suite

    if not (args.results or args.references):
        args.parser.error("nothing to store: name --results or --references")
    entries = [history.of_run(load_suite(path), source=path) for path in args.results]
    entries += history.of_references() if args.references else ()
    written = history.store(entries, args.history or history.FOLDER)
    for path in written:
        print(path)
    if len(written) < len(entries):
        note(PROG, f"{len(entries) - len(written)} of {len(entries)} entries were kept already")
    return DONE
