"""`python -m convert`: training runs in, bundles out."""

import argparse
import os
import sys
from pathlib import Path

from edge_runtime.command import DONE, Parser, note, run
from edge_runtime.native import hushed

PROG = "convert"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter is not for users
    return run(build_parser(), argv)


def build_parser() -> Parser:
    """All options."""
    parser = Parser(prog=PROG, description="Convert trained networks to bundles. Research use only.")
    parser.add_argument("--float", required=True, type=Path, metavar="RUN", help="run directory of `train float`")
    parser.add_argument("--qat", required=True, type=Path, metavar="RUN", help="run directory of `train qat`")
    parser.add_argument("--data", required=True, metavar="DIR", help="labelled images for the figures in the cards")
    parser.add_argument("--split", default="TEST")
    parser.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="the folder to write the bundles to")
    parser.add_argument(
        "--sign-with", type=Path, metavar="KEY.pem", help="sign what is written with this private key (extra `sign`)"
    )
    parser.set_defaults(call=_convert)
    return parser


def _convert(args: argparse.Namespace) -> int:
    """Convert, and print a table."""
    from convert.config import Settings
    from convert.signing import signer

    sign = signer(args.sign_with) if args.sign_with else None  # so that a useless key is told before the work
    settings = Settings(data=args.data, split=args.split, groups=args.groups)
    note(PROG, "converts both networks to five variants and measures each: one to three minutes")
    with hushed():
        from convert.release import convert
        from convert.variants import to_markdown

        variants = convert(args.float, args.qat, args.out, settings=settings)
        if sign is not None:
            sign(args.out)
    sys.stdout.write(to_markdown(variants))
    return DONE


if __name__ == "__main__":
    raise SystemExit(main())
