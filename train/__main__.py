"""`python -m train`: find the data, train the float network, fine-tune it for int8, generate smears."""

import argparse
import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from edge_runtime.command import DONE, Parser, note, run
from edge_runtime.native import hushed
from train.config import PRESETS, NetworkSettings, Settings, StageSettings

PROG = "train"
tell = partial(note, PROG)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow's start-up chatter is not for users
    return run(build_parser(), argv)


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
    floats.add_argument("--preset", choices=PRESETS, default="full")
    floats.add_argument("--seed", type=int)
    floats.add_argument("--epochs", type=int)
    floats.add_argument("--learning-rate", type=float)
    floats.add_argument("--weight-decay", type=float)
    floats.add_argument("--label-smoothing", type=float)
    floats.add_argument("--averaging-decay", type=float)
    floats.add_argument("--batch-size", type=int)
    floats.add_argument("--per-class", type=int, help="at most so many images a class (0: all)")
    floats.add_argument("--towers", type=int, help="networks averaged, each blind to one part of the sources")
    floats.add_argument("--widths", type=widths, help="channels of the convolutions, such as 16,32,64,96,128")
    floats.add_argument("--class-prior", type=float, help="how often the class prior is taken out (default: preset's)")
    floats.add_argument("--qat-class-prior", type=float)
    floats.add_argument("--qat-epochs", type=int)
    floats.add_argument("--qat-learning-rate", type=float)
    floats.set_defaults(call=_float)

    qat = commands.add_parser("qat", help="fine-tune a float run's network for int8")
    _add_data(qat)
    qat.add_argument("--run", required=True, type=Path, metavar="RUN", help="run directory of the float network")
    qat.add_argument("--out", required=True, type=Path, metavar="RUN", help="the run directory to write")
    qat.set_defaults(call=_qat)

    strength = commands.add_parser("strength", help="how strongly to take the class prior out, by several runs")
    strength.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run directories of one stage")
    strength.set_defaults(call=_strength)

    smears = commands.add_parser("smears", help="generate synthetic smears, for rehearsals and tests only")
    smears.add_argument("--out", required=True, type=Path, metavar="DIR")
    smears.add_argument("--images-per-class", type=int, default=200)
    smears.add_argument("--seed", type=int, default=0)
    smears.set_defaults(call=_smears)
    return parser


def widths(text: str) -> tuple[int, ...]:
    """Comma-separated whole numbers."""
    return tuple(int(part) for part in text.split(","))


def _add_data(parser: Parser) -> None:
    """The options of every stage that reads images."""
    parser.add_argument("--data", required=True, metavar="DIR", help="<SPLIT>/<CLASS>/*, <CLASS>/*, or Kaggle's root")
    parser.add_argument("--groups", metavar="FILE.csv", help="which images show the same cell (default: found)")


def settings_of(args: argparse.Namespace) -> Settings:
    """The preset with what the command line overrides."""
    preset = PRESETS[args.preset]
    given = {name: value for name, value in vars(args).items() if value is not None}

    def pick(names: tuple[str, ...], prefix: str = "") -> dict[str, Any]:
        return {name: given[prefix + name] for name in names if prefix + name in given}

    network: NetworkSettings = replace(preset.network, **pick(("towers", "widths")))
    optimised = (
        "epochs",
        "learning_rate",
        "weight_decay",
        "label_smoothing",
        "averaging_decay",
        "batch_size",
        "class_prior",
    )
    float_stage: StageSettings = replace(preset.float_stage, **pick(optimised))
    qat_stage: StageSettings = replace(preset.qat_stage, **pick(("epochs", "learning_rate", "class_prior"), "qat_"))
    return replace(preset, network=network, float_stage=float_stage, qat_stage=qat_stage, **pick(("seed", "per_class")))


def _data(args: argparse.Namespace) -> int:
    """Leave a link to the data set."""
    from train.source import provide

    print(provide(args.out, given=args.data, tell=tell))
    return DONE


def _float(args: argparse.Namespace) -> int:
    """Train; prints where the run is and its held-out figure."""
    settings = settings_of(args)
    with hushed():
        from train.stages import train_float, use_cores

        use_cores()

    report = train_float(args.data, args.out, settings=settings, groups=args.groups, tell=tell)
    print(f"{args.out}: held-out balanced accuracy {report.balanced_accuracy:.4f} on {report.n} images")
    return DONE


def _qat(args: argparse.Namespace) -> int:
    """Fine-tune; prints where the run is and its held-out figure."""
    with hushed():
        from train.stages import train_qat, use_cores

        use_cores()

    report = train_qat(args.data, args.run, args.out, groups=args.groups, tell=tell)
    print(f"{args.out}: held-out balanced accuracy {report.balanced_accuracy:.4f} on {report.n} images")
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
