"""Measure and report: `python -m benchmarks run`, `report` and `seeds`. Parse and call."""

import argparse
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.config import Settings
from edge_runtime.command import DONE, FAILED, Parser, note, run

PROG = "benchmarks"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run(build_parser(), argv)


def build_parser() -> Parser:
    """All sub-commands and their options."""
    defaults = Settings()
    parser = Parser(prog=PROG, description="Measure latency, and tell how good, how sure and how fast the models are.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    suite = commands.add_parser("run", help="run the latency suite and print its table")
    suite.add_argument(
        "--int8", type=Path, default=defaults.int8_model, metavar="MODEL", help="default: the shipped one"
    )
    suite.add_argument("--float32", type=Path, default=defaults.float32_model, metavar="MODEL", help="the same")
    suite.add_argument(
        "--data", type=Path, metavar="DIR", help="data set whose first TEST image is used (or generated)"
    )
    suite.add_argument("--out", required=True, metavar="FILE.json", help="write pytest-benchmark's JSON there")
    suite.add_argument("--table", metavar="FILE.md", help="write the table there as well")
    suite.add_argument("--num-threads", type=int, default=defaults.num_threads, metavar="N")
    suite.add_argument("--num-runs", type=int, default=defaults.num_runs, metavar="N", help="at least as many")
    suite.add_argument(
        "--min-secs", type=float, default=defaults.min_seconds, metavar="S", help="at least as long, each"
    )
    suite.set_defaults(call=_run)

    report = commands.add_parser("report", help="write the report of a finished run, with pictures")
    report.add_argument("--int8", required=True, metavar="EVAL.json", help="EvalReport of the int8 model")
    report.add_argument("--float32", required=True, metavar="EVAL.json", help="EvalReport of the float32 model")
    report.add_argument("--verdict", required=True, metavar="GATE.json", help="what `leukolite gate --json` wrote")
    report.add_argument("--latency", required=True, metavar="BENCH.json", help="what `python -m benchmarks run` wrote")
    report.add_argument("--history", metavar="HISTORY.csv", help="the training's epochs")
    report.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell, to name disputed ones")
    report.add_argument("--out", required=True, metavar="DIR", help="write report.md, confusion.png, rates.png there")
    report.add_argument("--readme", metavar="FILE", help="update its figures `accuracy`, `disputed` and `latency`")
    report.set_defaults(call=_report)

    seeds = commands.add_parser("seeds", help="tabulate the EvalReports of several seeds")
    seeds.add_argument(
        "--reports", nargs="+", required=True, metavar="GLOB", help="EvalReports named seed<N>-<variant>.json"
    )
    seeds.add_argument("--out", required=True, metavar="FILE.md")
    seeds.add_argument("--json", metavar="FILE")
    seeds.add_argument("--readme", metavar="FILE", help="update its figure of this --name")
    seeds.add_argument("--name", default="seeds", help="of the figure in the README (default: seeds)")
    seeds.set_defaults(call=_seeds)

    parts = commands.add_parser("subsets", help="TEST without what TRAIN has seen, without doubtful labels, by source")
    parts.add_argument("--report", required=True, metavar="FILE.json", help="EvalReport of a whole split")
    parts.add_argument("--groups", required=True, metavar="FILE.csv", help="of all splits")
    parts.add_argument("--doubted", required=True, metavar="FILE.csv", help="the sources.csv of `train crossval`")
    parts.add_argument("--trial", metavar="FILE.json", help="that cross-validation's trial.json, for a sentence on it")
    parts.add_argument("--out", required=True, metavar="FILE.md")
    parts.add_argument("--readme", metavar="FILE", help="update its figure `subsets`")
    parts.set_defaults(call=_subsets)

    rate = commands.add_parser("input", help="measure the training's input pipeline by itself")
    rate.add_argument("--data", required=True, type=Path, metavar="DIR", help="data set whose TRAIN images are read")
    rate.add_argument("--out", required=True, metavar="FILE.json", help="write all samples there")
    rate.add_argument("--table", metavar="FILE.md", help="write the table there as well")
    rate.add_argument("--history", type=Path, metavar="FILE.csv", help="a training's, for how long it waited for input")
    rate.add_argument("--readme", metavar="FILE", help="update its figure `input`")
    rate.add_argument("--rounds", type=int, default=5, metavar="N", help="measure everything N times (default: 5)")
    rate.add_argument("--seconds", type=float, default=2.0, metavar="S", help="for so long each (default: 2)")
    rate.set_defaults(call=_input)

    pipeline = commands.add_parser("pipeline", help="bytes to label, beside the usual way and the least it could take")
    _add_race(pipeline, models=True, data=True)
    pipeline.add_argument("--images", type=int, default=60, metavar="N", help="of TEST (default: 60)")
    pipeline.add_argument("--repeats", type=int, default=10, metavar="N", help="of each image (default: 10)")
    pipeline.set_defaults(call=_pipeline)

    start = commands.add_parser("start", help="`leukolite classify one.jpg` from nothing, beside its imports alone")
    _add_race(start)
    start.add_argument("--image", type=Path, metavar="FILE", help="default: a generated one")
    start.add_argument("--rounds", type=int, default=20, metavar="N", help="processes of each kind (default: 20)")
    start.set_defaults(call=_start)

    cores = commands.add_parser("cores", help="what all cores bring to a folder of images; on an idle machine")
    _add_race(cores, models=True, data=True)
    cores.add_argument("--images", type=int, default=1000, metavar="N", help="of TEST (default: 1000)")
    cores.add_argument("--rounds", type=int, default=7, metavar="N", help="of each kind (default: 7)")
    cores.set_defaults(call=_cores)

    size = commands.add_parser("size", help="how large the device's packages are")
    size.add_argument("--readme", metavar="FILE", help="update its figure `size`")
    size.set_defaults(call=_size)

    figure = commands.add_parser("figure", help="put a Markdown file between the markers of a page")
    figure.add_argument("--name", required=True, help="of the figure, as the markers have it")
    figure.add_argument("--markdown", required=True, type=Path, metavar="FILE.md", help="as `train compare` writes it")
    figure.add_argument("--readme", required=True, metavar="FILE")
    figure.set_defaults(call=_figure)

    tested = commands.add_parser("tested", help="tabulate the versions that the runtime was tried with")
    tested.add_argument("--readme", metavar="FILE", help="update its figure `tested`")
    tested.set_defaults(call=_tested)

    memory = commands.add_parser("memory", help="measure a training epoch's memory with few and with many images")
    memory.add_argument("--images", type=numbers, default=(3000, 12_000, 40_000, 120_000), metavar="N,...")
    memory.add_argument("--out", required=True, type=Path, metavar="FILE.json", help="beside it, its curve as FILE.png")
    memory.add_argument("--work", type=Path, default=Path("build/memory"), metavar="DIR", help="keep smears there")
    memory.add_argument("--train-options", default="", metavar="OPTIONS", help="more for `python -m train float`")
    memory.add_argument("--seed", type=int, default=1, help="of the smears (default: 1)")
    memory.add_argument("--fresh", action="store_true", help="measure again what FILE.json holds already")
    memory.add_argument("--readme", metavar="FILE", help="update its figure `memory`")
    memory.set_defaults(call=_memory)

    bulk = commands.add_parser("bulk", help="measure `leukolite bulk` against `leukolite classify` (half an hour)")
    bulk.add_argument("--out", required=True, type=Path, metavar="FILE.json", help="beside it, its curve as FILE.png")
    bulk.add_argument("--images", type=int, default=100_000, metavar="N", help="draw so many (default: 100000)")
    bulk.add_argument("--data", type=Path, metavar="DIR", help="take the images of this folder instead")
    bulk.add_argument("--actors", type=int, default=2, metavar="N")
    bulk.add_argument("--shard-size", type=int, default=1000, metavar="N")
    bulk.add_argument("--repeats", type=int, default=3, metavar="N", help="pairs of runs (default: 3)")
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

    campaign = commands.add_parser(
        "mutations", help="damage a model in 200 ways, and see which the gate catches (minutes)"
    )
    campaign.add_argument("--model", default=str(defaults.int8_model), help="default: the shipped one")
    campaign.add_argument("--reference", required=True, metavar="EVAL.json", help="EvalReport to compare mutants with")
    campaign.add_argument("--data", required=True, metavar="DIR", help="data set whose TEST images are classified")
    campaign.add_argument("--groups", required=True, metavar="FILE.csv", help="which images show the same cell")
    campaign.add_argument("--out", required=True, metavar="FILE.json")
    campaign.add_argument("--per-kind", type=int, metavar="N", help="so many of each kind of damage only")
    campaign.add_argument("--readme", metavar="FILE", help="update its figure `mutations`")
    campaign.set_defaults(call=_mutations)

    power = commands.add_parser("power", help="simulate how often the gate errs (minutes)")
    power.add_argument("--out", required=True, type=Path, metavar="FILE.json", help="beside it, its curves as FILE.png")
    power.add_argument("--repeats", type=int, default=200, metavar="N", help="draw each case so often (default: 200)")
    power.add_argument("--readme", metavar="FILE", help="update its figure `power`")
    power.set_defaults(call=_power)

    explain = commands.add_parser("explain", help="measure what heat maps cost, and draw some (a minute)")
    explain.add_argument("--models", nargs="+", type=Path, default=(defaults.int8_model, defaults.float32_model))
    explain.add_argument("--data", required=True, type=Path, metavar="DIR", help="data set whose TRAIN images are used")
    explain.add_argument("--out", required=True, type=Path, metavar="FILE.json", help="beside it, pictures as FILE.jpg")
    explain.add_argument("--runs", type=int, default=50, metavar="N", help="of each picture, both ways (default: 50)")
    explain.add_argument("--per-class", type=int, default=50, metavar="N", help="images for the evidence (default: 50)")
    explain.add_argument("--readme", metavar="FILE", help="update its figure `explain`")
    explain.set_defaults(call=_explain)

    mutant = commands.add_parser("mutant", help="write one damaged copy of a model")
    mutant.add_argument("--model", default=str(defaults.int8_model), help="default: the shipped one")
    mutant.add_argument("--name", help="one that `mutations` names (default: the last of those with a turned head)")
    mutant.add_argument("--out", required=True, metavar="MODEL")
    mutant.set_defaults(call=_mutant)
    return parser


def _add_race(parser: Parser, *, models: bool = False, data: bool = False) -> None:
    """What the commands that let contenders take turns have in common."""
    parser.add_argument("--out", required=True, metavar="FILE.json", help="write all samples there")
    parser.add_argument("--readme", metavar="FILE", help="update its figure of the command's name")
    if models:
        shipped = [Settings().int8_model]
        parser.add_argument("--models", nargs="+", type=Path, default=shipped, metavar="MODEL", help="default: shipped")
    if data:
        parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="data set whose TEST is read")


