from dataclasses import replace
from typing import Any

import pytest

from train.config import PRESETS, Augmentation, Distillation, NetworkSettings, Settings, StageSettings

NAN = float("nan")


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (NetworkSettings, "towers", 1),
        (NetworkSettings, "towers", 0),
        (NetworkSettings, "widths", ()),
        (NetworkSettings, "widths", (16, 0)),
        (NetworkSettings, "strided", 0),
        (NetworkSettings, "zoom", 0.0),
        (NetworkSettings, "space_to_depth", 0),
        (NetworkSettings, "space_to_depth", 7),
        (NetworkSettings, "zoom", NAN),
        (NetworkSettings, "strided", 6),
        (NetworkSettings, "image_height_px", 0),
        (NetworkSettings, "image_width_px", 5000),
        (NetworkSettings, "dropout", 1.0),
        (NetworkSettings, "dropout", -0.1),
        (StageSettings, "epochs", 0),
        (StageSettings, "epochs", -1),
        (StageSettings, "learning_rate", 0.0),
        (StageSettings, "learning_rate", -1e-3),
        (StageSettings, "learning_rate", NAN),
        (StageSettings, "learning_rate", float("inf")),
        (StageSettings, "batch_size", 0),
        (StageSettings, "weight_decay", -1e-9),
        (StageSettings, "label_smoothing", 1.0),
        (StageSettings, "averaging_decay", 1.0),
        (Settings, "per_class", -1),
        (Settings, "seed", -1),
        (Settings, "seed", 2**32),
        (Settings, "sampling", "cell"),
        (Distillation, "teachers_weight", 1.1),
        (Distillation, "temperature", 0.0),
        (Augmentation, "stain", 1.1),
        (Augmentation, "light", -0.1),
        (Augmentation, "exposure", NAN),
        (Augmentation, "focus_px", 5.1),
        (Augmentation, "scale", 0.6),
        (Augmentation, "rotation_deg", -1),
    ],
)
def test_value_out_of_range_is_refused(refused, kind: Any, name: str, value: object) -> None:
    required = {"epochs": 1, "learning_rate": 1e-3} if kind is StageSettings else {}
    with refused(name):
        kind(**{**required, name: value})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (NetworkSettings, "towers", 2),
        (NetworkSettings, "dropout", 0.0),
        (StageSettings, "averaging_decay", 0.0),
        (StageSettings, "weight_decay", 0.0),
        (Settings, "per_class", 0),
        (Settings, "seed", 0),
    ],
)
def test_value_at_the_end_of_its_range_is_accepted(kind: Any, name: str, value: object) -> None:
    required = {"epochs": 1, "learning_rate": 1e-3} if kind is StageSettings else {}
    assert getattr(kind(**{**required, name: value}), name) == value


@pytest.mark.parametrize(("widths", "least_px"), [((4,), 2), ((4, 4), 2), ((4, 4, 4), 4), ((4,) * 5, 16)])
def test_images_must_be_as_large_as_the_widths_halve_them(refused, widths: tuple[int, ...], least_px: int) -> None:
    network = NetworkSettings(widths=widths, strided=1, image_height_px=least_px, image_width_px=4 * least_px)
    with refused(f"at least {least_px} x {least_px} px"):
        NetworkSettings(widths=widths, strided=1, image_height_px=4 * least_px, image_width_px=least_px - 1)

    from train.network import build_deployed

    assert build_deployed(network, classes=3).output_shape[1] == (None, 3)


def test_one_tower_is_enough_where_none_is_blind() -> None:
    network = NetworkSettings(towers=1, blind=False)
    assert (network.towers, network.folds) == (1, 1)
    assert (NetworkSettings(towers=3).folds, NetworkSettings(towers=3, blind=False).folds) == (3, 1)


@pytest.mark.parametrize("stage", ["float_stage", "qat_stage"])
def test_where_nothing_is_held_out_nothing_can_choose_the_prior(refused, stage: str) -> None:
    fixed = {name: StageSettings(epochs=1, learning_rate=1e-3, class_prior=1) for name in ("float_stage", "qat_stage")}
    blind = Settings(**{**fixed, stage: StageSettings(epochs=1, learning_rate=1e-3)})
    with refused("expected a strength of the class prior"):
        replace(blind, network=NetworkSettings(blind=False))


def test_every_preset_is_valid_and_the_full_one_takes_all_images() -> None:
    assert set(PRESETS) == {"full", "cell", "portable", "blind", "quick"}
    assert {name for name, preset in PRESETS.items() if preset.augmentation != Augmentation()} == {"portable"}
    assert PRESETS["full"].per_class == PRESETS["cell"].per_class == PRESETS["portable"].per_class == 0
    assert PRESETS["quick"].per_class > 0
