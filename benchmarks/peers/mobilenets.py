"""The same task by MobileNets, from scratch: what one would take who looks for a small network.

Whole fields, resized to squares as their tutorials do, all of TRAIN, as many epochs as the shipped network, the last
of which counts. Nothing is held out and nothing chosen.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.peers import calibration
from benchmarks.usual import resized
from edge_runtime.dataset import Dataset, digest
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json, write_atomic, write_json
from edge_runtime.progress import progress
from edge_runtime.provenance import collect

FACTS_NAME = "mobilenets.json"
PACKAGES = ("tensorflow", "keras", "numpy", "pillow")


@dataclass(frozen=True)
class Settings:
    """How each is trained: AdamW, its rate decayed by a cosine to nothing."""

    epochs: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 0.004
    batch_size: int = 32
    bn_momentum: float = 0.99
    seed: int = 1


@dataclass(frozen=True)
class MobileNet:
    """One of them, for squares of `side_px`."""

    name: str
    side_px: int

    @property
    def stem(self) -> str:
        """What its files are named by."""
        return self.name.lower().replace(" ", "-")

    def build(self, classes: int, *, bn_momentum: float) -> Any:
        """A Keras model of pixels from 0 to 255, float32 [n, side, side, 3], to logits [n, classes]."""
        import keras

        shape, options = (self.side_px, self.side_px, 3), {"weights": None, "include_top": False, "pooling": "avg"}
        if self.name.startswith("MobileNetV2"):
            backbone = keras.applications.MobileNetV2(shape, alpha=0.35, **options)
        else:
            backbone = keras.applications.MobileNetV3Small(shape, include_preprocessing=False, **options)
        for layer in backbone.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = bn_momentum  # theirs of 0.999 remembers the start through a short training
        given = keras.Input(shape)
        features = backbone(keras.layers.Rescaling(1 / 127.5, offset=-1)(given))
        return keras.Model(given, keras.layers.Dense(classes)(features))


MOBILENETS = tuple(
    MobileNet(f"{family} {side_px}", side_px)
    for side_px in (96, 224)
    for family in ("MobileNetV2-0.35", "MobileNetV3-Small")
)


def train(
    dataset: Dataset,
    out: Path,
    *,
    groups: Path | None,
    networks: Sequence[MobileNet] = MOBILENETS,
    settings: Settings | None = None,
    tell: Callable[[str], None] = lambda text: None,
) -> None:
    """Write `STEM-float32.tflite` and `STEM-int8.tflite` of each network, and what they are, into folder `out`.

    Those that the folder has from the same images and settings are left as they are, so that what was stopped goes on
    with the next of them.

    Raises LeukoliteError when an image cannot be read.
    """
    settings, started = settings or Settings(), time.time()
    facts: dict[str, Any] = {
        "schema_version": 1,
        "labels": list(dataset.labels),
        "settings": asdict(settings),
        "data": {"split": dataset.split, "n": len(dataset.images), "sha256": digest(dataset.images)},
    }
    done = _done(out / FACTS_NAME, facts)
    networks = [network for network in networks if network.name not in done]
    for side_px in sorted({network.side_px for network in networks}):
        with TemporaryDirectory(prefix="leukolite-") as folder:
            pictures = _resized(dataset, side_px, Path(folder) / "pictures.npy")
            for network in (each for each in networks if each.side_px == side_px):
                model, losses = _fit(network, dataset, pictures, settings)
                shown = pictures[calibration.choose(dataset, groups=groups)]
                for variant, content in _converted(model, shown).items():
                    write_atomic(out / f"{network.stem}-{variant}.tflite", [content])
                done[network.name] = {
                    "weights": model.count_params(),
                    "losses": losses,
                    "provenance": collect(packages=PACKAGES, started=started),
                }
                write_json(out / FACTS_NAME, facts | {"networks": done})
                tell(f"{network.name}: {model.count_params():,} weights, last loss {losses[-1]:.4f}")


def _done(path: Path, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The networks that are there already, by their names; none where they are of other images or settings."""
    before = read_facts(path.parent) if path.is_file() else {}
    alike = all(before.get(name) == value for name, value in facts.items())
    return dict(before["networks"]) if alike else {}


