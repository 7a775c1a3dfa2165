from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.train.tiny import NETWORK
from train import loop
from train.checkpoints import Checkpoints
from train.config import SOURCE, Augmentation
from train.history import read_history
from train.loop import assign, batches, fit, held_out_logits, make_step, parts_of, split_towers, tower_weights
from train.stream import epoch_order, to_unit

NO_DROPOUT = replace(NETWORK, dropout=0.0)
RECIPE = {"augmentation": Augmentation(stain=0.2, focus_px=1, rotation_deg=20, flips=True), "sampling": SOURCE}


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


@pytest.fixture
def undrawn(monkeypatch):
    """No pictures, which take longer than the epochs."""
    monkeypatch.setattr(loop, "draw_curves", lambda *args: None)
    monkeypatch.setattr(loop, "draw_matrix", lambda *args, **options: None)


# Who learns from what.


@pytest.mark.parametrize("towers", [2, 5])
def test_tower_never_learns_from_its_own_fold(towers):
    weights = tower_weights(np.repeat(np.arange(towers), 3), towers=towers)
    assert weights.dtype == np.float32
    assert (weights == np.kron(1 - np.eye(towers), np.ones((3, 1))).astype(np.float32) / np.float32(towers - 1)).all()


@pytest.mark.parametrize("towers", [1, 3])
def test_towers_that_are_not_blind_learn_from_everything(towers):
    weights = tower_weights(np.zeros(4, np.int64), towers=towers, blind=False)
    assert (weights == np.full((4, towers), 1 / towers, np.float32)).all()


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
    loss, hits = make_step(stage)(pixels, indices, tf.constant(0.5))
    assert float(loss) == pytest.approx(expected, rel=1e-4)  # float32 against float64, logits of order one
    assert hits.numpy().tolist() == [
        float(adjusted[image, 1 - folds[image]].argmax() == true[image]) for image in range(8)
    ]


def test_hits_of_an_image_are_the_share_of_right_towers_among_those_that_learn_from_it(make_stage):
    stage = make_stage(replace(NETWORK, towers=4))
    pixels, indices = first_batch(stage, np.arange(8))
    true, folds = stage.cells.classes[indices.numpy()], stage.cells.folds[indices.numpy()]
    stage.trained = []  # fixed answers have no gradient
    stage.optimizer.apply_gradients = lambda pairs: None
    answers = np.full((8, 4, 4), -9.0, np.float32)
    right = (np.arange(8)[:, np.newaxis] + np.arange(4)) % 3 == 0  # of each image and tower
    for image, tower in np.ndindex(8, 4):
        answers[image, tower, (true[image] + (not right[image, tower])) % 4] = 9
    stage.forward = lambda pixels, training: tf.constant(answers)
    _, hits = make_step(stage)(pixels, indices, tf.constant(0.5))
    learning = np.arange(4) != folds[:, np.newaxis]
    # A sum of thirds in float32.
    assert hits.numpy() == pytest.approx((right & learning).sum(axis=1) / 3, abs=1e-6)
    assert len(set(hits.numpy().round(3))) > 1


@pytest.mark.parametrize("towers", [2, 5])
def test_towers_part_by_part_are_trained_as_all_at_once_to_the_bit(make_stage, towers):
    network = replace(NETWORK, towers=towers)
    together, apart = make_stage(network), make_stage(network)
    apart.parts = parts_of(apart.model, towers=towers)
    assert len(apart.parts) == towers
    apart.forward = None  # is not asked
    stages = [(stage, make_step(stage)) for stage in (together, apart)]
    for first in (0, 8, 16):
        batch = first_batch(together, np.arange(first, first + 8))
        (loss, hits), (own_loss, own_hits) = (step(*batch, tf.constant(0.5)) for _, step in stages)
        assert float(loss) == float(own_loss)
        assert (hits.numpy() == own_hits.numpy()).all()
        assert same(together, apart)
        assert all((a.numpy() == b.numpy()).all() for a, b in zip(together.averages, apart.averages, strict=True))


def test_step_counts_itself(make_stage):
    stage = make_stage()
    step, batch = make_step(stage), first_batch(stage, np.arange(8))
    for done in (1, 2, 3):
        step(*batch, tf.constant(0.5))
        assert int(stage.step) == done


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


