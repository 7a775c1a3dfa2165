"""Tell what other commands measured: the summary of a run, tables and figures of pages."""

import argparse
from pathlib import Path

from benchmarks.commands import publish
from edge_runtime.command import DONE, Parser


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    summary = commands.add_parser("summary", help="write how good a finished run's models are, with pictures")
    summary.add_argument("--int8", required=True, metavar="EVAL.json", help="EvalReport of the int8 model")
    summary.add_argument("--float32", required=True, metavar="EVAL.json", help="EvalReport of the float32 model")
    summary.add_argument("--verdict", required=True, metavar="GATE.json", help="what `leukolite gate --json` wrote")
    summary.add_argument("--results", required=True, metavar="RUN.json", help="what `python -m benchmarks run` wrote")
    summary.add_argument("--history", metavar="HISTORY.csv", help="the training's epochs")
    summary.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell, to name disputed ones")
    summary.add_argument("--out", required=True, metavar="DIR", help="write summary.md, confusion.png, rates.png there")
    summary.add_argument("--readme", metavar="FILE", help="update its figures `accuracy` and `disputed`")
    summary.set_defaults(call=_summary)

    seeds = commands.add_parser("seeds", help="tabulate the EvalReports of several seeds")
    seeds.add_argument(
        "--reports", nargs="+", required=True, metavar="GLOB", help="EvalReports named seed<N>-<variant>.json"
    )
    seeds.add_argument("--out", required=True, metavar="FILE.md")
    seeds.add_argument("--json", metavar="FILE")
    seeds.add_argument("--readme", metavar="FILE", help="update its figure of this --name")
    seeds.add_argument("--name", default="seeds", help="of the figure in the README (default: seeds)")
    seeds.set_defaults(call=_seeds)

    parts = commands.add_parser("subsets", help="TEST without what TRAIN has seen, without doubtful labels, by source")
    parts.add_argument("--report", required=True, metavar="FILE.json", help="EvalReport of a whole split")
    parts.add_argument("--groups", required=True, metavar="FILE.csv", help="of all splits")
    parts.add_argument("--doubted", required=True, metavar="FILE.csv", help="the sources.csv of `train crossval`")
    parts.add_argument("--trial", metavar="FILE.json", help="that cross-validation's trial.json, for a sentence on it")
    parts.add_argument("--out", required=True, metavar="FILE.md")
    parts.add_argument("--readme", metavar="FILE", help="update its figure `subsets`")
    parts.set_defaults(call=_subsets)

    trial = commands.add_parser("trial", help="a sentence on a cross-validation")
    trial.add_argument("trial", metavar="FILE.json", help="the trial.json of `train crossval`")
    trial.add_argument("--readme", metavar="FILE", help="update its figure of this --name")
    trial.add_argument("--name", default="trial", help="of the figure in that page (default: trial)")
    trial.set_defaults(call=_trial)

    figure = commands.add_parser("figure", help="put a Markdown file between the markers of a page")
    figure.add_argument("--name", required=True, help="of the figure, as the markers have it")
    figure.add_argument("--markdown", required=True, type=Path, metavar="FILE.md", help="as `train compare` writes it")
    figure.add_argument("--readme", required=True, metavar="FILE")
    figure.set_defaults(call=_figure)

    tested = commands.add_parser("tested", help="tabulate the versions that the runtime was tried with")
    tested.add_argument("--readme", metavar="FILE", help="update its figure `tested`")
    tested.set_defaults(call=_tested)


def _summary(args: argparse.Namespace) -> int:
    """Write the summary."""
    from benchmarks import readme, summary
    from benchmarks.evidence import gather

    evidence = gather(
        int8=args.int8,
        float32=args.float32,
        verdict=args.verdict,
        results=args.results,
        history=args.history,
        groups=args.groups,
    )
    path = summary.write(evidence, out_dir=args.out)
    if args.readme:
        readme.update_all(args.readme, summary.figures(evidence))
    print(path)
    return DONE


def _seeds(args: argparse.Namespace) -> int:
    """Tabulate the seeds."""
    from benchmarks import seeds
    from edge_runtime.files import write_atomic, write_json

    found = seeds.gather(args.reports)
    text = seeds.to_markdown(found)
    write_atomic(args.out, [text.encode()])
    if args.json:
        write_json(args.json, found.to_json())
    publish(text, page=args.readme, name=args.name)
    return DONE


def _subsets(args: argparse.Namespace) -> int:
    """Divide a report."""
    from benchmarks import subsets
    from edge_runtime.files import write_atomic
    from edge_runtime.groups import read_groups
    from edge_runtime.report import load_report

    judgement = subsets.read_judgement(args.doubted)
    text = "".join(subsets.to_markdown(load_report(args.report), read_groups(args.groups), judgement=judgement))
    text = (subsets.describe_trial(args.trial) if args.trial else "") + text
    write_atomic(args.out, [text.encode()])
    publish(text, page=args.readme, name="subsets")
    return DONE


def _trial(args: argparse.Namespace) -> int:
    """Tell of a cross-validation."""
    from benchmarks import subsets

    publish(subsets.describe_trial(args.trial), page=args.readme, name=args.name)
    return DONE


def _figure(args: argparse.Namespace) -> int:
    """Update one figure of a page."""
    from benchmarks import readme

    readme.update(args.readme, args.name, readme.read(args.markdown, what="Markdown"))
    print(args.readme)
    return DONE


def _tested(args: argparse.Namespace) -> int:
    """Tabulate tested.jsonl."""
    from benchmarks import tested
    from edge_runtime.trial import combinations

    text = tested.to_markdown(combinations())
    publish(text, page=args.readme, name="tested")
    return DONE
