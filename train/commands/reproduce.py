"""Do a run again."""

import argparse
from pathlib import Path

from edge_runtime.command import DONE, FAILED, Parser, reader_may_go
from train.commands import start, tell


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    again = commands.add_parser("reproduce", help="do a finished run again and compare the weights")
    again.add_argument("run", type=Path, metavar="RUN", help="run directory of either stage")
    again.add_argument("--out", type=Path, metavar="DIR", help="where to train (default: RUN with -again behind it)")
    again.add_argument("--data", metavar="DIR", help="the images (default: where the run read them)")
    again.add_argument("--groups", metavar="FILE.csv", help="the groups file (the same)")
    again.set_defaults(call=_reproduce)


def _reproduce(args: argparse.Namespace) -> int:
    """Train again; prints what came of it, and fails when the weights are others."""
    start()
    from train.reproduce import reproduce

    outcome = reproduce(args.run, args.out, data=args.data, groups=args.groups, tell=tell)
    with reader_may_go():
        print(outcome.describe())
    return DONE if outcome.identical else FAILED
