"""What the tests of training share: pictures with their cells, and stages ready to fit."""

from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from edge_runtime.groups import read_groups
from tests.train import tiny
from train.cells import Cells, gather, open_training_data
from train.config import NetworkSettings, StageSettings

if TYPE_CHECKING:
    from train.loop import Stage


@pytest.fixture(scope="session", autouse=True)
def settled() -> None:
    """The process computes as the commands do: the same bits each time."""
    tiny.settle()


@pytest.fixture(scope="session")
def smear_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Generated pictures, 64 x 48, with groups.csv: TRAIN 8 of each of four classes, TEST 2."""
    return tiny.smears(tmp_path_factory)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Finished run directories on them: float, and int8 after it. Not to be written to."""
    return tiny.runs(tmp_path_factory)


@pytest.fixture(scope="session")
def cells(smear_root: Path) -> Cells:
    """The cells of TRAIN, dealt into two folds."""
    data = open_training_data(smear_root)
    groups = read_groups(smear_root / "groups.csv")
    return gather(data, data.images, groups=groups, folds=2, per_class=0, seed=0)


@pytest.fixture
def make_stage(cells: Cells, tmp_path: Path) -> Callable[..., "Stage"]:
    """Makes a float stage of the tiny network; arguments are fields of Stage or of its settings."""

    def make(network: NetworkSettings = tiny.NETWORK, **changes: Any) -> "Stage":
        import tensorflow as tf
        import tf_keras as keras

        from train.loop import Stage, forward_of
        from train.network import build

        keras.utils.set_random_seed(0)
        names = {field.name for field in fields(Stage) if field.init}
        given = {name: changes.pop(name) for name in list(changes) if name in names}
        log_share, step = np.log(cells.source_share), tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        model = given.pop("model", None) or build(
            network, class_log_share=log_share, seed=given.get("seed", 0), step=step
        )
        defaults = {
            "forward": forward_of(model, towers=network.towers),
            "cells": cells,
            "log_prior": log_share,
            "settings": StageSettings(**{"epochs": 1, "learning_rate": 1e-2, "batch_size": 8, **changes}),
            "directory": tmp_path,
            "seed": 0,
            "tell": print,
            "step": step,
        }
        return Stage(model=model, network=network, **{**defaults, **given})

    return make
