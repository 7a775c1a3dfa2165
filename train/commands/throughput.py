"""Measure the input pipeline."""

import argparse
import json

from edge_runtime.command import DONE, Parser
from train.commands import start
from train.config import PRESETS


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    rate = commands.add_parser("throughput", help="measure the input pipeline by itself; prints one JSON object")
    rate.add_argument("--data", required=True, metavar="DIR", help="<SPLIT>/<CLASS>/*, <CLASS>/*, or Kaggle's root")
    rate.add_argument("--seconds", type=float, default=5.0, help="for so long (default: 5)")
    rate.add_argument("--cold", action="store_true", help="drop the images from the page cache before each epoch")
    rate.set_defaults(call=_throughput)


def _throughput(args: argparse.Namespace) -> int:
    """Measure the input pipeline; prints one JSON object."""
    start()
    from train.throughput import measure_data

    found = measure_data(args.data, settings=PRESETS["full"], seconds=args.seconds, cold=args.cold)
    print(json.dumps(found.to_json()))
    return DONE
