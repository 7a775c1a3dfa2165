"""Measure what models refuse to name."""

import argparse
from pathlib import Path

from benchmarks.commands import count, illustrated, page, publish, settle
from edge_runtime.command import Parser


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register the command."""
    refusals = commands.add_parser("refusals", help="what models refuse to name, and what slips through (minutes)")
    refusals.add_argument("--models", nargs="+", required=True, type=Path, metavar="MODEL")
    refusals.add_argument(
        "--confidence", nargs="+", required=True, type=Path, metavar="FILE.json", help="of `train confidence`, of each"
    )
    refusals.add_argument("--data", required=True, type=Path, metavar="DIR", help="root of the whole data set")
    refusals.add_argument("--groups", required=True, metavar="FILE.csv", help="which images show the same cell")
    refusals.add_argument("--runs", type=count, default=50, metavar="N", help="of each timed picture (default: 50)")
    refusals.add_argument(
        "--out", required=True, type=illustrated, metavar="FILE.json", help="beside it, curves as FILE.png"
    )
    refusals.add_argument("--readme", type=page("refusals"), metavar="FILE", help="update its figure `refusals`")
    refusals.set_defaults(call=_refusals, parser=refusals)


def _refusals(args: argparse.Namespace) -> int:
    """Measure; status 1 when something is not within bounds."""
    from benchmarks import refusals, refusals_page
    from edge_runtime.files import write_json
    from edge_runtime.groups import read_groups

    if len(args.confidence) != len(args.models):
        args.parser.error(f"--confidence: expected a file for each of {len(args.models)} models")
    groups = read_groups(args.groups)
    report = refusals.measure(args.models, args.confidence, data=args.data, groups=groups, runs=args.runs)
    write_json(args.out, report.to_json())
    refusals_page.draw(report, args.out.with_suffix(".png"))
    publish(refusals_page.to_markdown(report), page=args.readme, name="refusals")
    return settle(refusals_page.shortfalls(report))
