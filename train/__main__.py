"""`python -m train`: find the data, train the float network, fine-tune it for int8, generate smears."""

import argparse
import json
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_runtime.command import DONE, FAILED, Parser, note, run
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.native import hushed
from train.cluster import CONFIG_NAME, Cluster, find_cluster, rejoins
from train.config import PRESETS
from train.recipe import add_recipe, add_teachers, or_chosen, prior, settings_of

if TYPE_CHECKING:
    from edge_runtime.report import EvalReport
    from train.distribution import Distribution
    from train.stages import Call

PROG = "train"
STRATEGIES = ("mirrored", "multiworker")
tell = partial(note, PROG)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    # TensorFlow's start-up chatter is not for users, nor are the lines around ours when another worker is lost.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3" if CONFIG_NAME in os.environ else "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")  # else TensorFlow loads Keras 3 as well, 100 MB for nobody
    # What training leaves is whole at any moment, and a machine that clears up first is missed too late by the others.
    return run(build_parser(), argv, terminable=False)


def build_parser() -> Parser:
    """All sub-commands and their options."""
    parser = Parser(prog=PROG, description="Train the white-cell network. Research use only; not a medical device.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)

    data = commands.add_parser("data", help="find the data set, or download or generate one")
    data.add_argument("--data", help="its folder (default: LEUKOLITE_DATA, data/blood-cells, Kaggle, generated)")
    data.add_argument("--out", required=True, type=Path, metavar="DIR", help="leave there a link `root` to it")
    data.set_defaults(call=_data)

    floats = commands.add_parser("float", help="train the float network from scratch")
    _add_data(floats)
    floats.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run directory to write")
    add_recipe(floats)
    add_teachers(floats, metavar="RUN")
    _add_split(floats)
    floats.add_argument(
        "--strategy",
        choices=STRATEGIES,
        help="train on all of this machine's GPUs, or on the machines of TF_CONFIG",
    )
    _add_course(floats)
    floats.set_defaults(call=_float)

    crossval = commands.add_parser("crossval", help="how good a recipe is on cells it never saw, each answered once")
    _add_data(crossval)
    crossval.add_argument("--out", required=True, type=Path, metavar="DIR", help="a run a fold, and the pooled figures")
    crossval.add_argument("--folds", type=_folds, default=5, help="parts that the source cells are dealt into")
    crossval.add_argument(
        "--splits", type=names, default=("TRAIN", "TEST"), help="taken together (default: TRAIN,TEST)"
    )
    crossval.add_argument("--int8", action="store_true", help="fine-tune each for int8 as well, and answer with it")
    add_recipe(crossval)
    add_teachers(crossval, metavar="DIR", held_out=", of each cross-validation the one blind to the same fold")
    _add_split(crossval)
    _add_course(crossval)
    crossval.set_defaults(call=_crossval)

    trials = commands.add_parser("trials", help="one table of several cross-validations' trial.json")
    trials.add_argument("trials", nargs="+", type=Path, metavar="FILE.json", help="named by the file")
    trials.add_argument("--out", type=Path, metavar="FILE.md")
    trials.set_defaults(call=_trials)

    qat = commands.add_parser("qat", help="fine-tune a float run's network for int8")
    _add_data(qat)
    qat.add_argument("--run", required=True, type=Path, metavar="RUN", help="run directory of the float network")
    qat.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run directory to write")
    qat.add_argument("--strategy", choices=STRATEGIES, help="refused: fine-tuning stays on one worker")
    qat.add_argument("--epochs", type=int, help="default: what the float run was told")
    qat.add_argument("--learning-rate", type=float, help="the same")
    qat.add_argument("--class-prior", type=prior, help="the same")
    _add_course(qat)
    qat.set_defaults(call=_qat)

    worth = commands.add_parser("compare", help="what QAT is worth over post-training quantisation, on held-out TRAIN")
    worth.add_argument("runs", nargs="+", type=Path, metavar="QAT_RUN", help="run directories of `train qat`")
    worth.add_argument("--out", type=Path, metavar="FILE.json")
    worth.add_argument("--markdown", type=Path, metavar="FILE.md")
    worth.set_defaults(call=_compare)

    effect = commands.add_parser("effect", help="what quantising each layer alone changes, on held-out TRAIN images")
    _add_data(effect)
    effect.add_argument("--run", required=True, type=Path, metavar="RUN", help="run directory of the float network")
    effect.add_argument("--out", required=True, type=Path, metavar="DIR")
    effect.set_defaults(call=_effect)

    again = commands.add_parser("reproduce", help="do a finished run again and compare the weights")
    again.add_argument("run", type=Path, metavar="RUN", help="run directory of either stage")
    again.add_argument("--out", type=Path, metavar="DIR", help="where to train (default: RUN with -again behind it)")
    again.add_argument("--data", metavar="DIR", help="the images (default: where the run read them)")
    again.add_argument("--groups", metavar="FILE.csv", help="the groups file (the same)")
    again.set_defaults(call=_reproduce)

    audit = commands.add_parser("audit", help="which images show the same cell, what splits cut, what is mislabelled")
    audit.add_argument("--data", required=True, metavar="DIR", help="all splits of a data set, or a folder of images")
    audit.add_argument("--out", required=True, type=Path, metavar="DIR", help="for groups.csv, audit.json, audit.html")
    audit.add_argument("--originals", metavar="DIR", help="the photographs it was made from (default: Kaggle's)")
    audit.set_defaults(call=_audit)

    strength = commands.add_parser("strength", help="how strongly to take the class prior out, by several runs")
    strength.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories of one stage")
    strength.set_defaults(call=_strength)

    sure = commands.add_parser(
        "confidence", help="how sure a network may be, and when not to answer, on held-out TRAIN"
    )
    sure.add_argument(
        "runs",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="of `train qat` with blind towers, or `train crossval --int8 --splits TRAIN`; further ones of other seeds"
        " only show what the mean of towers would ask for",
    )
    sure.add_argument("--coverage", type=_coverage, default=0.98, help="share to be answered (default: 0.98)")
    sure.add_argument("--out", required=True, type=Path, metavar="FILE.json", help="for `convert --confidence`")
    sure.set_defaults(call=_confidence)

    rate = commands.add_parser("throughput", help="measure the input pipeline by itself; prints one JSON object")
    rate.add_argument("--data", required=True, metavar="DIR", help="<SPLIT>/<CLASS>/*, <CLASS>/*, or Kaggle's root")
    rate.add_argument("--seconds", type=float, default=5.0, help="for so long (default: 5)")
    rate.add_argument("--cold", action="store_true", help="drop the images from the page cache before each epoch")
    rate.set_defaults(call=_throughput)

    smears = commands.add_parser("smears", help="generate synthetic smears, for rehearsals and tests only")
    smears.add_argument("--out", required=True, type=Path, metavar="DIR")
    smears.add_argument("--images-per-class", type=int, default=200)
    smears.add_argument("--seed", type=int, default=0)
    smears.set_defaults(call=_smears)
    return parser


def names(text: str) -> tuple[str, ...]:
    """Comma-separated names."""
    return tuple(part for part in text.split(",") if part)


def _folds(text: str) -> int:
    """A whole number from 2."""
    value = int(text)
    if value < 2:
        raise argparse.ArgumentTypeError(f"{text} is not at least 2")
    return value


def _add_data(parser: Parser) -> None:
    """The options of every stage that reads images."""
    parser.add_argument("--data", required=True, metavar="DIR", help="<SPLIT>/<CLASS>/*, <CLASS>/*, or Kaggle's root")
    parser.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell (default: found)")


def _add_split(parser: Parser) -> None:
    """The options of a validation split of the user's own."""
    parser.add_argument(
        "--validation-split",
        metavar="FILE.csv",
        help="which fold each image is in: path,fold (default: whole groups, dealt evenly)",
    )
    parser.add_argument("--allow-cut-groups", action="store_true", help="take one that parts pictures of one cell")


def _add_course(parser: Parser) -> None:
    """The options of every stage that trains; none of them changes what it gives."""
    parser.add_argument(
        "--resume",
        action=argparse.BooleanOptionalAction,
        help="only go on with what is unfinished in --out, or begin anew (default: go on where that fits)",
    )
    parser.add_argument("--checkpoint-every", type=positive, default=100, metavar="BATCHES", help="default: 100")
    parser.add_argument("--tensorboard", action="store_true", help="write TensorBoard logs into --out as well")


def positive(text: str) -> int:
    """A whole number, at least 1."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not at least 1")
    return value


def _data(args: argparse.Namespace) -> int:
    """Leave a link to the data set."""
    from train.source import provide

    print(provide(args.out, given=args.data, tell=tell))
    return DONE


def _float(args: argparse.Namespace) -> int:
    """Train; prints where the run is and its held-out figure."""
    settings = settings_of(args)
    cluster = find_cluster(os.environ, tell=tell) if args.strategy == "multiworker" else None
    with hushed():
        from train.distribution import rejoining

    with rejoining(cluster, tell=tell):
        distribution = _start(args.strategy, cluster)
        from train.stages import train_float

        call = replace(_call(args), distribution=distribution)
        report = train_float(args.data, args.out, settings=settings, call=call, teachers=args.teachers)
    _say_held_out(args.out, report)
    return DONE


def _say_held_out(out: Path, report: "EvalReport | None") -> None:
    """Print where a run is and its held-out figure."""
    if report:
        print(f"{out}: held-out balanced accuracy {report.balanced_accuracy:.4f} on {report.n} images")
    else:
        print(f"{out}: nothing held out; `python -m train crossval` judges the recipe")


def _crossval(args: argparse.Namespace) -> int:
    """Cross-validate; prints the pooled figures."""
    settings = settings_of(args)
    _start()
    from train.crossval import cross_validate
    from train.crossval_report import save
    from train.trials import record

    found = cross_validate(
        args.data,
        args.out,
        folds=args.folds,
        settings=settings,
        call=_call(args),
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
    _start()
    from edge_runtime.files import write_atomic
    from train.trials import read, to_markdown

    text = "".join(f"{line}\n" for line in to_markdown({path.stem: read(path) for path in args.trials}))
    if args.out:
        write_atomic(args.out, [text.encode()])
    print(text, end="")
    return DONE


def _qat(args: argparse.Namespace) -> int:
    """Fine-tune; prints where the run is and its held-out figure."""
    if args.strategy:
        raise LeukoliteError(
            expected="fine-tuning on one worker",
            found=f"--strategy {args.strategy}",
            remedy="leave it out: only the float stage is spread",
        )
    if CONFIG_NAME in os.environ:
        tell(f"fine-tuning for int8 stays on one worker: {CONFIG_NAME} is left aside")
    _start()
    from train.stages import train_qat

    names = ("epochs", "learning_rate", "class_prior")
    given = {name: or_chosen(value) for name in names if (value := getattr(args, name)) is not None}
    report = train_qat(args.data, args.run, args.out, call=_call(args), change=lambda own: replace(own, **given))
    _say_held_out(args.out, report)
    return DONE


def _compare(args: argparse.Namespace) -> int:
    """Compare QAT runs; prints what each setting is worth."""
    _start()
    from train.comparison_table import compare_runs

    for verdict in compare_runs(args.runs, out=args.out, page=args.markdown).verdicts:
        print(verdict)
    return DONE


def _effect(args: argparse.Namespace) -> int:
    """Quantise one layer at a time; prints the worst."""
    _start()
    from train.effect_report import measure_run

    effects = measure_run(args.data, args.run, args.out, groups=args.groups, tell=tell)
    worst = next(effect for effect in effects if effect.tower is None)
    print(f"{args.out}: worst {worst.layer} ({worst.part}), {worst.agreement:.1%} of labels the same")
    return DONE


def _reproduce(args: argparse.Namespace) -> int:
    """Train again; prints what came of it, and fails when the weights are others."""
    _start()
    from train.reproduce import reproduce

    outcome = reproduce(args.run, args.out, data=args.data, groups=args.groups, tell=tell)
    print(outcome.describe())
    return DONE if outcome.identical else FAILED


def _start(strategy: str | None = None, cluster: Cluster | None = None) -> "Distribution":
    """Start TensorFlow, quietly; with a strategy on all that is to take part."""
    with hushed():
        from train.keras_guard import require_tf_keras

        require_tf_keras()
        from train import stages  # noqa: F401 - what it imports speaks too
        from train.machine import use_cores

        return use_cores(strategy, cluster)


def _call(args: argparse.Namespace) -> "Call":
    """How a stage is to be run."""
    from train.folds import Split
    from train.stages import Call

    return Call(
        tell=tell,
        groups=args.groups,
        resume=None if rejoins() and args.resume is False else args.resume,  # begun anew before another was lost
        checkpoint_every=args.checkpoint_every,
        tensorboard=args.tensorboard,
        split=Split(split, args.allow_cut_groups) if (split := getattr(args, "validation_split", None)) else None,
    )


def _audit(args: argparse.Namespace) -> int:
    """Audit a data set; prints what was found."""
    try:
        from train.audit.command import audit_data
    except ImportError as error:
        raise LeukoliteError(
            expected="OpenCV", found=reason(error), remedy="pip install 'leukolite[audit]', or -e '.[audit]' here"
        ) from error

    audit = audit_data(args.data, args.out, originals=args.originals)
    for finding in audit.unreadable:
        tell(f"{show(finding.image.name)}: {finding.error}")
    for line in audit.lines():
        print(line)
    return DONE


def _strength(args: argparse.Namespace) -> int:
    """Print the strength that all runs together ask for."""
    from train.operating import LOGITS_NAME, choose_for_all, read_held_out

    point = choose_for_all([read_held_out(path / LOGITS_NAME) for path in args.runs])
    print(
        f"strength {point.strength}: mean held-out lowest TPR {point.lowest_tpr:.4f}, "
        f"balanced accuracy {point.balanced_accuracy:.4f}, {len(args.runs)} runs"
    )
    return DONE


def _coverage(text: str) -> float:
    """A share above 0, at most 1."""
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most 1")
    return value


def _confidence(args: argparse.Namespace) -> int:
    """Fit temperature and threshold, and print what they give."""
    _start()
    from edge_runtime.files import write_json
    from train.confidence import fit

    found = fit(args.runs, coverage=args.coverage)
    write_json(args.out, found)
    before, after = found.ece["before"], found.ece["after"]
    print(
        f"temperature {found.temperature}: ECE {before['by_image']:.4f} to {after['by_image']:.4f} by image, "
        f"{before['by_cell']:.4f} to {after['by_cell']:.4f} by source cell; no answer below "
        f"{found.abstain_below}: {found.coverage:.4f} answered, {found.accuracy_when_answered:.4f} of them right"
    )
    return DONE


def _throughput(args: argparse.Namespace) -> int:
    """Measure the input pipeline; prints one JSON object."""
    _start()
    from train.throughput import measure_data

    found = measure_data(args.data, settings=PRESETS["full"], seconds=args.seconds, cold=args.cold)
    print(json.dumps(found.to_json()))
    return DONE


def _smears(args: argparse.Namespace) -> int:
    """Generate pictures; prints where they are."""
    from edge_runtime.progress import progress
    from train.smears import SmearSettings, generate

    settings = SmearSettings(images_per_class=args.images_per_class, seed=args.seed)
    with progress("generate") as advance:
        print(generate(args.out, settings=settings, advance=advance))
    return DONE


if __name__ == "__main__":
    raise SystemExit(main())
