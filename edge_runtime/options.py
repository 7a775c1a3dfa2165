"""The options of the device command, `leukolite`; what it does with them is in `__main__`."""

import argparse
from collections.abc import Callable, Mapping
from typing import TypeAlias

from edge_runtime import __version__
from edge_runtime.command import Parser

Call = Callable[[argparse.Namespace], int]
Commands: TypeAlias = "argparse._SubParsersAction[Parser]"

PROG = "leukolite"
FORMATS = ("table", "json", "jsonl", "csv")
SHELLS = ("bash", "zsh", "fish")  # whose scripts `python -m tests.completion` writes
GOLDEN = ("refuse", "warn", "off")
_MOST_THREADS = 256  # more than such a machine has processors
GOLDEN_HELP = "what to do when the model does not give the golden output of its card here (default: refuse it)"


def build_parser(calls: Mapping[str, Call]) -> Parser:
    """All sub-commands and their options; `calls` maps the name of each to what it calls."""
    parser = Parser(prog=PROG, description="Classify white blood cells. Research use only; not a medical device.")
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for add in (_classify, _evaluate, _gate, _bench, _doctor, _adapt, _bulk, _info, _completion):
        add(commands)
    for name, each in commands.choices.items():
        each.set_defaults(call=calls[name])
    return parser


def _classify(commands: Commands) -> None:
    """Name the cell in each image."""
    parser = commands.add_parser("classify", help="name the cell in each image")
    parser.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders, globs; - for paths on stdin")
    _add_model(parser)
    parser.add_argument("--format", choices=FORMATS, default="table")
    parser.add_argument("-o", "--output", metavar="FILE", help="write there instead of standard output")
    parser.add_argument("-t", "--threshold", type=fraction, help="no label below this confidence (default: card's)")
    parser.add_argument("--no-checks", action="store_true", help="label also pictures that no answer is to be had from")
    parser.add_argument("-k", "--top-k", type=positive, help="give only the K most probable classes")
    parser.add_argument("--explain", metavar="DIR", help="write heat maps there: where the evidence lies")
    _add_trust(parser)
    parser.add_argument("--num-threads", type=threads, default=1)


def _evaluate(commands: Commands) -> None:
    """Measure a bundle on labelled images."""
    parser = commands.add_parser("evaluate", help="measure a bundle on labelled images")
    _add_model(parser)
    parser.add_argument("--data", required=True, metavar="DIR", help="<SPLIT>/<CLASS>/*, <CLASS>/*, or Kaggle's root")
    parser.add_argument("--split", default="TEST")
    parser.add_argument("--report", required=True, type=output, metavar="FILE.json", help="write the EvalReport there")
    parser.add_argument("--predictions", type=output, metavar="FILE.csv", help="write each image's prediction there")
    parser.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell")
    _add_trust(parser)
    parser.add_argument("--num-threads", type=threads, default=1)


def _gate(commands: Commands) -> None:
    """Judge a model by its reference."""
    parser = commands.add_parser("gate", help="fail when a model is worse than its reference")
    parser.add_argument("--candidate", required=True, metavar="REPORT", help="EvalReport of the model to judge")
    parser.add_argument("--reference", required=True, metavar="REPORT", help="EvalReport of the model to compare with")
    parser.add_argument("--policy", metavar="FILE.toml", help="limits (default: those of the user's criteria)")
    parser.add_argument("--latency", metavar="FILE.json", help="of `leukolite bench`, for a policy with max_latency_ms")
    parser.add_argument("--json", metavar="FILE", help="write the verdict there")
    parser.add_argument("--junit", metavar="FILE", help="write it as JUnit XML, a test case for each rule and class")
    parser.add_argument("--markdown", metavar="FILE", help="write it as Markdown (into $GITHUB_STEP_SUMMARY anyway)")
    parser.add_argument("--html", metavar="FILE", help="write a page with confusion matrices and intervals")
    parser.add_argument("--data", metavar="DIR", help="where the images lie, for the page to show those that changed")


