"""What is kept of each board: hold a run of `leukolite bench` against it, and tabulate the counts of instructions."""

import argparse
import sys
from pathlib import Path

from benchmarks.commands import say
from edge_runtime.command import DONE, Parser


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    board = commands.add_parser(
        "board", help="hold what `leukolite bench` measured on a board against its reference (benchmarks/SUBMITTING.md)"
    )
    board.add_argument("result", metavar="RESULT.json", help="what `leukolite bench --result-json` wrote")
    board.add_argument("--add", action="store_true", help="make it the reference")
    board.add_argument("--reference", type=Path, metavar="DIR", help="default: benchmarks/reference")
    board.set_defaults(call=_board)

    kept = commands.add_parser("references", help="tabulate the references of instructions")
    kept.add_argument("--readme", metavar="FILE", help="update its figures `instruction...`")
    kept.set_defaults(call=_references)


def _board(args: argparse.Namespace) -> int:
    """Compare a run, or keep it."""
    from benchmarks import boards, reference

    run, folder = boards.read(args.result), args.reference or reference.FOLDER
    if args.add:
        print(boards.add(run, folder))
        return DONE
    status, text = boards.compare(run, source=args.result, folder=folder)
    say(f"{run.board}, {run.key}: {text}\n")
    return status


def _references(args: argparse.Namespace) -> int:
    """Tabulate what is kept."""
    from benchmarks import counts, readme, reference
    from benchmarks.instructions import BOARDS

    kept, first = ([reference.load(name, folder) for name in BOARDS] for folder in (reference.FOLDER, reference.FIRST))
    figures = counts.figures(kept, first=first)
    if args.readme:
        readme.update_all(args.readme, figures)
    sys.stdout.write("\n".join(figures.values()))
    return DONE
