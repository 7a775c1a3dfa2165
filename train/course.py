"""The options that say on what and how a stage is run, and the call that they make; none changes a recipe."""

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING

from edge_runtime.command import Parser
from edge_runtime.options import positive
from train.cluster import rejoins

if TYPE_CHECKING:
    from train.stages import Call

STRATEGIES = ("mirrored", "multiworker")


def add_data(parser: Parser) -> None:
    """The options of every stage that reads images."""
    parser.add_argument("--data", required=True, metavar="DIR", help="<SPLIT>/<CLASS>/*, <CLASS>/*, or Kaggle's root")
    parser.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell (default: found)")


def add_split(parser: Parser) -> None:
    """The options of a validation split of the user's own."""
    parser.add_argument(
        "--validation-split",
        metavar="FILE.csv",
        help="which fold each image is in: path,fold (default: whole groups, dealt evenly)",
    )
    parser.add_argument("--allow-cut-groups", action="store_true", help="take one that parts pictures of one cell")


def add_course(parser: Parser) -> None:
    """The options of every stage that trains; none of them changes what it gives."""
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        help="only go on with what is unfinished in --out, or begin anew (default: go on where that fits)",
    )
    parser.add_argument("--checkpoint-every", type=positive, default=100, metavar="BATCHES", help="default: 100")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard logs into --out as well")


def call_of(args: argparse.Namespace, *, tell: Callable[[str], None]) -> "Call":
    """How a stage is to be run, and what is to be told of it."""
    from train.folds import Split
    from train.stages import Call

    return Call(
        tell=tell,
        groups=args.groups,
        resume=None if rejoins() and args.resume is False else args.resume,  # begun anew before another was lost
        checkpoint_every=args.checkpoint_every,
        tensorboard=args.tensorboard,
        split=Split(split, args.allow_cut_groups) if (split := getattr(args, "validation_split", None)) else None,
    )
