"""Other engines and other networks beside ours."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.commands import PROG, count, illustrated, page, publish, seed, settle
from benchmarks.config import Settings
from edge_runtime.command import DONE, Parser, note

if TYPE_CHECKING:
    from benchmarks.peers.report import Report


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    peers = commands.add_parser(
        "peers",
        help="ours beside ONNX Runtime, OpenVINO, MediaPipe, TensorFlow and MobileNets (extra `peers`; minutes)",
        description="Bytes to label and the network alone, in turns, and the accuracy on TEST. What is not installed is"
        " left out, and said.",
    )
    defaults = Settings()
    source = peers.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="data set: TEST is measured, TRAIN calibrates")
    source.add_argument("--measured", type=Path, metavar="FILE.json", help="tell of an earlier --out")
    peers.add_argument("--groups", type=Path, metavar="FILE.csv", help="which images show the same cell")
    peers.add_argument("--int8", type=Path, default=defaults.int8_model, metavar="MODEL", help="default: shipped")
    peers.add_argument("--float32", type=Path, default=defaults.float32_model, metavar="MODEL", help="same network")
    peers.add_argument("--saved-model", type=Path, metavar="DIR", help="same network, as training left it, for Keras")
    peers.add_argument("--mobilenets", type=Path, metavar="DIR", help="what `mobilenets` wrote")
    peers.add_argument("--pictures", type=count, default=60, metavar="N", help="ten a turn (default: 60)")
    peers.add_argument("--repeats", type=count, default=10, metavar="N", help="of each (default: 10)")
    peers.add_argument(
        "--every", type=count, default=1, metavar="N", help="accuracy of each Nth TEST image (default: 1)"
    )
    peers.add_argument(
        "--out", type=illustrated, metavar="FILE.json", help="write all figures there, beside it FILE.png"
    )
    peers.add_argument("--readme", type=page("peers"), metavar="FILE", help="update its figure `peers`")
    peers.set_defaults(call=_peers)

    mobilenets = commands.add_parser(
        "mobilenets",
        help="train MobileNets on the same task, from scratch, for `peers` (half an hour to an hour)",
    )
    mobilenets.add_argument("--data", required=True, type=Path, metavar="DIR", help="data set: its TRAIN is learned")
    mobilenets.add_argument("--groups", type=Path, metavar="FILE.csv", help="for balanced calibration")
    mobilenets.add_argument("--out", required=True, type=Path, metavar="DIR", help="two .tflite of each network")
    mobilenets.add_argument("--epochs", type=count, default=8, metavar="N", help="default: 8")
    mobilenets.add_argument("--seed", type=seed, default=1, metavar="N", help="default: 1")
    mobilenets.set_defaults(call=_mobilenets)


def _prepare(**environment: str) -> None:
    """Before TensorFlow is imported: its start-up chatter is not for users. It reads what it is told from there."""
    os.environ.update({"TF_CPP_MIN_LOG_LEVEL": "2"} | environment)


def _peers(args: argparse.Namespace) -> int:
    """Measure, or read what was; tell; status 1 when ours is not what it is meant to be."""
    _prepare(TF_NUM_INTRAOP_THREADS="1", TF_NUM_INTEROP_THREADS="1")  # Keras has the threads of TensorFlow
    from benchmarks.peers.drawing import to_picture
    from benchmarks.peers.report import Report
    from benchmarks.peers.tables import to_markdown
    from edge_runtime.files import write_atomic, write_json

    report = Report.load(args.measured) if args.measured else _measured(args)
    if args.out:
        write_json(args.out, report.to_json())
        write_atomic(args.out.with_suffix(".png"), [to_picture(report)])
    publish(to_markdown(report), page=args.readme, name="peers")
    return settle(report.shortfalls())


def _measured(args: argparse.Namespace) -> "Report":
    """A run."""
    from benchmarks.peers import measure
    from benchmarks.peers.entrants import Bundles

    bundles = Bundles(args.int8, args.float32, args.saved_model)
    settings = measure.Settings(pictures=args.pictures, repeats=args.repeats, every=args.every)
    return measure.measure(
        bundles,
        data=args.data,
        groups=args.groups,
        mobilenets=args.mobilenets,
        settings=settings,
        tell=lambda text: note(PROG, text),
    )


def _mobilenets(args: argparse.Namespace) -> int:
    """Train and convert them."""
    _prepare()
    from benchmarks.peers import mobilenets
    from edge_runtime.dataset import open_dataset

    dataset, settings = open_dataset(args.data, split="TRAIN"), mobilenets.Settings(epochs=args.epochs, seed=args.seed)
    mobilenets.train(dataset, args.out, groups=args.groups, settings=settings, tell=lambda text: note(PROG, text))
    sys.stdout.write(f"{args.out}\n")
    return DONE