def _bench(commands: Commands) -> None:
    """Measure latency and memory."""
    parser = commands.add_parser("bench", help="measure a bundle's latency and memory on this device")
    _add_model(parser)
    parser.add_argument(
        "--num-runs", type=positive, default=50, metavar="N", help="at least so many runs (default: 50)"
    )
    parser.add_argument(
        "--warmup-runs", type=positive, default=1, metavar="N", help="at least so many before (default: 1)"
    )
    parser.add_argument("--min-secs", type=seconds, default=1.0, metavar="S", help="at least so long (default: 1)")
    parser.add_argument("--num-threads", type=threads, default=1, metavar="N")
    parser.add_argument(
        "--result-json", type=output, metavar="FILE", help="write everything there, each single time included"
    )


def _doctor(commands: Commands) -> None:
    """Look at the device."""
    parser = commands.add_parser("doctor", help="is this device fit to run leukolite, and to be measured?")
    parser.add_argument("--json", action="store_true", help="print one JSON object")


def _adapt(commands: Commands) -> None:
    """Fit a bundle to a new microscope."""
    parser = commands.add_parser("adapt", help="fit a bundle to a new microscope, from a few labelled cells")
    _add_model(parser)
    parser.add_argument("--data", required=True, metavar="DIR", help="<CLASS>/*: from 10 to 25 different cells a class")
    parser.add_argument("--split", help="where DIR holds several, such as <SPLIT>/<CLASS>/*")
    parser.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell")
    parser.add_argument("-o", "--output", required=True, metavar="MODEL", help="write the adapted bundle there")
    parser.add_argument("--report", type=output, metavar="FILE.json", help="write all figures there")


def _bulk(commands: Commands) -> None:
    """Classify a whole collection."""
    parser = commands.add_parser("bulk", help="classify a whole collection on Ray Data, into Parquet (extra `cluster`)")
    parser.add_argument("input", metavar="INPUT_URI", help="a folder, or a prefix such as s3://bucket/images")
    parser.add_argument("output", metavar="OUTPUT_URI", help="where the results go; one that was begun is gone on with")
    _add_model(parser)
    parser.add_argument("--actors", type=positive, metavar="N", help="how many classify at once (default: Ray's CPUs)")
    parser.add_argument("--shard-size", type=positive, metavar="N", help="images in a Parquet file (default: 1000)")
    # What a worker warns of stays in Ray's logs, so that there is no `warn` here.
    parser.add_argument("--golden", choices=(GOLDEN[0], GOLDEN[-1]), default=GOLDEN[0], help=GOLDEN_HELP)


def _info(commands: Commands) -> None:
    """Print a card."""
    parser = commands.add_parser("info", help="print the card inside a bundle as JSON")
    parser.add_argument("model", metavar="MODEL", nargs="?", type=model_path, help="as for -m")


def _completion(commands: Commands) -> None:
    """Print a shell's completion script."""
    parser = commands.add_parser("completion", help="print what lets a shell complete leukolite's options and files")
    parser.add_argument("shell", choices=SHELLS)


def _add_model(parser: argparse.ArgumentParser) -> None:
    """Which model is meant."""
    parser.add_argument(
        "-m",
        "--model",
        type=model_path,
        help="a .tflite bundle; `portable`, shipped for other microscopes; or `field` (default), the public set's",
    )


def _add_trust(parser: Parser) -> None:
    """What a model is taken for that does not say it, or does not compute as it says."""
    parser.add_argument("--labels", metavar="FILE|A,B,...", help="names of the classes of a model without a card")
    parser.add_argument("--golden", choices=GOLDEN, default=GOLDEN[0], help=GOLDEN_HELP)


def model_path(text: str) -> str:
    """A model's path, or that of one in this package by its name; a file of that name in the current folder goes first.

    The classifier is imported only here, where a model is named: `--help` needs none.
    """
    import os

    from edge_runtime.classifier import NAMED

    return str(NAMED.get(text, text)) if not os.path.exists(text) else text


def fraction(text: str) -> float:
    """A number from 0 to 1."""
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def positive(text: str) -> int:
    """A whole number, at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def output(text: str) -> str:
    """A file to be written after some work: refused now where it cannot be."""
    from edge_runtime.files import check_file

    check_file(text)
    return text


def threads(text: str) -> int:
    """A number of threads, at least 1; LiteRT starts any number, and dies of some ten thousand."""
    value = positive(text)
    if value > _MOST_THREADS:
        raise argparse.ArgumentTypeError(f"{text} is more than {_MOST_THREADS}")
    return value


def seconds(text: str) -> float:
    """A number of seconds, 0 or more, and no more than a day."""
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 86400")
    return value