def numbers(text: str) -> tuple[int, ...]:
    """Comma-separated whole numbers."""
    return tuple(int(part) for part in text.split(","))


def _run(args: argparse.Namespace) -> int:
    """Run the suite."""
    from benchmarks import latency, suite
    from edge_runtime.files import write_atomic

    settings = Settings(
        int8_model=args.int8,
        float32_model=args.float32,
        data_dir=args.data,
        num_threads=args.num_threads,
        num_runs=args.num_runs,
        min_seconds=args.min_secs,
    )
    text = latency.to_markdown(suite.run(settings, out=args.out))
    if args.table:
        write_atomic(args.table, [text.encode()])
    sys.stdout.write(text)
    return DONE


def _report(args: argparse.Namespace) -> int:
    """Write the report."""
    from benchmarks import readme, report
    from benchmarks.evidence import gather

    evidence = gather(
        int8=args.int8,
        float32=args.float32,
        verdict=args.verdict,
        latency=args.latency,
        history=args.history,
        groups=args.groups,
    )
    path = report.write(evidence, out_dir=args.out)
    if args.readme:
        readme.update_all(args.readme, report.figures(evidence))
    print(path)
    return DONE


def _seeds(args: argparse.Namespace) -> int:
    """Tabulate the seeds."""
    from benchmarks import readme, seeds
    from edge_runtime.files import write_atomic, write_json

    found = seeds.gather(args.reports)
    text = seeds.to_markdown(found)
    write_atomic(args.out, [text.encode()])
    if args.json:
        write_json(args.json, found.to_json())
    if args.readme:
        readme.update(args.readme, args.name, text)
    sys.stdout.write(text)
    return DONE


