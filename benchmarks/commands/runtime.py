"""Measure the runtime: beside what one would write oneself, its starts, all cores, its size, what explaining costs."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.commands import count, illustrated, output, page, publish, settle
from benchmarks.config import Settings
from edge_runtime.command import DONE, Parser


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    defaults = Settings()
    pipeline = commands.add_parser("pipeline", help="bytes to label, beside the usual way and the least it could take")
    _add_race(pipeline, models=True, data=True)
    pipeline.add_argument("--images", type=count, default=60, metavar="N", help="of TEST (default: 60)")
    pipeline.add_argument("--repeats", type=count, default=10, metavar="N", help="of each image (default: 10)")
    pipeline.set_defaults(call=_pipeline)

    start = commands.add_parser("start", help="`leukolite classify one.jpg` from nothing, beside its imports alone")
    _add_race(start)
    start.add_argument("--image", type=Path, metavar="FILE", help="default: a generated one")
    start.add_argument("--rounds", type=count, default=20, metavar="N", help="processes of each kind (default: 20)")
    start.set_defaults(call=_start)

    cores = commands.add_parser("cores", help="what all cores bring to a folder of images; on an idle machine")
    _add_race(cores, models=True, data=True)
    cores.add_argument("--images", type=count, default=1000, metavar="N", help="of TEST (default: 1000)")
    cores.add_argument("--rounds", type=count, default=7, metavar="N", help="of each kind (default: 7)")
    cores.set_defaults(call=_cores)

    size = commands.add_parser("size", help="how large the device's packages are")
    size.add_argument("--readme", metavar="FILE", help="update its figure `size`")
    size.set_defaults(call=_size)

    explain = commands.add_parser("explain", help="measure what heat maps cost, and draw some (a minute)")
    explain.add_argument("--models", nargs="+", type=Path, default=(defaults.int8_model, defaults.float32_model))
    explain.add_argument("--data", required=True, type=Path, metavar="DIR", help="data set whose TRAIN images are used")
    explain.add_argument(
        "--out", required=True, type=illustrated, metavar="FILE.json", help="beside it, pictures as FILE.jpg"
    )
    explain.add_argument("--runs", type=count, default=50, metavar="N", help="of each picture, both ways (default: 50)")
    explain.add_argument(
        "--per-class", type=count, default=50, metavar="N", help="images for the evidence (default: 50)"
    )
    explain.add_argument("--readme", type=page("explain"), metavar="FILE", help="update its figure `explain`")
    explain.set_defaults(call=_explain)


def _add_race(parser: Parser, *, models: bool = False, data: bool = False) -> None:
    """What the commands that let contenders take turns have in common."""
    parser.add_argument("--out", required=True, type=output, metavar="FILE.json", help="write all samples there")
    parser.add_argument(
        "--readme", type=page(parser.prog.split()[-1]), metavar="FILE", help="update its figure of the command's name"
    )
    if models:
        shipped = [Settings().int8_model]
        parser.add_argument("--models", nargs="+", type=Path, default=shipped, metavar="MODEL", help="default: shipped")
    if data:
        parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="data set whose TEST is read")


def _pipeline(args: argparse.Namespace) -> int:
    """Bytes to label."""
    from benchmarks import pipeline

    found = pipeline.measure(args.models, data=args.data, images=args.images, repeats=args.repeats)
    return _tell(args, "pipeline", pipeline.to_markdown(found), found)


def _start(args: argparse.Namespace) -> int:
    """Starts of the command."""
    from benchmarks import start

    found = start.measure(args.image, rounds=args.rounds)
    return _tell(args, "start", start.to_markdown(found), found)


def _cores(args: argparse.Namespace) -> int:
    """One processor and all."""
    from benchmarks import cores

    found = cores.measure(args.models, data=args.data, images=args.images, rounds=args.rounds)
    return _tell(args, "cores", cores.to_markdown(found), found)


def _tell(args: argparse.Namespace, name: str, text: str, found: Mapping[str, Any]) -> int:
    """Write and print what was measured."""
    from edge_runtime.files import write_json

    write_json(args.out, found)
    publish(text, page=args.readme, name=name)
    return DONE


def _size(args: argparse.Namespace) -> int:
    """Tabulate sizes."""
    from benchmarks import size

    text = size.to_markdown(size.measure())
    publish(text, page=args.readme, name="size")
    return DONE


def _explain(args: argparse.Namespace) -> int:
    """Measure and draw; status 1 when explaining costs more than it may."""
    from benchmarks import contact_sheet, explain
    from edge_runtime.files import write_atomic, write_json

    report = explain.measure(args.models, args.data, runs=args.runs, per_class=args.per_class)
    write_json(args.out, report.to_json())
    write_atomic(args.out.with_suffix(".jpg"), [contact_sheet.sheet(args.models, args.data)])
    text = explain.to_markdown(report)
    publish(text, page=args.readme, name="explain")
    return settle(explain.shortfalls(report))
