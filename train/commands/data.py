"""Find the data set, or download or generate one."""

import argparse
from pathlib import Path

from edge_runtime.command import DONE, Parser
from train.commands import tell


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    data = commands.add_parser("data", help="find the data set, or download or generate one")
    data.add_argument("--data", help="its folder (default: LEUKOLITE_DATA, data/blood-cells, Kaggle, generated)")
    data.add_argument("--out", required=True, type=Path, metavar="DIR", help="leave there a link `root` to it")
    data.set_defaults(call=_data)


def _data(args: argparse.Namespace) -> int:
    """Leave a link to the data set."""
    from train.source import provide

    print(provide(args.out, given=args.data, tell=tell))
    return DONE
