"""Measure how near the networks come to what a processor can do."""

import argparse
import sys
from pathlib import Path

from benchmarks.commands import PROG, illustrated, page
from edge_runtime.command import DONE, Parser, note

ROUNDS = 100
FIGURES = tuple(f"roofline-{name}" for name in ("machine", "networks", "layers", "shapes", "candidates"))


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    roofline = commands.add_parser(
        "roofline",
        help="each layer beside what the machine can do, and its instructions on emulated boards (minutes)",
        description="Time each layer by itself, beside the most multiply-adds and bytes a second that LiteRT and numpy"
        " reach here; count each on emulated Raspberry Pis, and layers and networks that might be built.",
    )
    roofline.add_argument(
        "--out", required=True, type=illustrated, metavar="FILE.json", help="beside it, a picture, FILE.png"
    )
    roofline.add_argument(
        "--models", nargs="+", type=Path, metavar="MODEL", help="int8 or float32 (default: shipped and cell view)"
    )
    roofline.add_argument("--rounds", type=int, default=ROUNDS, metavar="N", help=f"of each (default: {ROUNDS})")
    roofline.add_argument("--no-boards", action="store_true", help="this machine alone: needs neither qemu nor Debian")
    roofline.add_argument("--kept", action="store_true", help="measure nothing: draw and tabulate what is at --out")
    roofline.add_argument(
        "--work", type=Path, default=Path("build/pi"), metavar="DIR", help="keep the emulated boards there"
    )
    roofline.add_argument("--readme", type=page(*FIGURES), metavar="FILE", help="update its figures `roofline...`")
    roofline.set_defaults(call=_roofline, parser=roofline)


def _roofline(args: argparse.Namespace) -> int:
    """Measure, draw and tabulate."""
    from benchmarks import instructions, readme
    from benchmarks.roofline import picture, tables
    from benchmarks.roofline.measure import measure
    from benchmarks.roofline.report import Report
    from edge_runtime.files import write_json

    if args.rounds < 1:
        args.parser.error(f"--rounds {args.rounds}, which is not at least 1")
    if args.kept:
        report = Report.load(args.out)
    else:
        models = _models(args) if args.models else instructions.bundles(instructions.KEPT)
        boards = () if args.no_boards else tuple(instructions.BOARDS)
        report = measure(
            models, rounds=args.rounds, boards=boards, folder=args.work, tell=lambda text: note(PROG, text)
        )
        write_json(args.out, report.to_json())
    picture.draw(report, args.out.with_suffix(".png"))
    figures = tables.figures(report)
    if args.readme:
        readme.update_all(args.readme, figures)
    sys.stdout.write("\n".join(figures.values()))
    return DONE


def _models(args: argparse.Namespace) -> dict[str, Path]:
    """The models that were named, each by its folder's name and its own; a complaint where two have the same."""
    models = {f"{path.resolve().parent.name} {path.stem}": path for path in args.models}
    if len(models) < len(args.models):
        args.parser.error("--models of which two have the same name in folders of the same name")
    return models
