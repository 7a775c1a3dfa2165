"""Choose the operating point: how strongly the class prior is taken out, how sure to be, when not to answer."""

import argparse
from pathlib import Path

from edge_runtime.command import DONE, Parser
from train.commands import start


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    strength = commands.add_parser("strength", help="how strongly to take the class prior out, by several runs")
    strength.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="RUN",
        help="run directories of one stage, of --preset blind",
    )
    strength.set_defaults(call=_strength)

    sure = commands.add_parser(
        "confidence", help="how sure a network may be, and when not to answer, on held-out TRAIN"
    )
    sure.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="of `train qat` with blind towers, or `train crossval --int8 --splits TRAIN`; further ones of other seeds"
        " only show what the mean of towers would ask for",
    )
    sure.add_argument("--coverage", type=_coverage, default=0.98, help="share to be answered (default: 0.98)")
    sure.add_argument("--out", required=True, type=Path, metavar="FILE.json", help="for `convert --confidence`")
    sure.set_defaults(call=_confidence)


def _strength(args: argparse.Namespace) -> int:
    """Print the strength that all runs together ask for."""
    from train.operating import LOGITS_NAME, choose_for_all, read_held_out

    point = choose_for_all([read_held_out(path / LOGITS_NAME) for path in args.runs])
    print(
        f"strength {point.strength}: mean held-out lowest TPR {point.lowest_tpr:.4f}, "
        f"balanced accuracy {point.balanced_accuracy:.4f}, {len(args.runs)} runs"
    )
    return DONE


def _confidence(args: argparse.Namespace) -> int:
    """Fit temperature and threshold, and print what they give."""
    start()
    from edge_runtime.files import write_json
    from train.confidence import fit

    found = fit(args.runs, coverage=args.coverage)
    write_json(args.out, found)
    before, after = found.ece["before"], found.ece["after"]
    print(
        f"temperature {found.temperature}: ECE {before['by_image']:.4f} to {after['by_image']:.4f} by image, "
        f"{before['by_cell']:.4f} to {after['by_cell']:.4f} by source cell; no answer below "
        f"{found.abstain_below}: {found.coverage:.4f} answered, {found.accuracy_when_answered:.4f} of them right"
    )
    return DONE


def _coverage(text: str) -> float:
    """A share above 0, at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value
