"""Measure and report: `python -m benchmarks run`, `report`, `compare` and more. Parse and call."""

from benchmarks.commands import (
    PROG,
    adaptation,
    bulk,
    comparing,
    gate,
    instructions,
    pages,
    peers,
    references,
    refusals,
    reporting,
    roofline,
    runtime,
    shifts,
    suites,
)
from edge_runtime.command import Parser, run

GROUPS = (
    adaptation,
    suites,
    runtime,
    comparing,
    reporting,
    pages,
    bulk,
    gate,
    instructions,
    references,
    shifts,
    roofline,
    refusals,
    peers,
)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run(build_parser(), argv)


def build_parser() -> Parser:
    """All sub-commands and their options."""
    parser = Parser(prog=PROG, description="Measure latency, and tell how good, how sure and how fast the models are.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for group in GROUPS:
        group.add(commands)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
