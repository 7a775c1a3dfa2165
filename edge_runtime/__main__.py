"""The device command, `leukolite`: parse and call. Nothing heavy is imported before it is needed."""

import argparse
import gc
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edge_runtime import options
from edge_runtime.command import DONE, FAILED, UNUSABLE, Parser, complain, note, noted, reader_may_go, run
from edge_runtime.options import PROG

if TYPE_CHECKING:
    from edge_runtime.classifier import Classifier
    from edge_runtime.heatmap import Gallery
    from edge_runtime.inputs import Input
    from edge_runtime.prediction import Prediction

_OBJECTS_BEFORE_GARBAGE = 50_000  # a few megabytes, and more than are made up to the first picture


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
    """The whole command line."""
    return options.build_parser(
        {
            "classify": _classify,
            "evaluate": _evaluate,
            "gate": _gate,
            "bench": _bench,
            "doctor": _doctor,
            "adapt": _adapt,
            "bulk": _bulk,
            "info": _info,
            "completion": _completion,
        }
    )


def _open(
    args: argparse.Namespace, *, threshold: float | None = None, checks: bool = True, explaining: bool = False
) -> "Classifier":
    """The model that the options name, loaded; what it warns of becomes notes."""
    from edge_runtime.classifier import Classifier
    from edge_runtime.native import hushed

    labels = None
    if args.labels is not None:
        from edge_runtime.labels import read_labels

        labels = read_labels(args.labels)
    settings = {"threshold": threshold, "checks": checks, "num_threads": args.num_threads, "golden": args.golden}
    with noted(PROG), hushed():
        return Classifier(args.model, labels=labels, **settings).load(explaining=explaining)


def _classify(args: argparse.Namespace) -> int:
    """Classify every input; bad ones are named on stderr and the others still done."""
    from edge_runtime.files import write_atomic
    from edge_runtime.formats import FORMATTERS
    from edge_runtime.inputs import expand
    from edge_runtime.terminal import PLAIN, look_of

    found = list(expand(args.inputs, stdin=sys.stdin or ()))
    if all(item.error for item in found):
        for item in found:
            complain(PROG, item.error or "")
        if not found:
            complain(PROG, "expected at least one path on standard input, got none; pipe some paths")
        return UNUSABLE
    explaining = args.explain is not None
    classifier = _open(args, threshold=args.threshold, checks=not args.no_checks, explaining=explaining)
    gallery = None if args.explain is None else _gallery(args.explain)
    failures: list[str] = []
    on_screen = not args.output and sys.stdout.isatty()  # then the results themselves show how far it is
    predictions = _each(classifier, found, failures, hidden=on_screen, gallery=gallery)
    look = PLAIN if args.output else look_of(sys.stdout)
    results = FORMATTERS[args.format](predictions, classifier.card.labels, args.top_k, look)
    if args.output:
        write_atomic(args.output, (chunk.encode("utf-8", "backslashreplace") for chunk in results))
    else:
        for chunk in results:
            sys.stdout.write(chunk)
    return FAILED if failures else DONE


def _gallery(folder: str) -> "Gallery":
    """Where heat maps go; drawing is imported only now."""
    from edge_runtime.heatmap import Gallery

    return Gallery(folder)


def _each(
    classifier: "Classifier",
    found: Sequence["Input"],
    failures: list[str],
    *,
    hidden: bool,
    gallery: "Gallery | None",
) -> Iterator["Prediction"]:
    """Predictions in the order of the inputs; what failed is said at once and noted in `failures`.

    Heat maps go into the gallery, where there is one.
    """
    from edge_runtime.errors import show
    from edge_runtime.parallel import classify_all, count_workers
    from edge_runtime.prediction import failed
    from edge_runtime.progress import progress

    workers = 1 if gallery else count_workers(len(found), num_threads=classifier.num_threads)
    paths = (item.path for item in found if not item.error)
    with (  # in this order: a progress bar has a thread
        classify_all(classifier, paths, workers=workers) as predictions,
        progress("classify", total=len(found), hidden=hidden) as advance,
    ):
        for item in found:
            if item.error:
                prediction = failed(item.path, item.error)
            elif gallery:
                explanation = classifier.explain(item.path)
                gallery.save(explanation)
                prediction = explanation.prediction
            else:
                prediction = next(predictions)
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
    with reader_may_go():
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
    with reader_may_go():
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
    from edge_runtime.terminal import look_of

    diagnosis = examine()
    with reader_may_go():
        if args.json:
            print(json.dumps(diagnosis.to_json(), indent=1, ensure_ascii=False))
        else:
            sys.stdout.writelines(table(diagnosis, look_of(sys.stdout)))
    return DONE if diagnosis.fit else FAILED


def _adapt(args: argparse.Namespace) -> int:
    """Fit the last layers, print what that brings and write the bundle."""
    from edge_runtime.adapt.command import run as adapt

    return adapt(args)


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
    with reader_may_go():
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
        card = load_card(SHIPPED_MODEL if args.model is None else args.model)
    print(json.dumps(card.to_json(), indent=1, ensure_ascii=False))
    return DONE


def _completion(args: argparse.Namespace) -> int:
    """Print the script of a shell, which was made before, so that the device needs nothing to make it."""
    from pathlib import Path

    script = Path(__file__).parent / "completion" / f"{PROG}.{args.shell}"
    sys.stdout.write(script.read_text(encoding="utf-8"))
    return DONE


if __name__ == "__main__":
    raise SystemExit(command())
