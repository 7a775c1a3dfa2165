"""Training that takes seconds: a network of a thousand weights on thirty-two generated pictures."""

from pathlib import Path

import pytest

from train.config import NetworkSettings, Settings, StageSettings
from train.smears import SmearSettings, generate

NETWORK = NetworkSettings(image_height_px=24, image_width_px=32, widths=(4, 6, 8), strided=1, towers=2)
SETTINGS = Settings(
    network=NETWORK,
    float_stage=StageSettings(epochs=2, learning_rate=1e-2, batch_size=8, averaging_decay=0.5, class_prior=1.0),
    qat_stage=StageSettings(epochs=1, learning_rate=1e-3, batch_size=8, averaging_decay=0.5, class_prior=1.0),
    seed=3,
)
SMEARS = SmearSettings(images_per_class=8, sources=(4, 3, 2, 6), image_width_px=64, image_height_px=48)


def smears(factory: pytest.TempPathFactory) -> Path:
    """The root of the pictures, drawn once a session: 8 a class in TRAIN, 2 in TEST."""
    root = factory.getbasetemp() / "tiny-smears"
    if not root.is_dir():
        generate(root, settings=SMEARS)
    return root


def settle() -> None:
    """Give this process one thread an operator and fixed sums, as the commands do, before anything else is computed."""
    from train.machine import use_cores

    use_cores()


def runs(factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The directories of a float run on the pictures and of the int8 run after it, trained once a session."""
    from train.stages import Call, train_float, train_qat

    settle()
    floats, qat = (factory.getbasetemp() / "tiny-runs" / name for name in ("float", "qat"))
    if not (qat / "run.json").is_file():
        data, call = str(smears(factory)), Call(tell=print, resume=False)
        train_float(data, floats, settings=SETTINGS, call=call)
        train_qat(data, floats, qat, call=call)
    return floats, qat
