"""The options that change what a training gives, and the settings that they make of a preset."""

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from edge_runtime.command import Parser
from edge_runtime.errors import LeukoliteError
from train.config import PRESETS, SAMPLINGS, Augmentation, Distillation, NetworkSettings, Settings, StageSettings

CHOSEN = "chosen"
TEACHERS_WEIGHT = 0.5


def add_recipe(parser: Parser) -> None:
    """The options that change what a float training gives."""
    parser.add_argument("--preset", choices=PRESETS, default="full")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--weight-decay", type=float)
    parser.add_argument("--label-smoothing", type=float)
    parser.add_argument("--averaging-decay", type=float)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--per-class", type=int, help="at most so many images a class (0: all)")
    parser.add_argument("--towers", type=int, help="networks beside each other, their logits averaged")
    parser.add_argument("--widths", type=widths, help="channels of the convolutions, such as 16,32,64,80,128")
    parser.add_argument("--strided", type=int, help="how many of the first convolutions have stride 2")
    parser.add_argument(
        "--space-to-depth", type=int, metavar="SIDE", help="squares of so many pixels a side as channels (1: none)"
    )
    parser.add_argument("--field", type=size, metavar="WxH", help="pixels that pictures are fitted into, as 160x120")
    parser.add_argument("--crop", type=int, help="pixels of a square around the main cell; 0 shows the whole field")
    parser.add_argument("--zoom", type=float, help="pixels of the crop for one of the field")
    parser.add_argument(
        "--white-balance", action=argparse.BooleanOptionalAction, help="take the colour of the light out (or not)"
    )
    parser.add_argument(
        "--stain-normalization",
        action=argparse.BooleanOptionalAction,
        help="give all fields the same stain, by their red cells and nuclei (or not)",
    )
    parser.add_argument(
        "--blind",
        action=argparse.BooleanOptionalAction,
        help="blind each tower to one part of the sources, to judge by it (--preset blind), or let all learn from all",
    )
    parser.add_argument("--dropout", type=float)
    parser.add_argument(
        "--class-prior", type=prior, help="how often it is taken out, or `chosen` by held-out cells (default: preset's)"
    )
    parser.add_argument("--qat-class-prior", type=prior)
    parser.add_argument("--qat-epochs", type=int)
    parser.add_argument("--qat-learning-rate", type=float)
    parser.add_argument("--sampling", choices=SAMPLINGS, help="what comes equally often in an epoch (default: image)")
    _add_augmentation(parser.add_argument_group("changes to the pictures that are learned from (default: none)"))


def add_teachers(parser: Parser, *, metavar: str, held_out: str = "") -> None:
    """The options of learning from other networks too."""
    parser.add_argument(
        "--teachers",
        nargs="+",
        type=Path,
        default=[],
        metavar=metavar,
        help=f"learn what these networks answer too{held_out}, not the labels alone (default: in the preset full, one"
        " of the preset cell that is trained first)",
    )
    parser.add_argument(
        "--teachers-weight", type=float, help=f"their part of the loss, 0 for none (default: {TEACHERS_WEIGHT})"
    )
    parser.add_argument("--temperature", type=float, help="that softens their answers and its own (default: preset's)")


def _add_augmentation(parser: Any) -> None:
    """The strengths of augmentation, in a group of the parser's options."""
    parser.add_argument("--stain", type=float, help="how far the channels' densities are scaled and mixed, as 0.2")
    parser.add_argument("--light", type=float, help="e to how much is the brightness of a channel, as 0.1")
    parser.add_argument("--exposure", type=float, help="e to how much are brightness and contrast, as 0.2")
    parser.add_argument("--focus", type=float, metavar="PX", help="blurred by up to so much standard deviation")
    parser.add_argument("--scale", type=float, help="larger or smaller by up to this part, as 0.1")
    parser.add_argument("--rotation", type=float, metavar="DEG", help="turned by up to so much, either way")
    parser.add_argument("--flips", action=argparse.BooleanOptionalAction, help="mirrored (or not), half of the times")


def settings_of(args: argparse.Namespace) -> Settings:
    """The preset with what the command line overrides."""
    preset = PRESETS[args.preset]
    given = {name: value for name, value in vars(args).items() if value is not None}

    def pick(kind: type, prefix: str = "") -> dict[str, Any]:
        names = (field.name for field in fields(kind))
        return {name: or_chosen(given[prefix + name]) for name in names if prefix + name in given}

    for option, setting in (("crop", "crop_px"), ("focus", "focus_px"), ("rotation", "rotation_deg")):
        if option in given:
            given[setting] = given.pop(option)
    if "field" in given:
        given["image_width_px"], given["image_height_px"] = given.pop("field")
    if args.teachers:
        given.setdefault("teachers_weight", TEACHERS_WEIGHT)
    elif ("teachers_weight" in given or "temperature" in given) and not preset.distillation.teacher:
        raise LeukoliteError(
            expected="--teachers beside --teachers-weight and --temperature",
            found="none",
            remedy="name them, or leave these out",
        )
    return replace(
        preset,
        network=replace(preset.network, **pick(NetworkSettings)),
        float_stage=replace(preset.float_stage, **pick(StageSettings)),
        qat_stage=replace(preset.qat_stage, **pick(StageSettings, "qat_")),
        distillation=replace(preset.distillation, **pick(Distillation)),
        augmentation=replace(preset.augmentation, **pick(Augmentation)),
        **pick(Settings),
    )


def widths(text: str) -> tuple[int, ...]:
    """Comma-separated whole numbers."""
    return tuple(int(part) for part in text.split(","))


def size(text: str) -> tuple[int, int]:
    """Width and height as 160x120."""
    width, height = text.split("x")
    return int(width), int(height)


def prior(text: str) -> float | str:
    """A strength of the class prior, or CHOSEN for one that the run is to choose."""
    return CHOSEN if text == CHOSEN else float(text)


def or_chosen(value: Any) -> Any:
    """None, which the settings hold for it, for CHOSEN."""
    return None if value == CHOSEN else value
