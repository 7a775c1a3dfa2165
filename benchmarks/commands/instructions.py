"""Count instructions on emulated boards, and gate them."""

import argparse
from pathlib import Path

from benchmarks.commands import PROG, say
from edge_runtime.command import DONE, FAILED, INCONCLUSIVE, Parser, note

UPDATE_RUNS = 3


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    count = commands.add_parser(
        "instructions",
        help="count instructions a picture on emulated Raspberry Pis, and gate them (minutes)",
        description="Count the instructions from a JPEG's bytes to a label, by stage, on emulated Raspberry Pis."
        " Needs Debian, qemu-user and gcc. Status of --check: 0, 1 a count changed by more than 1 %, 3 not judged.",
    )
    purpose = count.add_mutually_exclusive_group()
    purpose.add_argument("--check", action="store_true", help="hold them against the references")
    purpose.add_argument("--update", action="store_true", help="make them the references (three runs)")
    count.add_argument("--board", action="append", metavar="NAME", help="pi-4 or pi-5; several times (default: both)")
    count.add_argument("--bundles", type=Path, metavar="DIR", help="these bundles in place of the kept ones")
    count.add_argument("--picture", type=Path, metavar="JPEG", help="in place of the generated one; it shows one cell")
    count.add_argument("--reference", type=Path, metavar="DIR", help="default: benchmarks/reference, for the kept ones")
    count.add_argument(
        "--work", type=Path, default=Path("build/pi"), metavar="DIR", help="keep the emulated boards there"
    )
    count.set_defaults(call=_instructions, parser=count)


def _instructions(args: argparse.Namespace) -> int:
    """Count; status 1 when a count changed, 3 when that cannot be said."""
    from benchmarks import counts, instructions, reference
    from edge_runtime.files import write_json

    boards = _boards(args, list(instructions.BOARDS))
    folder = args.reference or reference.FOLDER
    references = [reference.load(name, folder) for name in boards] if args.check else []
    found = instructions.measure(
        instructions.bundles({args.bundles.resolve().name: args.bundles} if args.bundles else instructions.KEPT),
        boards=boards,
        runs=UPDATE_RUNS if args.update else 1,
        picture=args.picture,
        folder=args.work,
        tell=lambda text: note(PROG, text),
    )
    say(counts.to_markdown(found))
    if args.update:
        for each in found:
            instructions.check_repeatable(each)
        for name, each in zip(boards, found, strict=True):
            write_json(reference.path_of(name, folder), each.to_json())
    verdicts = [reference.judge(old, new) for old, new in zip(references, found, strict=False)]
    for verdict in verdicts:
        for line in verdict.lines:
            note(PROG, line)
    statuses = {verdict.status for verdict in verdicts}
    return next((status for status in (FAILED, INCONCLUSIVE) if status in statuses), DONE)


def _boards(args: argparse.Namespace, known: list[str]) -> list[str]:
    """Which boards are asked for; a complaint about one that is not known, or about options that go not together."""
    for name in args.board or ():
        if name not in known:
            args.parser.error(f"--board {name}, which is none of {', '.join(known)}; benchmarks/pi/board.py has them")
    if (args.check or args.update) and (args.bundles or args.picture) and not args.reference:
        args.parser.error("--bundles and --picture without --reference: the kept references are of the kept models")
    return args.board or known
