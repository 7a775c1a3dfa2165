"""Fine-tune for int8."""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from edge_runtime.command import DONE, Parser
from edge_runtime.errors import LeukoliteError
from train.cluster import CONFIG_NAME
from train.commands import say_held_out, start, tell
from train.course import STRATEGIES, add_course, add_data, call_of
from train.recipe import or_chosen, prior


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register this command."""
    qat = commands.add_parser("qat", help="fine-tune a float run's network for int8")
    add_data(qat)
    qat.add_argument("--run", required=True, type=Path, metavar="RUN", help="run directory of the float network")
    qat.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run directory to write")
    qat.add_argument("--strategy", choices=STRATEGIES, help="refused: fine-tuning stays on one worker")
    qat.add_argument("--epochs", type=int, help="default: what the float run was told")
    qat.add_argument("--learning-rate", type=float, help="the same")
    qat.add_argument("--class-prior", type=prior, help="the same")
    add_course(qat)
    qat.set_defaults(call=_qat)


def _qat(args: argparse.Namespace) -> int:
    """Fine-tune; prints where the run is and its held-out figure."""
    if args.strategy:
        raise LeukoliteError(
            expected="fine-tuning on one worker",
            found=f"--strategy {args.strategy}",
            remedy="leave it out: only the float stage is spread",
        )
    if CONFIG_NAME in os.environ:
        tell(f"fine-tuning for int8 stays on one worker: {CONFIG_NAME} is left aside")
    start()
    from train.stages import train_qat

    names = ("epochs", "learning_rate", "class_prior")
    given = {name: or_chosen(value) for name in names if (value := getattr(args, name)) is not None}
    call = call_of(args, tell=tell)
    report = train_qat(args.data, args.run, args.out, call=call, change=lambda own: replace(own, **given))
    say_held_out(args.out, report)
    return DONE
