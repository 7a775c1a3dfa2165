"""`python -m convert`: training runs in, bundles out; `attribute` says where accuracy goes on the way."""

import argparse
import os
import sys
from pathlib import Path

from edge_runtime.command import DONE, FAILED, Parser, complain, note, reader_may_go, run
from edge_runtime.native import hushed

PROG = "convert"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter is not for users
    return run(build_parser(), argv)


def build_parser() -> Parser:
    """All options."""
    parser = Parser(prog=PROG, description="Convert trained networks to bundles. Research use only.")
    commands = parser.add_subparsers(title="instead of that", metavar="COMMAND")
    attribute = commands.add_parser(
        "attribute",
        help="where accuracy goes between the trained network and the device",
        description="Run the same images through Keras float, Keras QAT, TFLite float32 and TFLite int8 with two kinds"
        " of kernels, and compare the answers and the layers. Research use only.",
    )
    for each, doing in ((parser, "for the figures in the cards"), (attribute, "to measure on")):
        each.add_argument("--float", type=Path, metavar="RUN", help="run directory of `train float`")
        each.add_argument("--qat", type=Path, metavar="RUN", help="run directory of `train qat`")
        each.add_argument("--data", metavar="DIR", help=f"labelled images {doing}")
        each.add_argument("--split", default="TEST")
        each.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell")
        each.add_argument("--out", type=Path, metavar="DIR", help="the folder to write to")
    parser.add_argument(
        "--confidence", metavar="FILE.json", help="temperature and threshold, of `train confidence` (default: none)"
    )
    parser.add_argument(
        "--confidence-if-same", action="store_true", help="pass over a --confidence of another network or other images"
    )
    parser.add_argument(
        "--sign-with", type=Path, metavar="KEY.pem", help="sign what is written with this private key (extra `sign`)"
    )
    parser.add_argument(
        "--red-cell-px",
        type=float,
        default=0.0,
        metavar="PX",
        help="how wide red cells are in the fields that it was trained on, so that a model of the cell view is shown"
        " other magnifications as it knows them (default: nobody looks)",
    )
    parser.set_defaults(call=_convert, parser=parser)
    attribute.set_defaults(call=_attribute, parser=attribute)
    return parser


def _check_given(args: argparse.Namespace) -> None:
    """Complain of missing options, as argparse would; it would also want a command's own before the command."""
    missing = [f"--{name}" for name in ("float", "qat", "data", "out") if getattr(args, name) is None]
    if missing:
        args.parser.error(f"the following arguments are required: {', '.join(missing)}")


def _convert(args: argparse.Namespace) -> int:
    """Convert, and print a table."""
    _check_given(args)
    from convert.config import BUNDLE_NAMES, Settings
    from convert.signing import signer
    from edge_runtime.card import load_card

    sign = signer(args.sign_with) if args.sign_with else None  # so that a useless key is told before the work
    settings = Settings(
        data=args.data,
        split=args.split,
        groups=args.groups,
        confidence=args.confidence,
        confidence_if_same=args.confidence_if_same,
        red_cell_px=args.red_cell_px,
    )
    note(PROG, "converts both networks to five variants and measures each: one to three minutes")
    with hushed():
        from convert.release import convert
        from convert.variants import to_markdown

        variants = convert(args.float, args.qat, args.out, settings=settings)
        if sign is not None:
            sign(args.out)
    if load_card(args.out / BUNDLE_NAMES["int8_qat"]).training["confidence"] is None:
        note(PROG, "no temperature, no threshold: these label every picture that is fit for it (docs/refusals.md)")
    sys.stdout.write(to_markdown(variants))
    return DONE


def _attribute(args: argparse.Namespace) -> int:
    """Measure every stage, write the reports and print where they are."""
    _check_given(args)
    from convert.config import Settings

    settings = Settings(data=args.data, split=args.split, groups=args.groups)
    note(PROG, "runs every image through five stages: some minutes")
    with hushed():
        from convert.attribute import measure, open_inputs

        inputs = open_inputs(args.float, args.qat, settings=settings)
    _, complaints = measure(inputs, args.out)
    for complaint in complaints:
        complain(PROG, complaint)
    with reader_may_go():
        print(args.out / "attribution.md")
    return FAILED if complaints else DONE


if __name__ == "__main__":
    raise SystemExit(main())
