"""Measure on this machine: latency, and the training's input pipeline and its memory."""

import argparse
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

from benchmarks.commands import PROG, illustrated, output, page, publish, say, seed, settle
from benchmarks.config import PRESETS, Settings, numbers
from edge_runtime.command import DONE, Parser, note


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    defaults = Settings()
    suite = commands.add_parser("run", help="run the latency suite and print its table")
    suite.add_argument("--preset", choices=PRESETS, default="normal", help="how thoroughly (default: normal)")
    suite.add_argument("--int8", type=Path, metavar="MODEL", help="default: the shipped one, unless --bundle is given")
    suite.add_argument("--float32", type=Path, metavar="MODEL", help="the same")
    suite.add_argument(
        "--bundle", type=Path, nargs="+", default=[], metavar="[NAME=]MODEL", help="more models, or others"
    )
    suite.add_argument(
        "--data", type=Path, metavar="DIR", help="data set whose first TEST image is used (or generated)"
    )
    suite.add_argument(
        "--out", required=True, type=output, metavar="FILE.json", help="write pytest-benchmark's JSON there"
    )
    suite.add_argument("--table", type=output, metavar="FILE.md", help="write the table there as well")
    suite.add_argument("--num-threads", type=int, default=defaults.num_threads, metavar="N")
    suite.add_argument("--more-threads", default="2,4", metavar="N,...", help="invoke and end to end with these too")
    suite.add_argument("--num-runs", type=int, metavar="N", help="at least as many; the preset's")
    suite.add_argument("--min-secs", type=float, metavar="S", help="at least as long, each; the preset's")
    suite.add_argument("--repetitions", type=int, metavar="N", help="in so many processes; the preset's")
    suite.add_argument(
        "--sustained", type=float, metavar="MINUTES", help="instead: one model's end to end for so long, with the heat"
    )
    suite.set_defaults(call=_run)

    rate = commands.add_parser("input", help="measure the training's input pipeline by itself")
    rate.add_argument("--data", required=True, type=Path, metavar="DIR", help="data set whose TRAIN images are read")
    rate.add_argument("--out", required=True, type=output, metavar="FILE.json", help="write all samples there")
    rate.add_argument("--table", type=output, metavar="FILE.md", help="write the table there as well")
    rate.add_argument("--history", type=Path, metavar="FILE.csv", help="a training's, for how long it waited for input")
    rate.add_argument("--readme", type=page("input"), metavar="FILE", help="update its figure `input`")
    rate.add_argument("--rounds", type=int, default=5, metavar="N", help="measure everything N times (default: 5)")
    rate.add_argument("--seconds", type=float, default=2.0, metavar="S", help="for so long each (default: 2)")
    rate.set_defaults(call=_input)

    memory = commands.add_parser("memory", help="measure a training epoch's memory with few and with many images")
    memory.add_argument("--images", type=numbers, default=(3000, 12_000, 40_000, 120_000), metavar="N,...")
    memory.add_argument(
        "--out", required=True, type=illustrated, metavar="FILE.json", help="beside it, its curve as FILE.png"
    )
    memory.add_argument("--work", type=Path, default=Path("build/memory"), metavar="DIR", help="keep smears there")
    memory.add_argument("--train-options", default="", metavar="OPTIONS", help="more for `python -m train float`")
    memory.add_argument("--seed", type=seed, default=1, help="of the smears (default: 1)")
    memory.add_argument("--fresh", action="store_true", help="measure again what FILE.json holds already")
    memory.add_argument("--readme", type=page("memory"), metavar="FILE", help="update its figure `memory`")
    memory.set_defaults(call=_memory)


def _run(args: argparse.Namespace) -> int:
    """Run the suite, or the one long measurement."""
    from benchmarks import suite, tabulated
    from edge_runtime.files import write_atomic

    settings = _settings(args)
    if args.sustained is not None:
        return _sustain(args, settings)
    text = tabulated.to_markdown(suite.run(settings, out=args.out))
    if args.table:
        write_atomic(args.table, [text.encode()])
    sys.stdout.write(text)
    return DONE


def _settings(args: argparse.Namespace) -> Settings:
    """The preset, and what overrides it."""
    shipped, preset = Settings(), asdict(PRESETS[args.preset])
    given = {"num_runs": args.num_runs, "min_seconds": args.min_secs, "repetitions": args.repetitions}
    return Settings(
        int8_model=args.int8 or (None if args.bundle else shipped.int8_model),
        float32_model=args.float32 or (None if args.bundle else shipped.float32_model),
        bundles=tuple(args.bundle),
        data_dir=args.data,
        num_threads=args.num_threads,
        more_threads=numbers(args.more_threads),
        **{**preset, **{name: value for name, value in given.items() if value is not None}},
    )


def _sustain(args: argparse.Namespace, settings: Settings) -> int:
    """Measure one model for minutes; status 1 when the board throttled."""
    from benchmarks import picture, sustained
    from edge_runtime.files import write_atomic

    result = sustained.run(
        next(iter(settings.models.values())),
        picture=picture.pick(settings.data_dir),
        minutes=args.sustained,
        num_threads=settings.num_threads,
    )
    result.save(args.out)
    text = sustained.to_markdown(result)
    if args.table:
        write_atomic(args.table, [text.encode()])
    say(text)
    return settle(f"void, because the board slowed down: {cause}" for cause in result.invalid_because)


def _input(args: argparse.Namespace) -> int:
    """Measure the input pipeline."""
    from benchmarks import input_rate
    from edge_runtime.files import write_atomic, write_json

    found = input_rate.measure(args.data, rounds=args.rounds, seconds=args.seconds, history=args.history)
    text = input_rate.to_markdown(found)
    write_json(args.out, found.to_json())
    if args.table:
        write_atomic(args.table, [text.encode()])
    publish(text, page=args.readme, name="input")
    return DONE


def _memory(args: argparse.Namespace) -> int:
    """Measure the memory of training; status 1 when it is not within bounds."""
    from benchmarks import growth, memory

    options = tuple(shlex.split(args.train_options))
    settings = memory.Settings(images=args.images, work_dir=args.work, options=options, seed=args.seed)
    report = memory.measure(settings, out=args.out, fresh=args.fresh, tell=lambda text: note(PROG, text))
    growth.draw(report, args.out.with_suffix(".png"))
    text = growth.to_markdown(report)
    publish(text, page=args.readme, name="memory")
    return settle(growth.shortfalls(report))