def test_held_out_logits_are_those_of_the_evaluated_network_where_there_is_one(make_stage):
    stage = make_stage(evaluated=lambda pixels, training: tf.fill((tf.shape(pixels)[0], 2, 4), 7.0))
    assert (held_out_logits(stage, np.arange(8)) == 7).all()


@pytest.mark.usefixtures("undrawn")
def test_evaluated_network_is_given_the_averages_and_the_trained_one_keeps_its_weights(make_stage):
    """As `train float` does it: training runs one network, and the folded one is held out."""
    seen = []
    stage = make_stage(epochs=2, averaging_decay=0.9)

    def refresh():
        seen.append([variable.numpy() for variable in stage.averaged])
        assert all((own == a.numpy()).all() for own, a in zip(seen[-1], stage.averages, strict=True))

    stage.refresh = refresh
    fit(stage)
    plain = make_stage(epochs=2, averaging_decay=0.9, directory=stage.directory / "plain")
    fit(plain)
    assert len(seen) == 3  # after each epoch, and at the end
    assert not all((one == two).all() for one, two in zip(seen[0], seen[1], strict=True))
    assert all((own.numpy() == other.numpy()).all() for own, other in zip(stage.averaged, plain.averaged, strict=True))


# Averaging.


def test_step_moves_the_averages_by_the_share_asked_for(make_stage):
    stage = make_stage()
    assign(stage.averages, [np.ones(v.shape) for v in stage.averaged])
    make_step(stage)(*first_batch(stage, np.arange(8)), tf.constant(0.75))
    for average, variable in zip(stage.averages, stage.averaged, strict=True):
        # One rounding each of a difference, a product and a sum of numbers of order one.
        assert average.numpy() == pytest.approx(0.75 + 0.25 * variable.numpy(), abs=1e-6)


@pytest.mark.usefixtures("undrawn")
def test_fit_leaves_the_averages_in_the_model(make_stage):
    stage = make_stage(averaging_decay=0.9)
    fit(stage)
    assert all((a.numpy() == v.numpy()).all() for a, v in zip(stage.averages, stage.averaged, strict=True))
    plain = make_stage(averaging_decay=0.0, directory=stage.directory / "plain")
    fit(plain)
    head = "tower0_head"
    assert not np.allclose(stage.model.get_layer(head).get_weights()[0], plain.model.get_layer(head).get_weights()[0])


@pytest.mark.usefixtures("undrawn")
def test_training_does_not_go_on_from_the_averages(make_stage, tmp_path):
    # They are looked at after each epoch; left in the model, they would change the epochs that follow.
    stages = [
        make_stage(epochs=3, averaging_decay=decay, directory=tmp_path / name)
        for name, decay in (("none", 0.0), ("long", 0.99))
    ]
    losses = [[epoch.loss for epoch in fit(stage).history] for stage in stages]
    assert losses[0] == losses[1]
    assert not same(*stages)


# A whole fit.


def test_fit_writes_what_it_returns(make_stage):
    said = []
    stage = make_stage(epochs=2, tell=said.append)
    position = fit(stage)
    history = position.history
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert (position.epoch, position.batch, position.step) == (2, 0, 2 * 4)
    assert int(stage.optimizer.iterations) == int(stage.step) == 2 * 4
    assert read_history(stage.directory) == history
    assert said == [epoch.describe(2) for epoch in history]
    assert history[0].learning_rate == pytest.approx(1e-2)
    assert history[1].learning_rate == pytest.approx((0.02 + 0.98 / 2) * 1e-2)  # halfway down a cosine to 2 %
    for epoch in history:
        rates = [epoch.accuracy, epoch.held_out_balanced_accuracy, *epoch.tpr.values(), *epoch.held_out_tpr.values()]
        assert all(0 <= rate <= 1 for rate in rates)
        assert list(epoch.tpr) == list(epoch.held_out_tpr) == list(stage.cells.labels)
        assert epoch.held_out_lowest_tpr == min(epoch.held_out_tpr.values())
        assert epoch.images_per_s == pytest.approx(32 / epoch.seconds)
        assert 0 <= epoch.input_wait_share <= 1


@pytest.mark.parametrize("name", ["curves.png", "confusion.png"])
def test_fit_leaves_pictures(make_stage, name):
    stage = make_stage()
    fit(stage)
    with Image.open(stage.directory / name) as picture:
        picture.load()
        assert min(picture.size) > 100