def read_facts(folder: Path) -> dict[str, Any]:
    """What `train` left there; LeukoliteError when it is no such folder."""
    facts = read_json(folder / FACTS_NAME, what="what the MobileNets learned from")
    if not isinstance(facts.get("networks"), dict) or not isinstance(facts.get("labels"), list):
        raise LeukoliteError(
            expected=f"networks and labels in {show(folder / FACTS_NAME)}",
            found="something else",
            remedy="make it again with `python -m benchmarks mobilenets`",
        )
    return facts


def _resized(dataset: Dataset, side_px: int, path: Path) -> Any:
    """All pictures of a data set, uint8 [n, side_px, side_px, 3], in a file: memory does not grow with them."""
    shape = (len(dataset.images), side_px, side_px, 3)
    pictures = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    with progress(f"resize to {side_px} px", total=len(pictures)) as advance:
        for number, image in enumerate(dataset.images):
            try:
                with Image.open(image.path) as opened:
                    pictures[number] = resized(opened.convert("RGB"), height_px=side_px, width_px=side_px)
            except OSError as error:
                raise LeukoliteError(
                    expected=f"an image at {show(image.path)}", found=str(error), remedy="take it out of the data set"
                ) from error
            advance()
    return pictures


def _classes(dataset: Dataset) -> npt.NDArray[np.int64]:
    """The class of each image, as its label's place."""
    return np.array([dataset.labels.index(image.label) for image in dataset.images])


def _fit(network: MobileNet, dataset: Dataset, pictures: Any, settings: Settings) -> tuple[Any, list[float]]:
    """The trained model, and the loss of each epoch."""
    import keras

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]  # it has no types
        """Every picture once an epoch, in an order that follows from the seed."""

        def __init__(self) -> None:
            super().__init__()
            self.random, self.classes = np.random.default_rng(settings.seed), _classes(dataset)
            self.on_epoch_begin()

        def __len__(self) -> int:
            return len(pictures) // settings.batch_size or 1

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            drawn = np.sort(self.order[index * settings.batch_size :][: settings.batch_size])
            return pictures[drawn].astype(np.float32), self.classes[drawn]

        def on_epoch_begin(self) -> None:
            self.order = self.random.permutation(len(pictures))

    keras.utils.set_random_seed(settings.seed)
    model, batches = network.build(len(dataset.labels), bn_momentum=settings.bn_momentum), Batches()
    steps = settings.epochs * len(batches)
    rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps)
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=settings.weight_decay),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,  # on processors XLA's depthwise convolutions take ten times as long
    )
    with progress(network.name, total=steps) as advance:
        seen = keras.callbacks.LambdaCallback(
            on_train_batch_end=lambda batch, logs: advance(note=f"loss {logs['loss']:.4f}")
        )
        history = model.fit(batches, epochs=settings.epochs, shuffle=False, verbose=0, callbacks=[seen])
    return model, [round(loss, 6) for loss in history.history["loss"]]


def _converted(model: Any, pictures: npt.NDArray[np.uint8]) -> dict[str, bytes]:
    """The .tflite of each variant; that of int8 takes uint8, and is quantised after training."""
    import keras
    import tensorflow as tf

    whole = keras.Model(model.input, keras.layers.Softmax()(model.output))
    with TemporaryDirectory(prefix="leukolite-") as folder:
        whole.export(folder, verbose=False)
        float32 = tf.lite.TFLiteConverter.from_saved_model(folder)
        int8 = tf.lite.TFLiteConverter.from_saved_model(folder)
        int8.optimizations = [tf.lite.Optimize.DEFAULT]
        int8.representative_dataset = lambda: ([picture[np.newaxis].astype(np.float32)] for picture in pictures)
        int8.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        int8.inference_input_type = int8.inference_output_type = tf.uint8
        return {"float32": float32.convert(), "int8": int8.convert()}
