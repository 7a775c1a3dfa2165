from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.train.tiny import NETWORK
from train import loop
from train.history import read_history
from train.loop import assign, batches, fit, held_out_logits, make_step, split_towers, tower_weights
from train.stream import epoch_order, to_unit

NO_DROPOUT = replace(NETWORK, dropout=0.0)


def first_batch(stage, indices):
    return next(iter(batches(stage, np.asarray(indices, np.int64))))


def weights_of(stage, tower):
    """The weights that training changes in one tower, by name."""
    return {v.name: v.numpy() for v in stage.trained if v.name.startswith(f"tower{tower}_")}


class PowerCutError(Exception):
    pass


def crash_after(epoch):
    """A `tell` that crashes when this epoch is told."""

    def tell(line):
        if line.startswith(f"epoch {epoch}/"):
            raise PowerCutError

    return tell


# Who learns from what.


@pytest.mark.parametrize("towers", [2, 5])
def test_tower_never_learns_from_its_own_fold(towers):
    weights = tower_weights(np.repeat(np.arange(towers), 3), towers=towers)
    assert weights.dtype == np.float32
    assert (weights == np.kron(1 - np.eye(towers), np.ones((3, 1))).astype(np.float32) / np.float32(towers - 1)).all()


@pytest.mark.parametrize("own", [0, 1])
def test_step_on_images_of_one_fold_leaves_that_tower_alone(make_stage, own):
    stage = make_stage()
    before = [weights_of(stage, tower) for tower in (0, 1)]
    pixels, indices = first_batch(stage, np.flatnonzero(stage.cells.folds == own)[:8])
    make_step(stage)(pixels, indices, tf.constant(0.5))
    after = [weights_of(stage, tower) for tower in (0, 1)]
    assert all((after[own][name] == value).all() for name, value in before[own].items())
    assert len(before[own]) == 3 * 3 + 2  # kernel, gamma and beta of each convolution; the head
    assert not (
        after[1 - own][f"tower{1 - own}_head/kernel:0"] == before[1 - own][f"tower{1 - own}_head/kernel:0"]
    ).all()


@pytest.mark.parametrize("strength", [0, 1, 2.5])
def test_loss_adds_the_prior_that_was_taken_out(make_stage, cells, strength):
    stage = make_stage(NO_DROPOUT, log_prior=strength * np.log(cells.source_share))
    pixels, indices = first_batch(stage, np.arange(8))
    logits = split_towers(stage.model(to_unit(pixels), training=True), towers=2).numpy().astype(float)
    adjusted = logits + stage.log_prior
    logs = adjusted - np.log(np.exp(adjusted).sum(axis=2, keepdims=True))
    true, folds = stage.cells.classes[indices.numpy()], stage.cells.folds[indices.numpy()]
    expected = -np.mean([logs[image, 1 - folds[image], true[image]] for image in range(8)])
    loss, right = make_step(stage)(pixels, indices, tf.constant(0.5))
    assert float(loss) == pytest.approx(expected, rel=1e-4)  # float32 against float64, logits of order one
    hits = [adjusted[image, 1 - folds[image]].argmax() == true[image] for image in range(8)]
    assert float(right) == pytest.approx(np.mean(hits), abs=1e-6)


def test_held_out_logits_are_those_of_the_tower_that_never_saw_the_image(make_stage):
    stage = make_stage()
    numbers = tf.constant([[[0.0] * 4, [1.0] * 4]])
    stage.forward = lambda pixels, training: tf.tile(numbers, (tf.shape(pixels)[0], 1, 1))
    order = np.random.default_rng(0).permutation(32)[:21]
    found = held_out_logits(stage, order)
    assert found.shape == (21, 4)
    assert (found == stage.cells.folds[order][:, np.newaxis]).all()


def test_held_out_logits_are_the_model_s_without_dropout(make_stage):
    stage = make_stage()
    order = np.arange(8)
    both = split_towers(stage.model(to_unit(first_batch(stage, order)[0]), training=False), towers=2).numpy()
    found = held_out_logits(stage, order)
    # Compiled, the same sums may be taken in another order.
    assert found == pytest.approx(both[order, stage.cells.folds[order]], rel=1e-4, abs=1e-5)


# Averaging.


def test_step_moves_the_averages_by_the_share_asked_for(make_stage):
    stage = make_stage()
    assign(stage.averages, [np.ones(v.shape) for v in stage.averaged])
    make_step(stage)(*first_batch(stage, np.arange(8)), tf.constant(0.75))
    for average, variable in zip(stage.averages, stage.averaged, strict=True):
        # One rounding each of a difference, a product and a sum of numbers of order one.
        assert average.numpy() == pytest.approx(0.75 + 0.25 * variable.numpy(), abs=1e-6)


def test_fit_leaves_the_averages_in_the_model(make_stage):
    stage = make_stage(averaging_decay=0.9)
    fit(stage)
    assert all((a.numpy() == v.numpy()).all() for a, v in zip(stage.averages, stage.averaged, strict=True))
    plain = make_stage(averaging_decay=0.0, directory=stage.directory / "plain")
    fit(plain)
    head = "tower0_head"
    assert not np.allclose(stage.model.get_layer(head).get_weights()[0], plain.model.get_layer(head).get_weights()[0])


def test_training_does_not_go_on_from_the_averages(make_stage, tmp_path):
    # They are looked at after each epoch; left in the model, they would change the epochs that follow.
    losses = [
        [
            epoch.loss
            for epoch in fit(make_stage(NO_DROPOUT, epochs=3, averaging_decay=decay, directory=tmp_path / name))
        ]
        for name, decay in (("none", 0.0), ("long", 0.99))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)  # threads may add gradients in another order


