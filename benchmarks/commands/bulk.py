"""Measure `leukolite bulk`, and work out larger runs."""

import argparse
import sys
from pathlib import Path

from benchmarks.commands import PROG, count, illustrated, say, settle
from edge_runtime.command import DONE, Parser, note


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    bulk = commands.add_parser("bulk", help="measure `leukolite bulk` against `leukolite classify` (half an hour)")
    bulk.add_argument(
        "--out", required=True, type=illustrated, metavar="FILE.json", help="beside it, its curve as FILE.png"
    )
    bulk.add_argument("--images", type=count, default=100_000, metavar="N", help="draw so many (default: 100000)")
    bulk.add_argument("--data", type=Path, metavar="DIR", help="take the images of this folder instead")
    bulk.add_argument("--actors", type=count, default=2, metavar="N")
    bulk.add_argument("--shard-size", type=count, default=1000, metavar="N")
    bulk.add_argument("--repeats", type=count, default=3, metavar="N", help="pairs of runs (default: 3)")
    bulk.add_argument("--scratch", type=Path, metavar="DIR", help="for images and outputs (default: temporary)")
    bulk.set_defaults(call=_bulk)

    billion = commands.add_parser("billion", help="work out a very large run from a report of `bulk`")
    billion.add_argument("--report", required=True, metavar="FILE.json", help="what `python -m benchmarks bulk` wrote")
    billion.add_argument("--images", type=int, default=1_000_000_000, metavar="N")
    billion.add_argument("--cores", type=int, default=64, metavar="N", help="on how many (default: 64)")
    billion.add_argument("--price-core-hour", type=float, default=0.05, metavar="P", help="yours (default: 0.05)")
    billion.add_argument("--price-million-requests", type=float, default=0.4, metavar="P", help="yours (default: 0.4)")
    billion.add_argument("--readme", metavar="FILE", help="update its figures `bulk` and `billion`")
    billion.set_defaults(call=_billion)


def _bulk(args: argparse.Namespace) -> int:
    """Measure the bulk run; status 1 when it does not do what it promises."""
    from benchmarks import bulk, rates

    settings = bulk.Settings(
        images=args.images,
        actors=args.actors,
        shard_size=args.shard_size,
        repeats=args.repeats,
        data_dir=args.data,
        scratch_dir=args.scratch,
    )
    report = bulk.measure(settings, tell=lambda text: note(PROG, text))
    rates.save(report, args.out)
    rates.draw(report, args.out.with_suffix(".png"))
    say(rates.to_markdown(report))
    return settle(rates.shortfalls(report))


def _billion(args: argparse.Namespace) -> int:
    """Work out the large run."""
    from benchmarks import billion, rates, readme

    report = rates.load(args.report)
    assumed = billion.Assumptions(
        images=args.images,
        cores=args.cores,
        price_core_hour=args.price_core_hour,
        price_million_requests=args.price_million_requests,
    )
    text = billion.to_markdown(report, assumed)
    if args.readme:
        readme.update_all(args.readme, {"bulk": rates.to_markdown(report), "billion": text})
    sys.stdout.write(text)
    return DONE