@pytest.mark.usefixtures("undrawn")
def test_log_is_begun_with_what_was_done_before_and_gets_each_epoch(make_stage):
    class Log:
        def __init__(self):
            self.said = []

        def begin(self, history):
            self.said.append(("begin", [epoch.epoch for epoch in history]))

        def epoch(self, epoch):
            self.said.append(("epoch", epoch.epoch))

        def confusion(self, matrix, labels, epoch):
            assert matrix.sum() == 32
            assert matrix.shape == (len(labels), len(labels))
            self.said.append(("confusion", epoch))

    first, second = Log(), Log()
    with pytest.raises(PowerCutError):
        fit(make_stage(epochs=2, log=first, tell=crash_after(1)))
    fit(make_stage(epochs=2, log=second))
    assert first.said == [("begin", []), ("epoch", 1), ("confusion", 1)]
    assert second.said == [("begin", [1]), ("epoch", 2), ("confusion", 2)]


@pytest.mark.usefixtures("undrawn")
def test_every_epoch_reads_all_images_in_an_order_of_its_own(make_stage, monkeypatch):
    orders, plain = [], loop.Stream

    def record(paths, order, **options):
        orders.append(order.tolist())
        return plain(paths, order, **options)

    monkeypatch.setattr(loop, "Stream", record)
    fit(make_stage(epochs=2, seed=7))
    assert orders[0::2] == [epoch_order(32, seed=7, epoch=epoch).tolist() for epoch in (0, 1)]  # then monitoring


@pytest.mark.usefixtures("undrawn")
def test_fit_learns(make_stage):
    history = fit(make_stage(epochs=12)).history
    assert history[-1].loss < history[0].loss / 2


@pytest.mark.usefixtures("undrawn")
def test_training_loss_of_an_epoch_is_the_mean_over_its_images(make_stage):
    # Two batches of another size: the mean of their means would be another number.
    stage = make_stage(batch_size=24)
    order = epoch_order(32, seed=0, epoch=0)
    other = make_stage(batch_size=24)
    step = make_step(other)
    losses = [
        float(step(pixels, indices, tf.constant(0.5))[0]) * len(indices) for pixels, indices in batches(other, order)
    ]
    assert len(losses) == 2
    assert fit(stage).history[0].loss == pytest.approx(sum(losses) / 32, rel=1e-12)


@pytest.mark.usefixtures("undrawn")
def test_mean_of_the_towers_is_not_learnt(make_stage, cells, tmp_path):
    from train.network import build_deployed

    model = build_deployed(NETWORK, classes=4)
    stage = make_stage(model=model)
    before = model.get_layer("mean").get_weights()[0]
    assert not any(v.name.startswith("mean/") for v in stage.trained)
    fit(stage)
    assert (model.get_layer("mean").get_weights()[0] == before).all()


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("changes", [{}, RECIPE], ids=["plain", "augmented"])
def test_interrupted_run_goes_on_as_if_nothing_had_been(make_stage, tmp_path, changes):
    whole = make_stage(epochs=2, **changes, directory=tmp_path / "whole")
    expected = fit(whole)

    cut = tmp_path / "cut"
    with pytest.raises(PowerCutError):
        fit(make_stage(epochs=2, **changes, directory=cut, tell=crash_after(1)))
    said = []
    stage = make_stage(epochs=2, **changes, directory=cut, tell=said.append)
    assign(stage.averaged, [np.zeros(v.shape) for v in stage.averaged])  # everything must come from the checkpoint
    position = fit(stage)

    assert said[0] == "goes on after epoch 1, batch 0 (checkpoint of step 4)"
    assert [epoch.epoch for epoch in position.history] == [1, 2]
    assert read_history(cut) == position.history
    assert int(stage.optimizer.iterations) == int(whole.optimizer.iterations) == 8
    assert [sitting["from_step"] for sitting in position.sittings] == [0, 4]
    for number in (0, 1):
        found, wanted = position.history[number], expected.history[number]
        assert (found.loss, found.tpr, found.held_out_tpr) == (wanted.loss, wanted.tpr, wanted.held_out_tpr)
    assert same(stage, whole)


