"""Tell what fine-tuning for int8 is worth, and where quantising hurts."""

import argparse
from pathlib import Path

from edge_runtime.command import DONE, Parser
from train.commands import start, tell
from train.course import add_data


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    worth = commands.add_parser("compare", help="what QAT is worth over post-training quantisation, on held-out TRAIN")
    worth.add_argument("runs", nargs="+", type=Path, metavar="QAT_RUN", help="of `train qat`, of --preset blind")
    worth.add_argument("--out", type=Path, metavar="FILE.json")
    worth.add_argument("--markdown", type=Path, metavar="FILE.md")
    worth.set_defaults(call=_compare)

    effect = commands.add_parser("effect", help="what quantising each layer alone changes, on held-out TRAIN images")
    add_data(effect)
    effect.add_argument(
        "--run", required=True, type=Path, metavar="RUN", help="of the float network, of --preset blind"
    )
    effect.add_argument("--out", required=True, type=Path, metavar="DIR")
    effect.set_defaults(call=_effect)


def _compare(args: argparse.Namespace) -> int:
    """Compare QAT runs; prints what each setting is worth."""
    start()
    from train.comparison_table import compare_runs

    for verdict in compare_runs(args.runs, out=args.out, page=args.markdown).verdicts:
        print(verdict)
    return DONE


def _effect(args: argparse.Namespace) -> int:
    """Quantise one layer at a time; prints the worst."""
    start()
    from train.effect_report import measure_run

    effects = measure_run(args.data, args.run, args.out, groups=args.groups, tell=tell)
    worst = next(effect for effect in effects if effect.tower is None)
    print(f"{args.out}: worst {worst.layer} ({worst.part}), {worst.agreement:.1%} of labels the same")
    return DONE
