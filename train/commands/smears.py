"""Generate synthetic smears."""

import argparse
from pathlib import Path

from edge_runtime.command import DONE, Parser


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    smears = commands.add_parser("smears", help="generate synthetic smears, for rehearsals and tests only")
    smears.add_argument("--out", required=True, type=Path, metavar="DIR")
    smears.add_argument("--images-per-class", type=int, default=200)
    smears.add_argument("--seed", type=int, default=0)
    smears.set_defaults(call=_smears)


def _smears(args: argparse.Namespace) -> int:
    """Generate pictures; prints where they are."""
    from edge_runtime.progress import progress
    from train.smears import SmearSettings, generate

    settings = SmearSettings(images_per_class=args.images_per_class, seed=args.seed)
    with progress("generate") as advance:
        print(generate(args.out, settings=settings, advance=advance))
    return DONE
