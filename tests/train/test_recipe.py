import pytest

from train.__main__ import build_parser
from train.config import PRESETS
from train.recipe import settings_of

FLOAT = ["float", "--data", "d", "--out", "o"]


def test_without_options_the_preset_holds():
    for name, preset in PRESETS.items():
        assert settings_of(build_parser().parse_args([*FLOAT, "--preset", name])) == preset
    assert settings_of(build_parser().parse_args(FLOAT)) == PRESETS["full"]


def test_a_prior_may_be_left_to_the_run() -> None:
    left = ["--preset", "blind", "--class-prior", "chosen", "--qat-class-prior", "chosen"]
    chosen = settings_of(build_parser().parse_args([*FLOAT, *left]))
    assert (chosen.float_stage.class_prior, chosen.qat_stage.class_prior) == (None, None)
    given = settings_of(build_parser().parse_args([*FLOAT, "--class-prior", "0.5", "--crop", "64", "--dropout", "0"]))
    assert given.float_stage.class_prior == 0.5
    assert (given.network.crop_px, given.network.dropout) == (64, 0)


@pytest.mark.parametrize(
    ("option", "value", "place"),
    [
        ("--seed", 7, "seed"),
        ("--seed", 0, "seed"),
        ("--per-class", 12, "per_class"),
        ("--per-class", 0, "per_class"),
        ("--towers", 3, "network.towers"),
        ("--crop", 48, "network.crop_px"),
        ("--zoom", 0.5, "network.zoom"),
        ("--strided", 2, "network.strided"),
        ("--space-to-depth", 4, "network.space_to_depth"),
        ("--epochs", 4, "float_stage.epochs"),
        ("--learning-rate", 0.5, "float_stage.learning_rate"),
        ("--weight-decay", 0.25, "float_stage.weight_decay"),
        ("--label-smoothing", 0.1, "float_stage.label_smoothing"),
        ("--averaging-decay", 0.0, "float_stage.averaging_decay"),
        ("--batch-size", 5, "float_stage.batch_size"),
        ("--qat-epochs", 6, "qat_stage.epochs"),
        ("--qat-learning-rate", 0.125, "qat_stage.learning_rate"),
        ("--sampling", "source", "sampling"),
        ("--stain", 0.25, "augmentation.stain"),
        ("--light", 0.25, "augmentation.light"),
        ("--exposure", 0.25, "augmentation.exposure"),
        ("--focus", 1.5, "augmentation.focus_px"),
        ("--scale", 0.25, "augmentation.scale"),
        ("--rotation", 20.0, "augmentation.rotation_deg"),
    ],
)
@pytest.mark.parametrize("preset", list(PRESETS))
def test_an_option_overrides_one_setting_alone(preset, option, value, place):
    found = settings_of(build_parser().parse_args([*FLOAT, "--preset", preset, option, str(value)]))
    assert flat(found) == {**flat(PRESETS[preset]), place: value}


@pytest.mark.parametrize("preset", list(PRESETS))
@pytest.mark.parametrize(
    ("option", "place"),
    [("white-balance", "network.white_balance"), ("blind", "network.blind"), ("flips", "augmentation.flips")],
)
@pytest.mark.parametrize("value", [True, False])
def test_what_is_yes_or_no_can_be_said_either_way(preset, option, place, value):
    given = [f"--{'' if value else 'no-'}{option}", "--towers", "2", "--class-prior", "1", "--qat-class-prior", "1"]
    taught = ["--teachers-weight", "0"] if preset == "full" else []  # of blind towers nobody is
    found = settings_of(build_parser().parse_args([*FLOAT, "--preset", preset, *given, *taught]))
    assert flat(found)[place] is value


def test_the_field_is_given_as_width_and_height():
    found = settings_of(build_parser().parse_args([*FLOAT, "--field", "240x180"]))
    assert (found.network.image_width_px, found.network.image_height_px) == (240, 180)


def test_widths_are_a_list():
    found = settings_of(build_parser().parse_args([*FLOAT, "--widths", "4,6,8"]))
    assert flat(found) == {**flat(PRESETS["full"]), "network.widths": (4, 6, 8)}


def flat(settings, prefix=""):
    """Settings of settings as dotted names."""
    found = {}
    for name, value in vars(settings).items():
        found |= flat(value, f"{prefix}{name}.") if hasattr(value, "__dict__") else {prefix + name: value}
    return found


def test_teachers_have_half_of_the_say_unless_told_otherwise():
    preset = PRESETS["cell"]

    def taught(*more):
        return flat(settings_of(build_parser().parse_args([*FLOAT, "--preset", "cell", "--teachers", "a", "b", *more])))

    assert taught() == {**flat(preset), "distillation.teachers_weight": 0.5}
    told = {"distillation.teachers_weight": 0.25, "distillation.temperature": 4.0}
    assert taught("--teachers-weight", "0.25", "--temperature", "4") == {**flat(preset), **told}
    assert taught("--teachers-weight", "0") == flat(preset)


@pytest.mark.parametrize("option", ["--teachers-weight", "--temperature"])
def test_without_teachers_there_is_nothing_to_say_of_them(refused, option):
    with refused("--teachers beside"):
        settings_of(build_parser().parse_args([*FLOAT, "--preset", "cell", option, "1"]))
