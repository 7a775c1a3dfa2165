"""`python -m train`: find the data, train the float network, fine-tune it for int8, and more. Parse and call."""

import os

from edge_runtime.command import Parser, run
from train.cluster import CONFIG_NAME
from train.commands import (
    PROG,
    audit,
    crossval,
    data,
    floats,
    operating,
    qat,
    quantization,
    reproduce,
    smears,
    throughput,
)

GROUPS = (data, floats, crossval, qat, quantization, reproduce, audit, operating, throughput, smears)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    # TensorFlow's start-up chatter is not for users, nor are the lines around ours when another worker is lost.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if CONFIG_NAME in os.environ else "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # else TensorFlow loads Keras 3 as well, 100 MB for nobody
    # What training leaves is whole at any moment, and a machine that clears up first is missed too late by the others.
    return run(build_parser(), argv, terminable=False)


def build_parser() -> Parser:
    """All sub-commands and their options."""
    parser = Parser(prog=PROG, description="Train the white-cell network. Research use only; not a medical device.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for group in GROUPS:
        group.add(commands)
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
