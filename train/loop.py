"""The training loop, the same for the float and the quantisation-aware stage."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
import tf_keras as keras

from edge_runtime import metrics
from edge_runtime.errors import LeukoliteError
from edge_runtime.figures import draw_matrix
from edge_runtime.groups import sample
from edge_runtime.progress import progress
from train.augment import augment, draw
from train.cells import Cells, Indices
from train.checkpoints import Checkpoints
from train.config import IMAGE, Augmentation, NetworkSettings, StageSettings
from train.distribution import Distribution
from train.history import draw_curves, peak_rss_mb, write_history
from train.lesson import Lesson
from train.network import MEAN_LAYER
from train.position import Position
from train.sampling import sample_epoch
from train.stream import Stream, to_unit
from train.tensorboard import TensorBoardLog

Logits = npt.NDArray[np.float32]
Forward = Callable[[tf.Tensor, bool], tf.Tensor]

CHECKPOINTS_NAME = "checkpoints"
CONFUSION_NAME = "confusion.png"
MONITORED_PER_CLASS = 250
NOT_DECAYED = ["gamma", "beta", "bias"]


@dataclass
class Stage:
    """One stage of training: what is optimised, on what, and how.

    `forward` maps pixels uint8 [b, h, w, 3] and whether this is training to logits [b, towers, classes].
    `parts` do so for equally many of the towers each, in order, where none depends on another: then only a few at a
    time hold what their gradients need, instead of all of them. The result is the same to the bit.
    `evaluated` does so for held-out images, with the weights that `refresh` copied there; by default it is `forward`.
    `log_prior` float64 [classes] is what was taken out of these logits, and what the loss therefore adds again.
    `augmentation` is how pictures are changed before they are learned from, `sampling` which come equally often,
    `lesson` what teachers say of them, if there are any.
    `step` int64 is the number of steps done. `model` and `step` are made in the scope of the `distribution`.
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
    step: tf.Variable
    augmentation: Augmentation = field(default_factory=Augmentation)
    sampling: str = IMAGE
    lesson: Lesson | None = None
    parts: Sequence[Forward] = ()
    evaluated: Forward | None = None
    refresh: Callable[[], None] = lambda: None
    checkpoint_every: int = 100
    log: TensorBoardLog | None = None
    distribution: Distribution = field(default_factory=Distribution)
    averaged: list[tf.Variable] = field(init=False)
    averages: list[tf.Variable] = field(init=False)
    trained: list[tf.Variable] = field(init=False)
    learning_rate: Callable[[int], tf.Tensor] = field(init=False)
    optimizer: Any = field(init=False)
    answer: Callable[[tf.Tensor], tf.Tensor] = field(init=False)

    def __post_init__(self) -> None:
        """Make the optimizer and room for the averages of all variables."""
        # Compiled once for all looks at held-out images.
        self.answer = tf.function(lambda pixels: (self.evaluated or self.forward)(pixels, False), reduce_retracing=True)
        count, settings = len(self.cells.images), self.settings
        steps = max(1, -(-count // settings.batch_size)) * settings.epochs
        self.learning_rate = keras.optimizers.schedules.CosineDecay(settings.learning_rate, steps, alpha=0.02)
        self.averaged = [variable for variable in self.model.weights if variable.dtype.is_floating]
        # The averaging of the towers' logits is arithmetic, not something to learn.
        self.trained = [v for v in self.model.trainable_variables if not v.name.startswith(MEAN_LAYER + "/")]
        with self.distribution.scope():
            self.averages = [tf.Variable(variable, trainable=False) for variable in self.averaged]
            self.optimizer = keras.optimizers.AdamW(self.learning_rate, weight_decay=settings.weight_decay)
            self.optimizer.exclude_from_weight_decay(var_names=NOT_DECAYED)
            self.optimizer.build(self.trained)


def fit(stage: Stage) -> Position:
    """Train, from the last whole checkpoint in the stage's directory if there is one; returns where that led.

    Leaves the averaged weights in the model, and in what `evaluated` runs. History and curves are written as it goes.

    Raises LeukoliteError when the loss is no number any more, an image is gone or a checkpoint cannot be written;
    the last checkpoint is kept.
    """
    variables = tf.train.Checkpoint(
        model=stage.model, optimizer=stage.optimizer, averages=stage.averages, step=stage.step
    )
    checkpoints = Checkpoints(stage.directory / CHECKPOINTS_NAME, variables=variables)
    assign(stage.averages, stage.averaged)
    position = _last_position(stage, checkpoints)
    position.sit_down()
    if stage.log:
        stage.log.begin(position.history)
    step = make_step(stage)
    on_chief = stage.distribution.on_chief
    monitored = _monitored(stage)
    while position.epoch < stage.settings.epochs:
        _train_epoch(stage, step, position, checkpoints)
        # The chief alone looks: all have the same weights, and the others wait for it.
        matrix = np.array(on_chief(lambda: _held_out_matrix(stage, monitored).tolist()), np.int64)
        position.close_epoch(matrix, learning_rate=_rate_at(stage, position.epoch), peak_rss_mb=peak_rss_mb())
        _save(stage, checkpoints, position)
        on_chief(partial(_show, stage, position, matrix))
    assign(stage.averaged, stage.averages)
    stage.refresh()
    return position


def _monitored(stage: Stage) -> Indices:
    """The held-out images to look at after each epoch; none where no tower is blind to any."""
    if not stage.network.blind:
        return np.zeros(0, np.int64)
    chosen = sample(stage.cells.images, stage.cells.origins, per_class=MONITORED_PER_CLASS, seed=stage.seed)
    return np.array(chosen, np.int64)


def make_step(stage: Stage) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """One compiled step: (pixels, indices, decay) to (loss, share of right towers [b]), updating model and averages."""
    cells = stage.cells
    allowed = tower_weights(cells.folds, towers=stage.network.towers, blind=stage.network.blind)
    log_prior = tf.constant(stage.log_prior, tf.float32)
    classes, weights = tf.constant(cells.classes), tf.constant(allowed)
    loss_of = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=stage.settings.label_smoothing, reduction="none"
    )

    parts = stage.parts or (stage.forward,)
    each = stage.network.towers // len(parts)
    at_once = os.cpu_count() or 1

    def step(pixels: tf.Tensor, indices: tf.Tensor, decay: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        mine = stage.distribution.own(indices)
        if stage.augmentation != Augmentation():
            drawn = draw(tf.shape(indices)[0], seed=stage.seed, step=stage.step)
            pixels = augment(pixels, stage.distribution.own(drawn), strengths=stage.augmentation)
        true, own = tf.gather(classes, mine), tf.split(tf.gather(weights, mine), len(parts), axis=1)
        wanted = tf.one_hot(tf.repeat(true[:, tf.newaxis], each, axis=1), len(cells.labels))
        losses, hits = [], []
        gradients: list[dict[Any, tf.Tensor]] = []
        for number, (part, share) in enumerate(zip(parts, own, strict=True)):
            before = gradients[number - at_once] if number >= at_once else {}
            with tf.control_dependencies(before.values()), tf.GradientTape() as tape:
                logits = part(pixels, True) + log_prior
                # Menon et al. 2021, equation 10: trained on logits + log prior, the logits are the adjusted ones.
                each_loss = loss_of(wanted, logits)
                if stage.lesson:
                    each_loss = stage.lesson.mix(each_loss, logits, mine)
                losses.append(share * each_loss)
                loss = tf.reduce_mean(tf.reduce_sum(losses[-1], axis=1))
                loss = stage.distribution.part_of_mean(loss, own=mine, batch=indices)
            with tf.control_dependencies(before.values()):
                found = zip(stage.trained, tape.gradient(loss, stage.trained), strict=True)
            gradients.append({variable.ref(): gradient for variable, gradient in found if gradient is not None})
            hits.append(share * tf.cast(tf.argmax(logits, axis=2) == true[:, tf.newaxis], tf.float32))
        together = {variable: gradient for part in gradients for variable, gradient in part.items()}
        stage.optimizer.apply_gradients([(together[variable.ref()], variable) for variable in stage.trained])
        stage.step.assign_add(1)
        for average, variable in zip(stage.averages, stage.averaged, strict=True):
            average.assign_sub((1 - decay) * (average - variable))
        loss = tf.reduce_mean(tf.reduce_sum(tf.concat(losses, axis=1), axis=1))
        loss = stage.distribution.part_of_mean(loss, own=mine, batch=indices)
        return stage.distribution.together(loss, tf.reduce_sum(tf.concat(hits, axis=1), axis=1), batch=indices)

    return stage.distribution.compile(step)


def tower_weights(folds: Indices, *, towers: int, blind: bool = True) -> npt.NDArray[np.float32]:
    """How much each tower learns from each image, float32 [n, towers], rows of sum 1: blind, k never sees fold k."""
    allowed = (np.arange(towers)[np.newaxis] != folds[:, np.newaxis]).astype(np.float32)
    if not blind:
        allowed = np.ones_like(allowed)
    return allowed / allowed.sum(axis=1, keepdims=True)


def _last_position(stage: Stage, checkpoints: Checkpoints) -> Position:
    """Where the newest whole checkpoint left off, with the variables set to it; or the beginning."""

    def restore() -> dict[str, Any] | None:
        whole = checkpoints.whole(tell=stage.tell)
        if checkpoints.steps() and not whole:
            stage.tell("no checkpoint is whole: begins from the start")
        return checkpoints.restore(whole[0]) if whole else None

    state = stage.distribution.on_chief(restore)
    if state is None:
        return Position(stage.cells.labels)
    stage.distribution.copy_from_chief([stage.step, *stage.model.weights, *stage.averages, *stage.optimizer.variables])
    position = Position.from_json(stage.cells.labels, state)
    if position.history:  # which a kill after the checkpoint has kept from being written
        stage.distribution.on_chief(lambda: _write_history(stage, position))
    stage.tell(f"goes on after epoch {position.epoch}, batch {position.batch} (checkpoint of step {position.step})")
    return position


def _train_epoch(stage: Stage, step: Callable[..., Any], position: Position, checkpoints: Checkpoints) -> None:
    """Train on each image of the epoch that was not yet trained on."""
    settings, count = stage.settings, len(stage.cells.images)
    order = sample_epoch(stage.cells, sampling=stage.sampling, seed=stage.seed, epoch=position.epoch)
    order = stage.distribution.fill(order, batch_size=settings.batch_size)
    position.begin_or_check(order)
    done = min(count, position.batch * settings.batch_size)
    source = batches(stage, order[done:], part=stage.distribution.part)
    with progress(f"epoch {position.epoch + 1}/{settings.epochs}", total=count, done=done) as advance:
        started, waited = time.monotonic(), 0.0
        for pixels, indices in source:
            # Few steps are averaged over a short time, many over a long one, as Polyak averaging is started.
            decay = min(settings.averaging_decay, (1 + position.step) / (10 + position.step))
            loss, hits = step(pixels, indices, tf.constant(decay, tf.float32))
            _check(float(loss), position.epoch)
            position.add(float(loss), stage.cells.classes[indices.numpy()], hits.numpy())
            advance(len(indices), position.tally.note())
            last = position.batch * settings.batch_size >= len(order)  # whose checkpoint is that of the epoch's end
            if position.step % stage.checkpoint_every == 0 and not last:
                now = time.monotonic()
                position.spend(now - started, source.waited_s - waited)
                started, waited = now, source.waited_s
                _save(stage, checkpoints, position)
        position.spend(time.monotonic() - started, source.waited_s - waited)


def _save(stage: Stage, checkpoints: Checkpoints, position: Position) -> None:
    """Write a checkpoint."""
    stage.distribution.on_chief(lambda: str(checkpoints.save(position.step, position.to_json())))


def batches(stage: Stage, order: Indices, *, part: Callable[[Indices], Indices] = lambda batch: batch) -> Stream:
    """The stage's images in the given order; of each batch the pixels of a part."""
    return Stream(
        stage.cells.images.paths,
        order,
        batch_size=stage.settings.batch_size,
        view=stage.network.view,
        part=part,
    )


def _rate_at(stage: Stage, epoch: int) -> float:
    """The learning rate that an epoch began with."""
    return float(stage.learning_rate(epoch * -(-len(stage.cells.images) // stage.settings.batch_size)))


def _check(loss: float, epoch: int) -> None:
    """Stop at once when training has diverged."""
    if not np.isfinite(loss):
        raise LeukoliteError(
            expected="a finite loss",
            found=f"{loss} in epoch {epoch + 1}",
            remedy="lower --learning-rate; the last checkpoint is kept",
        )


def _held_out_matrix(stage: Stage, monitored: Indices) -> npt.NDArray[np.int64]:
    """Confusion matrix of the averaged weights on held-out images; the weights in training are put back."""
    if not len(monitored):
        return np.zeros((len(stage.cells.labels),) * 2, np.int64)
    current = [variable.numpy() for variable in stage.averaged]
    assign(stage.averaged, stage.averages)
    stage.refresh()
    logits = held_out_logits(stage, monitored)
    assign(stage.averaged, current)
    return metrics.confusion_matrix(
        stage.cells.classes[monitored], logits.argmax(axis=1), classes=len(stage.cells.labels)
    )


def _show(stage: Stage, position: Position, matrix: npt.NDArray[np.int64]) -> None:
    """Leave the figures of the epoch that was just closed where one looks for them."""
    _write_history(stage, position)
    labels, epoch = stage.cells.labels, position.epoch
    matrix = matrix[:, : len(labels)]  # without the column of unreadable images, of which there are none
    if stage.log:
        stage.log.epoch(position.history[-1])
    if matrix.any():
        draw_matrix(matrix, labels, stage.directory / CONFUSION_NAME, title=f"held out, epoch {epoch}")
        if stage.log:
            stage.log.confusion(matrix, labels, epoch)
    stage.tell(position.history[-1].describe(stage.settings.epochs))


def _write_history(stage: Stage, position: Position) -> None:
    """Leave the history as CSV and drawn."""
    write_history(stage.directory, position.history)
    draw_curves(stage.directory, position.history)


def held_out_logits(stage: Stage, indices: Indices) -> Logits:
    """For each image the adjusted logits of the tower that never saw its group, float32 [len(indices), classes]."""
    parts = []
    with progress("held out", total=len(indices)) as advance:
        for pixels, which in batches(stage, indices):
            logits = stage.answer(pixels).numpy()
            parts.append(logits[np.arange(len(logits)), stage.cells.folds[which.numpy()]])
            advance(len(logits))
    return np.concatenate(parts)


def assign(variables: Sequence[tf.Variable], values: Iterable[Any]) -> None:
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


def parts_of(model: keras.Model, *, towers: int) -> list[Forward]:
    """The forward function of each tower of a model that `train.network.build` made."""
    heads = [keras.Model(model.input, model.get_layer(f"tower{tower}_head").output) for tower in range(towers)]
    return [forward_of(head, towers=1) for head in heads]
