"""Train the float network."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from edge_runtime.command import DONE, Parser
from edge_runtime.native import hushed
from train.cluster import find_cluster
from train.commands import say_held_out, start, tell
from train.course import STRATEGIES, add_course, add_data, add_split, call_of
from train.recipe import add_recipe, add_teachers, settings_of


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    floats = commands.add_parser("float", help="train the float network from scratch")
    add_data(floats)
    floats.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run directory to write")
    add_recipe(floats)
    add_teachers(floats, metavar="RUN")
    add_split(floats)
    floats.add_argument(
        "--strategy",
        choices=STRATEGIES,
        help="train on all of this machine's GPUs, or on the machines of TF_CONFIG",
    )
    add_course(floats)
    floats.set_defaults(call=_float)


def _float(args: argparse.Namespace) -> int:
    """Train; prints where the run is and its held-out figure."""
    settings = settings_of(args)
    cluster = find_cluster(os.environ, tell=tell) if args.strategy == "multiworker" else None
    if cluster:
        settings.distillation.check_workers(len(cluster.addresses))  # before they wait for each other
    with hushed():
        from train.distribution import rejoining

    with rejoining(cluster, tell=tell):
        distribution = start(args.strategy, cluster)
        from train.stages import train_float

        call = replace(call_of(args, tell=tell), distribution=distribution)
        report = train_float(args.data, args.out, settings=settings, call=call, teachers=args.teachers)
    say_held_out(args.out, report)
    return DONE
