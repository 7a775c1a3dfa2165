"""Judge recipes on cells that they never saw."""

import argparse
from pathlib import Path

from edge_runtime.command import DONE, Parser
from train.commands import start, tell
from train.course import add_course, add_data, add_split, call_of
from train.recipe import add_recipe, add_teachers, settings_of


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register these commands."""
    crossval = commands.add_parser("crossval", help="how good a recipe is on cells it never saw, each answered once")
    add_data(crossval)
    crossval.add_argument("--out", required=True, type=Path, metavar="DIR", help="a run a fold, and the pooled figures")
    crossval.add_argument("--folds", type=_folds, default=5, help="parts that the source cells are dealt into")
    crossval.add_argument(
        "--splits", type=names, default=("TRAIN", "TEST"), help="taken together (default: TRAIN,TEST)"
    )
    crossval.add_argument("--int8", action="store_true", help="fine-tune each for int8 as well, and answer with it")
    add_recipe(crossval)
    add_teachers(crossval, metavar="DIR", held_out=", of each cross-validation the one blind to the same fold")
    add_split(crossval)
    add_course(crossval)
    crossval.set_defaults(call=_crossval)

    trials = commands.add_parser(
        "trials", help="one table of cross-validations (trial.json) and runs of blind towers (run.json)"
    )
    trials.add_argument("trials", nargs="+", type=Path, metavar="FILE.json", help="named by the file")
    trials.add_argument("--out", type=Path, metavar="FILE.md")
    trials.add_argument("--keep", type=Path, metavar="DIR", help="write each there as a trial.json, by its own name")
    trials.set_defaults(call=_trials)


def _crossval(args: argparse.Namespace) -> int:
    """Cross-validate; prints the pooled figures."""
    settings = settings_of(args)
    start()
    from train.crossval import cross_validate
    from train.crossval_report import save
    from train.trials import record

    found = cross_validate(
        args.data,
        args.out,
        folds=args.folds,
        settings=settings,
        call=call_of(args, tell=tell),
        splits=args.splits,
        int8=args.int8,
        teachers=args.teachers,
    )
    sources, report = save(found, args.out), found.report
    record(report, args.out, settings=settings, folds=args.folds, int8=found.int8, agreement=found.agreement)
    for label, rates in report.per_class.items():
        print(f"{label}: n {rates.n}, TPR {rates.tpr:.4f}, TNR {rates.tnr:.4f}")
    print(
        f"{args.out}: cross-validated balanced accuracy {report.balanced_accuracy:.4f} on {report.n} images of"
        f" {len(sources)} sources, {sum(answer.suggested is not None for answer in sources)} of doubtful label"
    )
    if found.int8:
        print(f"{args.out}: int8 {found.int8.balanced_accuracy:.4f}, {found.agreement:.2%} of labels as float's")
    return DONE


def _trials(args: argparse.Namespace) -> int:
    """Tabulate trials."""
    start()
    from edge_runtime.files import write_atomic, write_json
    from train.trials import read_all, to_markdown

    trials = read_all(args.trials)
    for name, trial in trials.items() if args.keep else ():
        write_json(args.keep / f"{name}.json", trial.to_json())
    text = "".join(f"{line}\n" for line in to_markdown(trials))
    if args.out:
        write_atomic(args.out, [text.encode()])
    print(text, end="")
    return DONE


def names(text: str) -> tuple[str, ...]:
    """Comma-separated names."""
    return tuple(part for part in text.split(",") if part)


def _folds(text: str) -> int:
    """A whole number from 2."""
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError(f"{text} is not at least 2")
    return value