def same(one, other):
    """Whether two stages have the same weights, bit for bit."""
    return all((a.numpy() == b.numpy()).all() for a, b in zip(one.averaged, other.averaged, strict=True))


@pytest.mark.usefixtures("undrawn")
def test_other_seeds_give_other_weights(make_stage, tmp_path):
    # `same` can say no: the order of the images and the dropout are others.
    stages = [make_stage(seed=seed, directory=tmp_path / str(seed)) for seed in (0, 1)]
    assert same(*stages)
    for stage in stages:
        fit(stage)
    assert not same(*stages)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("every", [1, 3, 4, 100])
def test_checkpoints_within_an_epoch_change_nothing(make_stage, tmp_path, every):
    stage, plain = (make_stage(directory=tmp_path / name, checkpoint_every=n) for name, n in (("a", every), ("b", 100)))
    found = [fit(stage).history[0], fit(plain).history[0]]
    assert same(stage, plain)
    assert found[0].loss == found[1].loss
    kept = sorted(path.name for path in (stage.directory / "checkpoints").iterdir())
    last = {1: ["step-000000003", "step-000000004"], 3: ["step-000000003", "step-000000004"]}
    assert kept == last.get(every, ["step-000000004"])


@pytest.mark.usefixtures("undrawn")
def test_crash_before_the_checkpoint_does_its_epoch_again(make_stage, tmp_path, monkeypatch):
    save = Checkpoints.save

    def crash(self, step, state):
        if self.steps():
            raise PowerCutError
        return save(self, step, state)

    monkeypatch.setattr(Checkpoints, "save", crash)
    with pytest.raises(PowerCutError):
        fit(make_stage(epochs=3))
    monkeypatch.undo()
    said = []
    history = fit(make_stage(epochs=3, tell=said.append)).history
    assert said[0].startswith("goes on after epoch 1, batch 0 ")
    assert [epoch.epoch for epoch in history] == [epoch.epoch for epoch in read_history(tmp_path)] == [1, 2, 3]


@pytest.mark.parametrize("epoch", [1, 2])
def test_crash_after_the_checkpoint_still_leaves_every_epoch_in_the_history(make_stage, tmp_path, monkeypatch, epoch):
    write = loop.write_history

    def crash(directory, history):
        if len(history) == epoch:
            raise PowerCutError
        write(directory, history)

    monkeypatch.setattr(loop, "write_history", crash)
    with pytest.raises(PowerCutError):
        fit(make_stage(epochs=2))
    monkeypatch.undo()
    assert fit(make_stage(epochs=2)).history == read_history(tmp_path)
    assert [entry.epoch for entry in read_history(tmp_path)] == [1, 2]
    assert (tmp_path / "curves.png").is_file()


@pytest.mark.usefixtures("undrawn")
def test_finished_fit_is_not_trained_again(make_stage, monkeypatch):
    first = make_stage(epochs=1)
    fit(first)
    said = []
    stage = make_stage(epochs=1, tell=said.append)
    monkeypatch.setattr(loop, "_train_epoch", lambda *args: pytest.fail("trains again"))
    assert [epoch.epoch for epoch in fit(stage).history] == [1]
    assert said == ["goes on after epoch 1, batch 0 (checkpoint of step 4)"]
    assert same(first, stage)


@pytest.mark.usefixtures("undrawn")
def test_loss_that_is_no_number_is_refused_and_the_checkpoint_kept(refused, make_stage):
    fit(make_stage(epochs=1))
    stage = make_stage(epochs=2)
    forward = stage.forward
    stage.forward = lambda pixels, training: forward(pixels, training) * (np.nan if training else 1.0)
    with refused(r"a finite loss, got nan in epoch 2; lower --learning-rate"):
        fit(stage)
    assert [path.name for path in (stage.directory / "checkpoints").iterdir()] == ["step-000000004"]
    assert [epoch.epoch for epoch in read_history(stage.directory)] == [1]
    assert [epoch.epoch for epoch in fit(make_stage(epochs=2)).history] == [1, 2]


@pytest.mark.usefixtures("undrawn")
def test_old_checkpoints_are_not_piled_up(make_stage):
    stage = make_stage(epochs=4)
    fit(stage)
    kept = sorted(path.name for path in (stage.directory / "checkpoints").iterdir())
    assert kept == ["step-000000012", "step-000000016"]


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
