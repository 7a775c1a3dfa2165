"""The device command, `leukolite`: parse and call. Nothing heavy is imported before it is needed."""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge_runtime import __version__
from edge_runtime.command import DONE, FAILED, UNUSABLE, Parser, complain, note, noted, run

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier, Prediction
    from edge_runtime.inputs import Input

PROG = "leukolite"
FORMATS = ("table", "json", "jsonl", "csv")
GOLDEN = ("refuse", "warn", "off")
_OBJECTS_BEFORE_GARBAGE = 50_000  # a few megabytes, and more than are made up to the first picture

GOLDEN_HELP = "what to do when the model does not give the golden output of its card here (default: refuse it)"


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    return run(build_parser(), argv)


def command() -> int:
    """`main` for a process that is its own: Python looks for garbage seldom, and not once more at the end.

    It would go through every object of numpy and Pillow again and again while they are imported, and twice when the
    process ends: a sixth of the time that one picture takes.
    """
    gc.set_threshold(_OBJECTS_BEFORE_GARBAGE)
    status = main()
    gc.freeze()
    return status


def build_parser() -> Parser:
    """All sub-commands and their options."""
    parser = Parser(prog=PROG, description="Classify white blood cells. Research use only; not a medical device.")
    parser.add_argument("--version", action="version", version=f"{PROG} {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    classify = commands.add_parser("classify", help="name the cell in each image")
    classify.add_argument("inputs", nargs="+", metavar="INPUT", help="files, folders, globs; - for paths on stdin")
    classify.add_argument("-m", "--model", help="a .tflite bundle (default: the one shipped with leukolite)")
    classify.add_argument("--format", choices=FORMATS, default="table")
    classify.add_argument("-o", "--output", metavar="FILE", help="write there instead of standard output")
    classify.add_argument("-t", "--threshold", type=fraction, help="no label below this confidence (default: card's)")
    classify.add_argument("-k", "--top-k", type=positive, help="give only the K most probable classes")
    _add_trust(classify)
    classify.add_argument("--num-threads", type=positive, default=1)
    classify.set_defaults(call=_classify)

    evaluate = commands.add_parser("evaluate", help="measure a bundle on labelled images")
    evaluate.add_argument("-m", "--model", help="a .tflite bundle (default: the one shipped with leukolite)")
    evaluate.add_argument("--data", required=True, metavar="DIR", help="<SPLIT>/<CLASS>/*, <CLASS>/*, or Kaggle's root")
    evaluate.add_argument("--split", default="TEST")
    evaluate.add_argument("--report", required=True, metavar="FILE.json", help="write the EvalReport there")
    evaluate.add_argument("--predictions", metavar="FILE.csv", help="write each image's prediction there")
    evaluate.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell")
    _add_trust(evaluate)
    evaluate.add_argument("--num-threads", type=positive, default=1)
    evaluate.set_defaults(call=_evaluate)

    gate = commands.add_parser("gate", help="fail when a model is worse than its reference")
    gate.add_argument("--candidate", required=True, metavar="REPORT", help="EvalReport of the model to judge")
    gate.add_argument("--reference", required=True, metavar="REPORT", help="EvalReport of the model to compare with")
    gate.add_argument("--policy", metavar="FILE.toml", help="limits (default: those of the user's criteria)")
    gate.add_argument("--latency", metavar="FILE.json", help="of `leukolite bench`, for a policy with max_latency_ms")
    gate.add_argument("--json", metavar="FILE", help="write the verdict there")
    gate.add_argument("--junit", metavar="FILE", help="write it as JUnit XML, a test case for each rule and class")
    gate.add_argument("--markdown", metavar="FILE", help="write it as Markdown (into $GITHUB_STEP_SUMMARY anyway)")
    gate.add_argument("--html", metavar="FILE", help="write a page with confusion matrices and intervals")
    gate.add_argument("--data", metavar="DIR", help="where the images lie, for the page to show those that changed")
    gate.set_defaults(call=_gate)

    bench = commands.add_parser("bench", help="measure a bundle's latency and memory on this device")
    bench.add_argument("-m", "--model", help="a .tflite bundle (default: the one shipped with leukolite)")
    bench.add_argument("--num-runs", type=positive, default=50, metavar="N", help="at least so many runs (default: 50)")
    bench.add_argument(
        "--warmup-runs", type=positive, default=1, metavar="N", help="at least so many before (default: 1)"
    )
    bench.add_argument("--min-secs", type=seconds, default=1.0, metavar="S", help="at least so long (default: 1)")
    bench.add_argument("--num-threads", type=positive, default=1, metavar="N")
    bench.add_argument("--result-json", metavar="FILE", help="write everything there, each single time included")
    bench.set_defaults(call=_bench)

    doctor = commands.add_parser("doctor", help="is this device fit to run leukolite, and to be measured?")
    doctor.add_argument("--json", action="store_true", help="print one JSON object")
    doctor.set_defaults(call=_doctor)

    bulk = commands.add_parser("bulk", help="classify a whole collection on Ray Data, into Parquet (extra `cluster`)")
    bulk.add_argument("input", metavar="INPUT_URI", help="a folder, or a prefix such as s3://bucket/images")
    bulk.add_argument("output", metavar="OUTPUT_URI", help="where the results go; one that was begun is gone on with")
    bulk.add_argument("-m", "--model", help="a .tflite bundle (default: the one shipped with leukolite)")
    bulk.add_argument("--actors", type=positive, metavar="N", help="how many classify at once (default: Ray's CPUs)")
    bulk.add_argument("--shard-size", type=positive, metavar="N", help="images in a Parquet file (default: 1000)")
    # What a worker warns of stays in Ray's logs, so that there is no `warn` here.
    bulk.add_argument("--golden", choices=(GOLDEN[0], GOLDEN[-1]), default=GOLDEN[0], help=GOLDEN_HELP)
    bulk.set_defaults(call=_bulk)

    info = commands.add_parser("info", help="print the card inside a bundle as JSON")
    info.add_argument("model", metavar="MODEL", nargs="?", help="a .tflite bundle (default: the one shipped)")
    info.set_defaults(call=_info)
    return parser


def _add_trust(parser: Parser) -> None:
    """What a model is taken for that does not say it, or does not compute as it says."""
    parser.add_argument("--labels", metavar="FILE|A,B,...", help="names of the classes of a model without a card")
    parser.add_argument("--golden", choices=GOLDEN, default=GOLDEN[0], help=GOLDEN_HELP)


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


def seconds(text: str) -> float:
    """A number of seconds, 0 or more, and no more than a day."""
    value = float(text)
    if not 0 <= value <= 86_400:
        raise argparse.ArgumentTypeError(f"{text} is not from 0 to 86400")
    return value


def _open(args: argparse.Namespace, *, threshold: float | None = None) -> "Classifier":
    """The model that the options name, loaded; what it warns of becomes notes."""
    from edge_runtime.classifier import Classifier
    from edge_runtime.native import hushed

    labels = None
    if args.labels is not None:
        from edge_runtime.labels import read_labels

        labels = read_labels(args.labels)
    options = {"threshold": threshold, "num_threads": args.num_threads, "golden": args.golden}
    with noted(PROG), hushed():
        return Classifier(args.model, labels=labels, **options).load()


def _classify(args: argparse.Namespace) -> int:
    """Classify every input; bad ones are named on stderr and the others still done."""
    from edge_runtime.files import write_atomic
    from edge_runtime.formats import FORMATTERS
    from edge_runtime.inputs import expand

    found = list(expand(args.inputs, stdin=sys.stdin))
    if all(item.error for item in found):
        for item in found:
            complain(PROG, item.error or "")
        if not found:
            complain(PROG, "expected at least one path on standard input, got none; pipe some paths")
        return UNUSABLE
    classifier = _open(args, threshold=args.threshold)
    failures: list[str] = []
    on_screen = not args.output and sys.stdout.isatty()  # then the results themselves show how far it is
    predictions = _each(classifier, found, failures, hidden=on_screen)
    results = FORMATTERS[args.format](predictions, classifier.card.labels, args.top_k)
    if args.output:
        write_atomic(args.output, (chunk.encode("utf-8", "backslashreplace") for chunk in results))
    else:
        for chunk in results:
            sys.stdout.write(chunk)
    return FAILED if failures else DONE


def _each(
    classifier: "Classifier", found: Sequence["Input"], failures: list[str], *, hidden: bool
) -> Iterator["Prediction"]:
    """Predictions in the order of the inputs; what failed is said at once and noted in `failures`."""
    from edge_runtime.classifier import failed
    from edge_runtime.errors import show
    from edge_runtime.parallel import classify_all, count_workers
    from edge_runtime.progress import progress

    workers = count_workers(len(found), num_threads=classifier.num_threads)
    predictions = classify_all(classifier, (item.path for item in found if not item.error), workers=workers)
    with progress("classify", total=len(found), hidden=hidden) as advance:
        for item in found:
            prediction = failed(item.path, item.error) if item.error else next(predictions)
            if prediction.error:
                complain(PROG, prediction.error if item.error else f"{show(item.path)}: {prediction.error}")
                failures.append(item.path)
            yield prediction
            advance()


def _evaluate(args: argparse.Namespace) -> int:
    """Write an EvalReport and print its figures."""
    from edge_runtime.dataset import open_dataset
    from edge_runtime.evaluation import evaluate, write_predictions
    from edge_runtime.groups import read_groups

    classifier = _open(args)
    groups = read_groups(args.groups) if args.groups else None
    dataset = open_dataset(args.data, split=args.split)
    for name in dataset.ignored:
        note(PROG, f"{name}: ignored, its name does not end as an image's does")
    report, complaints = evaluate(classifier, dataset, groups=groups)
    for complaint in complaints:
        complain(PROG, complaint)
    report.save(args.report)
    if args.predictions:
        write_predictions(args.predictions, report)
    for label, rates in report.per_class.items():
        print(f"{label}: n {rates.n}, TPR {_rate(rates.tpr)}, TNR {_rate(rates.tnr)}")
    print(f"accuracy {_rate(report.accuracy)} on {report.n} images, {report.n_errors} of them without an answer")
    return FAILED if complaints else DONE


def _rate(value: float | None) -> str:
    """A rate with four digits, or what stands for none."""
    return "none (no samples)" if value is None else f"{value:.4f}"


def _gate(args: argparse.Namespace) -> int:
    """Judge, print and write the verdict."""
    from edge_runtime.gate.command import run as judge

    return judge(args)


def _bench(args: argparse.Namespace) -> int:
    """Print the figures and write all of it; a run on a board that throttled is none, and ends with status 1."""
    from edge_runtime import bench
    from edge_runtime.timing import Plan

    plan = Plan(num_runs=args.num_runs, min_secs=args.min_secs, warmup_runs=args.warmup_runs)
    watched = sys.stderr.isatty()  # a line only: a bar that is redrawn meanwhile would be measured too
    with noted(PROG):
        result = bench.run(
            args.model,
            plan=plan,
            num_threads=args.num_threads,
            tell=lambda text: note(PROG, f"measuring {text}") if watched else None,
        )
    sys.stdout.writelines(bench.table(result))
    for warning in result.warnings:
        note(PROG, f"warning: {warning}")
    if args.result_json:
        result.save(args.result_json)
    if result.invalid_because:
        slowed = "; ".join(result.invalid_because)
        complain(PROG, f"expected a board that runs at full speed, got {slowed}; see `leukolite doctor`, measure again")
        return FAILED
    return DONE


def _doctor(args: argparse.Namespace) -> int:
    """Print what was looked at; status 1 when something fails."""
    import json

    from edge_runtime.doctor import examine, table

    diagnosis = examine()
    if args.json:
        print(json.dumps(diagnosis.to_json(), indent=1, ensure_ascii=False))
    else:
        sys.stdout.writelines(table(diagnosis))
    return DONE if diagnosis.fit else FAILED


def _bulk(args: argparse.Namespace) -> int:
    """Classify a collection; prints what was done as one JSON object."""
    import json

    from edge_runtime.bulk import engine
    from edge_runtime.classifier import Classifier
    from edge_runtime.progress import progress

    with noted(PROG):
        classifier = Classifier(args.model, golden=args.golden)
    work = engine.prepare(args.input, args.output, classifier=classifier, shard_size=args.shard_size)
    if work.resumed:
        note(PROG, f"going on with the plan of {work.job.plan.planned}; images that came later are not in it")
    with progress("bulk", total=work.job.plan.images, done=work.images_done) as advance:
        summary = engine.run(work, actors=args.actors, advance=advance)
    print(json.dumps(summary.to_json()))
    if summary.workers_replaced:
        note(PROG, f"{summary.workers_replaced} workers died and were replaced; what they had begun was done again")
    if summary.errors:
        bad = f"{summary.errors} of {summary.images} that can not"
        complain(PROG, f"expected images that can be classified, got {bad}; see `error` in their rows")
    return FAILED if summary.errors else DONE


def _info(args: argparse.Namespace) -> int:
    """Print the card."""
    import json

    from edge_runtime.card import load_card
    from edge_runtime.classifier import SHIPPED_MODEL

    with noted(PROG):
        card = load_card(args.model or SHIPPED_MODEL)
    print(json.dumps(card.to_json(), indent=1, ensure_ascii=False))
    return DONE


if __name__ == "__main__":
    raise SystemExit(command())
