"""How models hold when the microscope changes."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import readme
from benchmarks.commands import PROG, count, output, page, publish, seed
from benchmarks.config import Settings
from edge_runtime.command import DONE, Parser, note
from edge_runtime.errors import LeukoliteError, show

if TYPE_CHECKING:
    from benchmarks.shifts.answers import Measured

SPLIT = "TEST"


def add(commands: "argparse._SubParsersAction[Parser]") -> None:
    """Register the command."""
    defaults = Settings()
    shifts = commands.add_parser(
        "shifts", help="accuracy under graded changes of stain, light, focus, scale and sensor"
    )
    shifts.add_argument(
        "--models",
        nargs="+",
        default=[str(defaults.int8_model), str(defaults.float32_model)],
        metavar="[NAME=]FILE",
        help="bundles, and what the report calls them (default: shipped); gains are over the first",
    )
    source = shifts.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, metavar="DIR", help="data set whose pictures are shifted")
    source.add_argument(
        "--measured", nargs="+", type=Path, metavar="FILE.json", help="tell of an earlier --out, or of several as one"
    )
    shifts.add_argument("--split", help=f"default: {SPLIT}; with --only or --crossval, whichever they name")
    shifts.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell")
    shifts.add_argument("--per-source", type=count, default=2, metavar="N", help="pictures of a cell (default: 2)")
    which = shifts.add_mutually_exclusive_group()
    which.add_argument("--only", type=Path, metavar="FILE", help="these pictures: an EvalReport, a CSV, a path a line")
    which.add_argument("--crossval", type=Path, metavar="DIR", help="what one --fold of this cross-validation held out")
    shifts.add_argument("--fold", type=int, metavar="N", help="of --crossval, from 0")
    shifts.add_argument("--kinds", nargs="+", metavar="KIND", help="default: all")
    shifts.add_argument("--seed", type=seed, default=1, help="of pictures and shifts (default: 1)")
    shifts.add_argument("--out", type=output, metavar="FILE.json", help="write all answers and curves there")
    shifts.add_argument("--picture", type=output, metavar="FILE.png", help="draw the curves")
    shifts.add_argument("--sheet", type=output, metavar="FILE.jpg", help="draw what each shift looks like")
    shifts.add_argument(
        "--readme",
        type=page("shifts", "shift-levels"),
        metavar="FILE",
        help="update its figures `shifts` and `shift-levels`",
    )
    shifts.set_defaults(call=_shifts)


def _shifts(args: argparse.Namespace) -> int:
    """Measure, or read what was measured; write and print."""
    from benchmarks.shifts import answers, curves, drawing, tables
    from edge_runtime.files import write_atomic, write_json

    measured = answers.pool([answers.read(path) for path in args.measured]) if args.measured else _measure(args)
    traced = curves.trace(measured)
    if args.out:
        write_json(args.out, tables.to_json(measured, traced))
    if args.picture:
        write_atomic(args.picture, [drawing.curves_png(traced)])
    if args.readme:
        readme.update(args.readme, "shift-levels", tables.levels())
    publish(tables.to_markdown(measured, traced), page=args.readme, name="shifts")
    return DONE


def _measure(args: argparse.Namespace) -> "Measured":
    """Show the pictures to the models; draw the sheet on the way."""
    from benchmarks.shifts import drawing, measure, pictures
    from edge_runtime.files import write_atomic

    kinds, models, only = _kinds(args.kinds), _models(args.models), _only(args)
    dataset = pictures.open_for(args.data, split=args.split or (None if only else SPLIT), only=only)
    chosen = pictures.sample(dataset, groups=args.groups, per_source=args.per_source, seed=args.seed, only=only)
    if not args.groups:
        note(PROG, "without --groups each picture counts as a cell of its own: intervals are too narrow")
    measured = measure.measure(models, dataset, chosen, kinds=kinds, seed=args.seed)
    if args.sheet:
        first = chosen[0]
        write_atomic(args.sheet, [drawing.sheet(measure.upright(first), kinds=kinds, seed=args.seed, name=first.name)])
    return measured


def _only(args: argparse.Namespace) -> frozenset[str]:
    """The pictures that --only or --crossval and --fold name; none where neither is given."""
    from benchmarks.shifts import pictures

    if (args.crossval is None) != (args.fold is None):
        raise LeukoliteError(
            expected="--crossval and --fold together", found="one of them", remedy="give both, or neither"
        )
    if args.crossval:
        return pictures.held_out(args.crossval, fold=args.fold)
    return pictures.read_list(args.only) if args.only else frozenset()


def _kinds(names: Sequence[str] | None) -> list[str]:
    """The kinds asked for, each once."""
    from benchmarks.shifts import KINDS

    for name in names or ():
        if name not in KINDS:
            raise LeukoliteError(
                expected=f"kinds among {', '.join(KINDS)}", found=show(name), remedy="choose others with --kinds"
            )
    return [kind for kind in KINDS if not names or kind in names]


def _models(texts: Sequence[str]) -> dict[str, Path]:
    """Bundles by name: the one given, or view and variant, with a digest where that is not enough."""
    from edge_runtime.classifier import Classifier

    models: dict[str, Path] = {}
    digests: set[str] = set()
    for text in texts:
        name, _, file = ("", "", text) if Path(text).exists() else text.rpartition("=")
        classifier = Classifier(file)
        name = name or f"{classifier.card.input.view} {classifier.card.variant}"
        if name in models and classifier.digest not in digests:
            name = f"{name} ({classifier.digest[:8]})"
        if name in models:
            raise LeukoliteError(expected="different models", found=f"{show(name)} twice", remedy="name each once")
        digests.add(classifier.digest)
        models[name] = Path(file)
    return models
