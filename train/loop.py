"""The training loop, the same for the float and the quantisation-aware stage."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from edge_runtime import metrics
from edge_runtime.errors import LeukoliteError
from edge_runtime.progress import progress
from train.cells import Cells, Indices, sample
from train.config import NetworkSettings, StageSettings
from train.history import Epoch, read_history, write_history
from train.network import MEAN_LAYER
from train.stream import epoch_order, stream, to_unit

Logits = npt.NDArray[np.float32]
Forward = Callable[[tf.Tensor, bool], tf.Tensor]

MONITORED_PER_CLASS = 250
CHECKPOINTS_KEPT = 2
NOT_DECAYED = ["gamma", "beta", "bias"]


@dataclass
class Stage:
    """One stage of training: what is optimised, on what, and how.

    `forward` maps pixels uint8 [b, h, w, 3] and whether this is training to logits [b, towers, classes].
    `log_prior` float64 [classes] is what was taken out of these logits, and what the loss therefore adds again.
    """

    model: keras.Model
    forward: Forward
    cells: Cells
    log_prior: npt.NDArray[np.float64]
    network: NetworkSettings
    settings: StageSettings
    directory: Path
    seed: int
    tell: Callable[[str], None]
    averaged: list[tf.Variable] = field(init=False)
    averages: list[tf.Variable] = field(init=False)
    trained: list[tf.Variable] = field(init=False)
    learning_rate: Callable[[int], tf.Tensor] = field(init=False)
    optimizer: Any = field(init=False)

    def __post_init__(self) -> None:
        """Make the optimizer and room for the averages of all variables."""
        count, settings = len(self.cells.images), self.settings
        steps = max(1, -(-count // settings.batch_size)) * settings.epochs
        self.learning_rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps, alpha=0.02)
        self.optimizer = keras.optimizers.AdamW(self.learning_rate, weight_decay=settings.weight_decay)
        self.optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
        self.averaged = [variable for variable in self.model.weights if variable.dtype.is_floating]
        self.averages = [tf.Variable(variable, trainable=False) for variable in self.averaged]
        # The averaging of the towers' logits is arithmetic, not something to learn.
        self.trained = [v for v in self.model.trainable_variables if not v.name.startswith(MEAN_LAYER + "/")]
        self.optimizer.build(self.trained)


def fit(stage: Stage) -> list[Epoch]:
    """Train, from the last checkpoint in the stage's directory if there is one.

    Leaves the averaged weights in the model. A history of each epoch is written as CSV as it goes.

    Raises LeukoliteError when the loss is no number any more; the last checkpoint is kept.
    """
    done = tf.Variable(0, dtype=tf.int64, trainable=False)
    checkpoint = tf.train.Checkpoint(model=stage.model, optimizer=stage.optimizer, averages=stage.averages, epoch=done)
    manager = tf.train.CheckpointManager(checkpoint, str(stage.directory / "checkpoints"), CHECKPOINTS_KEPT)
    assign(stage.averages, stage.averaged)
    if manager.latest_checkpoint:
        checkpoint.restore(manager.latest_checkpoint)
        stage.tell(f"goes on after epoch {int(done)} from {Path(manager.latest_checkpoint).name}")
    history = read_history(stage.directory)[: int(done)]
    step = make_step(stage)
    monitored = np.array(
        sample(stage.cells.images, stage.cells.origins, per_class=MONITORED_PER_CLASS, seed=stage.seed), np.int64
    )
    for epoch in range(int(done), stage.settings.epochs):
        history.append(_run_epoch(stage, step, epoch, monitored))
        # The history first: what it has more than the checkpoint, a run that goes on cuts off and does again.
        write_history(stage.directory, history)
        done.assign(epoch + 1)
        manager.save()
        stage.tell(history[-1].describe(stage.settings.epochs))
    assign(stage.averaged, stage.averages)
    return history


def make_step(stage: Stage) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """One compiled step: (pixels, indices, decay) to (loss, share of right towers), updating model and averages."""
    cells = stage.cells
    allowed = tower_weights(cells.folds, towers=stage.network.towers)
    log_prior = tf.constant(stage.log_prior, tf.float32)
    classes, weights = tf.constant(cells.classes), tf.constant(allowed)
    loss_of = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=stage.settings.label_smoothing, reduction="none"
    )

    @tf.function
    def step(pixels: tf.Tensor, indices: tf.Tensor, decay: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        true, own = tf.gather(classes, indices), tf.gather(weights, indices)
        with tf.GradientTape() as tape:
            logits = stage.forward(pixels, True)
            wanted = tf.one_hot(tf.repeat(true[:, tf.newaxis], stage.network.towers, axis=1), len(cells.labels))
            # Menon et al. 2021, equation 10: trained on logits + log prior, the logits are the adjusted ones.
            loss = tf.reduce_mean(tf.reduce_sum(own * loss_of(wanted, logits + log_prior), axis=1))
        gradients = tape.gradient(loss, stage.trained)
        stage.optimizer.apply_gradients(zip(gradients, stage.trained, strict=True))
        for average, variable in zip(stage.averages, stage.averaged, strict=True):
            average.assign_sub((1 - decay) * (average - variable))
        right = tf.cast(tf.argmax(logits + log_prior, axis=2) == true[:, tf.newaxis], tf.float32)
        return loss, tf.reduce_mean(tf.reduce_sum(own * right, axis=1))

    return step


def tower_weights(folds: Indices, *, towers: int) -> npt.NDArray[np.float32]:
    """How much each tower learns from each image, float32 [n, towers], rows of sum 1: tower k never sees fold k."""
    allowed = (np.arange(towers)[np.newaxis] != folds[:, np.newaxis]).astype(np.float32)
    return allowed / allowed.sum(axis=1, keepdims=True)


def _run_epoch(stage: Stage, step: Callable[..., Any], epoch: int, monitored: Indices) -> Epoch:
    """Train on every image once, then look at images that the answering tower never saw."""
    started = time.time()
    settings, count = stage.settings, len(stage.cells.images)
    order = epoch_order(count, seed=stage.seed, epoch=epoch)
    sums = np.zeros(2)
    steps_before = int(stage.optimizer.iterations)
    with progress(f"epoch {epoch + 1}/{settings.epochs}", total=count) as advance:
        for number, (pixels, indices) in enumerate(batches(stage, order)):
            # Few steps are averaged over a short time, many over a long one, as Polyak averaging is started.
            steps = steps_before + number
            decay = min(settings.averaging_decay, (1 + steps) / (10 + steps))
            loss, right = step(pixels, indices, tf.constant(decay, tf.float32))
            sums += len(indices) * np.array([float(loss), float(right)])
            _check(float(loss), epoch)
            advance(len(indices))
    seconds = time.time() - started
    mean = sums / count
    return Epoch(
        epoch=epoch + 1,
        seconds=seconds,
        images_per_s=count / seconds,
        learning_rate=float(stage.learning_rate(steps_before)),
        loss=float(mean[0]),
        accuracy=float(mean[1]),
        **_monitor(stage, monitored),
    )


def batches(stage: Stage, order: Indices) -> tf.data.Dataset:
    """The stage's images in the given order, as `train.stream.stream` gives them."""
    return stream(
        [image.path for image in stage.cells.images],
        order,
        batch_size=stage.settings.batch_size,
        height_px=stage.network.image_height_px,
        width_px=stage.network.image_width_px,
    )


