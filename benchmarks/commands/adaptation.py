"""Measure what adapting to a new microscope brings."""

import argparse
from pathlib import Path

from benchmarks.commands import PROG, count, output, page, publish, settle
from benchmarks.config import Settings
from edge_runtime.command import Parser


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    adapt = commands.add_parser("adapt", help="how far few labelled cells help at synthetic microscopes (minutes)")
    shipped = [Settings().int8_model]
    adapt.add_argument("--models", nargs="+", type=Path, default=shipped, metavar="MODEL", help="default: shipped")
    adapt.add_argument("--data", required=True, type=Path, metavar="DIR", help="data set with TRAIN and TEST")
    adapt.add_argument("--groups", required=True, type=Path, metavar="FILE.csv", help="which images show the same cell")
    adapt.add_argument("--microscopes", type=count, default=5, metavar="N", help="default: 5")
    adapt.add_argument("--out", required=True, type=output, metavar="FILE.json", help="write all trials there")
    adapt.add_argument("--readme", type=page("adapt"), metavar="FILE", help="update its figure `adapt`")
    adapt.set_defaults(call=_adapt)


def _adapt(args: argparse.Namespace) -> int:
    """Adapt at each microscope."""
    from benchmarks import adaptation
    from edge_runtime.files import write_json
    from edge_runtime.progress import progress

    with progress(f"{PROG} adapt", total=args.microscopes) as advance:
        report = adaptation.measure(
            args.models, args.data, groups=args.groups, microscopes=args.microscopes, advance=advance
        )
    write_json(args.out, report.to_json())
    publish(adaptation.to_markdown(report), page=args.readme, name="adapt")
    return settle(adaptation.shortfalls(report))
