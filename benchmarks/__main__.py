"""Measure and report: `python -m benchmarks run`, `report` and `seeds`. Parse and call."""

import argparse
import sys
from pathlib import Path

from benchmarks.config import Settings
from edge_runtime.command import DONE, Parser, run

PROG = "benchmarks"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run(build_parser(), argv)


def build_parser() -> Parser:
    """All sub-commands and their options."""
    defaults = Settings()
    parser = Parser(prog=PROG, description="Measure latency, and tell how good, how sure and how fast the models are.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    suite = commands.add_parser("run", help="run the latency suite and print its table")
    suite.add_argument(
        "--int8", type=Path, default=defaults.int8_model, metavar="MODEL", help="default: the shipped one"
    )
    suite.add_argument("--float32", type=Path, default=defaults.float32_model, metavar="MODEL", help="the same")
    suite.add_argument(
        "--data", type=Path, metavar="DIR", help="data set whose first TEST image is used (or generated)"
    )
    suite.add_argument("--out", required=True, metavar="FILE.json", help="write pytest-benchmark's JSON there")
    suite.add_argument("--table", metavar="FILE.md", help="write the table there as well")
    suite.add_argument("--num-threads", type=int, default=defaults.num_threads, metavar="N")
    suite.add_argument("--num-runs", type=int, default=defaults.num_runs, metavar="N", help="at least as many")
    suite.add_argument(
        "--min-secs", type=float, default=defaults.min_seconds, metavar="S", help="at least as long, each"
    )
    suite.set_defaults(call=_run)

    report = commands.add_parser("report", help="write the report of a finished run, with pictures")
    report.add_argument("--int8", required=True, metavar="EVAL.json", help="EvalReport of the int8 model")
    report.add_argument("--float32", required=True, metavar="EVAL.json", help="EvalReport of the float32 model")
    report.add_argument("--verdict", required=True, metavar="GATE.json", help="what `leukolite gate --json` wrote")
    report.add_argument("--latency", required=True, metavar="BENCH.json", help="what `python -m benchmarks run` wrote")
    report.add_argument("--history", metavar="HISTORY.csv", help="the training's epochs")
    report.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell, to name disputed ones")
    report.add_argument("--out", required=True, metavar="DIR", help="write report.md, confusion.png, rates.png there")
    report.add_argument("--readme", metavar="FILE", help="update its figures `accuracy`, `disputed` and `latency`")
    report.set_defaults(call=_report)

    seeds = commands.add_parser("seeds", help="tabulate the EvalReports of several seeds")
    seeds.add_argument(
        "--reports", nargs="+", required=True, metavar="GLOB", help="EvalReports named seed<N>-<variant>.json"
    )
    seeds.add_argument("--out", required=True, metavar="FILE.md")
    seeds.add_argument("--json", metavar="FILE")
    seeds.add_argument("--readme", metavar="FILE", help="update its figure of this --name")
    seeds.add_argument("--name", default="seeds", help="of the figure in the README (default: seeds)")
    seeds.set_defaults(call=_seeds)
    return parser


def _run(args: argparse.Namespace) -> int:
    """Run the suite."""
    from benchmarks import latency, suite
    from edge_runtime.files import write_atomic

    settings = Settings(
        int8_model=args.int8,
        float32_model=args.float32,
        data_dir=args.data,
        num_threads=args.num_threads,
        num_runs=args.num_runs,
        min_seconds=args.min_secs,
    )
    text = latency.to_markdown(suite.run(settings, out=args.out))
    if args.table:
        write_atomic(args.table, [text.encode()])
    sys.stdout.write(text)
    return DONE


def _report(args: argparse.Namespace) -> int:
    """Write the report."""
    from benchmarks import readme, report
    from benchmarks.evidence import gather

    evidence = gather(
        int8=args.int8,
        float32=args.float32,
        verdict=args.verdict,
        latency=args.latency,
        history=args.history,
        groups=args.groups,
    )
    path = report.write(evidence, out_dir=args.out)
    if args.readme:
        readme.update_all(args.readme, report.figures(evidence))
    print(path)
    return DONE


def _seeds(args: argparse.Namespace) -> int:
    """Tabulate the seeds."""
    from benchmarks import readme, seeds
    from edge_runtime.files import write_atomic, write_json

    found = seeds.gather(args.reports)
    text = seeds.to_markdown(found)
    write_atomic(args.out, [text.encode()])
    if args.json:
        write_json(args.json, found.to_json())
    if args.readme:
        readme.update(args.readme, args.name, text)
    sys.stdout.write(text)
    return DONE


if __name__ == "__main__":
    raise SystemExit(main())