# A whole fit.


def test_fit_writes_what_it_returns(make_stage):
    said = []
    stage = make_stage(epochs=2, tell=said.append)
    history = fit(stage)
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert read_history(stage.directory) == history
    assert said == [epoch.describe(2) for epoch in history]
    assert int(stage.optimizer.iterations) == 2 * 4
    assert history[0].learning_rate == pytest.approx(1e-2)
    assert history[1].learning_rate == pytest.approx((0.02 + 0.98 / 2) * 1e-2)  # halfway down a cosine to 2 %
    assert all(0 <= rate <= 1 for e in history for rate in (e.accuracy, e.held_out_balanced_accuracy))


def test_every_epoch_reads_all_images_in_an_order_of_its_own(make_stage, monkeypatch):
    orders, plain = [], loop.stream

    def record(paths, order, **options):
        orders.append(order.tolist())
        return plain(paths, order, **options)

    monkeypatch.setattr(loop, "stream", record)
    fit(make_stage(epochs=2, seed=7))
    assert orders[0::2] == [epoch_order(32, seed=7, epoch=epoch).tolist() for epoch in (0, 1)]  # then monitoring


def test_fit_learns(make_stage):
    history = fit(make_stage(epochs=12))
    assert history[-1].loss < history[0].loss / 2


def test_mean_of_the_towers_is_not_learnt(make_stage, cells, tmp_path):
    from train.network import build_deployed

    model = build_deployed(NETWORK, classes=4)
    stage = make_stage(model=model)
    before = model.get_layer("mean").get_weights()[0]
    assert not any(v.name.startswith("mean/") for v in stage.trained)
    fit(stage)
    assert (model.get_layer("mean").get_weights()[0] == before).all()


def test_interrupted_run_goes_on_as_if_nothing_had_been(make_stage, tmp_path):
    whole = make_stage(NO_DROPOUT, epochs=2, directory=tmp_path / "whole")
    expected = fit(whole)

    cut = tmp_path / "cut"
    with pytest.raises(PowerCutError):
        fit(make_stage(NO_DROPOUT, epochs=2, directory=cut, tell=crash_after(1)))
    said = []
    stage = make_stage(NO_DROPOUT, epochs=2, directory=cut, tell=said.append)
    assign(stage.averaged, [np.zeros(v.shape) for v in stage.averaged])  # everything must come from the checkpoint
    history = fit(stage)

    assert said[0].startswith("goes on after epoch 1 from ckpt-1")
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert read_history(cut) == history
    assert int(stage.optimizer.iterations) == int(whole.optimizer.iterations)
    # The same steps on the same images; threads may add gradients in another order.
    assert history[1].loss == pytest.approx(expected[1].loss, rel=1e-3)
    for found, wanted in zip(stage.averaged, whole.averaged, strict=True):
        assert found.numpy() == pytest.approx(wanted.numpy(), rel=1e-2, abs=1e-3)


def test_crash_before_the_checkpoint_does_its_epoch_again(make_stage, tmp_path, monkeypatch):
    save = tf.train.CheckpointManager.save

    def crash(manager):
        if manager.latest_checkpoint:
            raise PowerCutError
        return save(manager)

    monkeypatch.setattr(tf.train.CheckpointManager, "save", crash)
    with pytest.raises(PowerCutError):
        fit(make_stage(epochs=3))
    monkeypatch.undo()
    said = []
    history = fit(make_stage(epochs=3, tell=said.append))
    assert said[0].startswith("goes on after epoch 1 ")
    assert [epoch.epoch for epoch in history] == [epoch.epoch for epoch in read_history(tmp_path)] == [1, 2, 3]


def test_finished_fit_is_not_trained_again(make_stage):
    fit(make_stage(epochs=1))
    said = []
    stage = make_stage(epochs=1, tell=said.append)
    assert [epoch.epoch for epoch in fit(stage)] == [1]
    assert len(said) == 1
    assert said[0].startswith("goes on after epoch 1")


def test_loss_that_is_no_number_is_refused_and_the_checkpoint_kept(refused, make_stage):
    fit(make_stage(epochs=1))
    stage = make_stage(epochs=2)
    forward = stage.forward
    stage.forward = lambda pixels, training: forward(pixels, training) * (np.nan if training else 1.0)
    with refused(r"a finite loss, got nan in epoch 2; lower --learning-rate"):
        fit(stage)
    assert Path(tf.train.latest_checkpoint(str(stage.directory / "checkpoints"))).name == "ckpt-1"
    assert [epoch.epoch for epoch in read_history(stage.directory)] == [1]


def test_old_checkpoints_are_not_piled_up(make_stage):
    stage = make_stage(epochs=4)
    fit(stage)
    assert sorted(path.name for path in (stage.directory / "checkpoints").glob("*.index")) == [
        "ckpt-3.index",
        "ckpt-4.index",
    ]


def test_norms_and_biases_are_not_decayed(make_stage):
    stage = make_stage(weight_decay=0.5, learning_rate=0.1)
    folds = np.flatnonzero(stage.cells.folds == 0)[:8]
    before = weights_of(stage, 0)
    make_step(stage)(*first_batch(stage, folds), tf.constant(0.5))  # no gradient for tower 0: decay alone moves it
    for name, value in weights_of(stage, 0).items():
        moved = not (value == before[name]).all()
        assert moved == ("kernel" in name), name


def test_split_towers_takes_the_first_of_several_outputs():
    joined = tf.reshape(tf.range(12.0), (2, 6))
    wanted = joined.numpy().reshape(2, 3, 2)
    assert (split_towers(joined, towers=3).numpy() == wanted).all()
    assert (split_towers([joined, -joined], towers=3).numpy() == wanted).all()