def _check(loss: float, epoch: int) -> None:
    """Stop at once when training has diverged."""
    if not np.isfinite(loss):
        raise LeukoliteError(
            expected="a finite loss",
            found=f"{loss} in epoch {epoch + 1}",
            remedy="lower --learning-rate; the last checkpoint is kept",
        )


def _monitor(stage: Stage, monitored: Indices) -> dict[str, float]:
    """Held-out figures of the averaged weights; the weights in training are put back."""
    current = [variable.numpy() for variable in stage.averaged]
    assign(stage.averaged, stage.averages)
    logits = held_out_logits(stage, monitored)
    assign(stage.averaged, current)
    matrix = metrics.confusion_matrix(
        stage.cells.classes[monitored], logits.argmax(axis=1), classes=len(stage.cells.labels)
    )
    rates = [rate.tpr for rate in metrics.one_against_rest(matrix) if rate.tpr is not None]
    return {"held_out_balanced_accuracy": float(np.mean(rates)), "held_out_lowest_tpr": min(rates)}


def held_out_logits(stage: Stage, indices: Indices) -> Logits:
    """For each image the adjusted logits of the tower that never saw its group, float32 [len(indices), classes]."""
    run = tf.function(lambda pixels: stage.forward(pixels, False))
    parts = []
    with progress("held out", total=len(indices)) as advance:
        for pixels, which in batches(stage, indices):
            logits = run(pixels).numpy()
            parts.append(logits[np.arange(len(logits)), stage.cells.folds[which.numpy()]])
            advance(len(logits))
    return np.concatenate(parts)


def assign(variables: Sequence[tf.Variable], values: Sequence[Any]) -> None:
    """Set variables to values, one by one."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def split_towers(outputs: Any, *, towers: int) -> tf.Tensor:
    """Logits [b, towers, classes] from a model's output(s), the first being [b, towers * classes]."""
    joined = outputs[0] if isinstance(outputs, list | tuple) else outputs
    return tf.reshape(joined, (-1, towers, joined.shape[-1] // towers))


def forward_of(model: keras.Model, *, towers: int) -> Forward:
    """The forward function of a model for `Stage`."""
    return lambda pixels, training: split_towers(model(to_unit(pixels), training=training), towers=towers)