def _subsets(args: argparse.Namespace) -> int:
    """Divide a report."""
    from benchmarks import readme, subsets
    from edge_runtime.files import write_atomic
    from edge_runtime.groups import read_groups
    from edge_runtime.report import load_report

    judgement = subsets.read_judgement(args.doubted)
    text = "".join(subsets.to_markdown(load_report(args.report), read_groups(args.groups), judgement=judgement))
    text = (subsets.describe_trial(args.trial) if args.trial else "") + text
    write_atomic(args.out, [text.encode()])
    if args.readme:
        readme.update(args.readme, "subsets", text)
    sys.stdout.write(text)
    return DONE


def _tested(args: argparse.Namespace) -> int:
    """Tabulate tested.jsonl."""
    from benchmarks import readme, tested
    from edge_runtime.trial import combinations

    text = tested.to_markdown(combinations())
    if args.readme:
        readme.update(args.readme, "tested", text)
    sys.stdout.write(text)
    return DONE


def _input(args: argparse.Namespace) -> int:
    """Measure the input pipeline."""
    from benchmarks import input_rate, readme
    from edge_runtime.files import write_atomic, write_json

    found = input_rate.measure(args.data, rounds=args.rounds, seconds=args.seconds, history=args.history)
    text = input_rate.to_markdown(found)
    write_json(args.out, found.to_json())
    if args.table:
        write_atomic(args.table, [text.encode()])
    if args.readme:
        readme.update(args.readme, "input", text)
    sys.stdout.write(text)
    return DONE


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
    from benchmarks import readme
    from edge_runtime.files import write_json

    write_json(args.out, found)
    if args.readme:
        readme.update(args.readme, name, text)
    sys.stdout.write(text)
    return DONE


def _size(args: argparse.Namespace) -> int:
    """Tabulate sizes."""
    from benchmarks import readme, size

    text = size.to_markdown(size.measure())
    if args.readme:
        readme.update(args.readme, "size", text)
    sys.stdout.write(text)
    return DONE


def _figure(args: argparse.Namespace) -> int:
    """Update one figure of a page."""
    from benchmarks import readme

    readme.update(args.readme, args.name, args.markdown.read_text(encoding="utf-8"))
    print(args.readme)
    return DONE


def _memory(args: argparse.Namespace) -> int:
    """Measure the memory of training; status 1 when it is not within bounds."""
    from benchmarks import growth, memory, readme

    options = tuple(shlex.split(args.train_options))
    settings = memory.Settings(images=args.images, work_dir=args.work, options=options, seed=args.seed)
    report = memory.measure(settings, out=args.out, fresh=args.fresh, tell=lambda text: note(PROG, text))
    growth.draw(report, args.out.with_suffix(".png"))
    text = growth.to_markdown(report)
    if args.readme:
        readme.update(args.readme, "memory", text)
    sys.stdout.write(text)
    missed = list(growth.shortfalls(report))
    for each in missed:
        note(PROG, each)
    return FAILED if missed else DONE


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
    sys.stdout.write(rates.to_markdown(report))
    missed = list(rates.shortfalls(report))
    for each in missed:
        note(PROG, each)
    return FAILED if missed else DONE


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


def _mutations(args: argparse.Namespace) -> int:
    """Run the campaign; status 1 when the gate let a mutant pass that loses too much, or failed one that does not."""
    from benchmarks import campaign, caught, readme
    from edge_runtime.files import write_json
    from edge_runtime.progress import progress

    settings = campaign.Settings(
        model=args.model, reference=args.reference, data=args.data, groups=args.groups, per_kind=args.per_kind
    )
    with progress("mutations") as advance:
        trials = campaign.run(settings, advance=advance)
    write_json(args.out, campaign.to_json(settings, trials))
    text = caught.to_markdown(trials)
    if args.readme:
        readme.update(args.readme, "mutations", text)
    sys.stdout.write(text)
    wrong = [*caught.missed(trials), *caught.accused(trials)]
    for trial in wrong:
        note(PROG, f"{trial.name}: {trial.verdict}, though its worst figure is {trial.excess} beyond its limit")
    return FAILED if wrong else DONE


def _power(args: argparse.Namespace) -> int:
    """Simulate the gate's errors."""
    from benchmarks import power, readme
    from edge_runtime.files import write_json
    from edge_runtime.progress import progress

    settings = power.Settings(repeats=args.repeats)
    with progress("power") as advance:
        cases = power.simulate(settings, advance=advance)
    write_json(args.out, power.to_json(settings, cases))
    power.draw(cases, args.out.with_suffix(".png"), limit=settings.limit)
    text = power.to_markdown(cases, limit=settings.limit, repeats=settings.repeats)
    if args.readme:
        readme.update(args.readme, "power", text)
    sys.stdout.write(text)
    return DONE


def _explain(args: argparse.Namespace) -> int:
    """Measure and draw; status 1 when explaining costs more than it may."""
    from benchmarks import contact_sheet, explain, readme
    from edge_runtime.files import write_atomic, write_json

    report = explain.measure(args.models, args.data, runs=args.runs, per_class=args.per_class)
    write_json(args.out, report.to_json())
    write_atomic(args.out.with_suffix(".jpg"), [contact_sheet.sheet(args.models, args.data)])
    text = explain.to_markdown(report)
    if args.readme:
        readme.update(args.readme, "explain", text)
    sys.stdout.write(text)
    missed = list(explain.shortfalls(report))
    for each in missed:
        note(PROG, each)
    return FAILED if missed else DONE


def _mutant(args: argparse.Namespace) -> int:
    """Write a damaged copy."""
    from benchmarks import mutants
    from edge_runtime.files import write_atomic

    write_atomic(args.out, [mutants.bundle(args.model, mutants.find(args.model, args.name))])
    print(args.out)
    return DONE


if __name__ == "__main__":
    raise SystemExit(main())
