import json

import numpy as np
import pytest

from train.position import Position

LABELS = ("A", "Zelle \udce4", "C")


def trained(position, batches, *, seed=0):
    """Add batches of random figures."""
    random = np.random.default_rng(seed)
    for _ in range(batches):
        position.add(float(random.random()), random.integers(0, 2, 7), random.random(7, dtype=np.float32))
        position.spend(float(random.random()), float(random.random()) / 3)
    return position


def close(position, matrix=((3, 1, 0), (1, 1, 0), (0, 0, 0))):
    position.close_epoch(np.array(matrix, np.int64), learning_rate=1e-3 / 3, peak_rss_mb=12.5)


def begun():
    """A position in the middle of the third epoch."""
    position = Position(LABELS)
    for epoch in (0, 1):
        close(trained(position, 5, seed=epoch))
    position.begin_or_check(np.array([2, 0, 1]))
    position.sit_down()
    return trained(position, 3, seed=2)


def stored(position):
    """What a checkpoint gives back."""
    return Position.from_json(LABELS, json.loads(json.dumps(position.to_json(), allow_nan=False)))


def test_a_position_survives_json_to_the_last_bit():
    position = begun()
    again = stored(position)
    assert (again.epoch, again.batch, again.step) == (2, 3, 13)
    assert again.to_json() == position.to_json()
    assert again.history == position.history
    assert again.sittings == position.sittings
    assert again.tally.note() == position.tally.note()


def test_what_follows_is_the_same_after_json():
    one, other = begun(), stored(begun())
    for position in (one, other):
        close(trained(position, 4, seed=9))
    assert one.to_json() == other.to_json()
    assert one.history[2].loss == other.history[2].loss != one.history[1].loss


def test_every_part_is_in_the_checkpoint():
    plain = begun().to_json()
    assert set(plain) == set(vars(begun())) - {"labels"}
    for name in plain:
        with pytest.raises(KeyError):
            Position.from_json(LABELS, {key: value for key, value in plain.items() if key != name})


def test_an_epoch_is_begun_in_any_order_and_gone_on_with_in_its_own(refused):
    position = Position(LABELS)
    position.begin_or_check(np.array([2, 0, 1]))
    position.begin_or_check(np.array([0, 1, 2]))  # nothing was trained on
    trained(position, 1)
    again = stored(position)
    again.begin_or_check(np.array([0, 1, 2]))
    with refused("the order of images in which the epoch was begun, got another .* --no-resume"):
        again.begin_or_check(np.array([2, 0, 1]))
    close(again)
    again.begin_or_check(np.array([2, 0, 1]))


def test_an_epoch_is_counted_and_the_next_begins_empty():
    position = Position(LABELS)
    position.add(2.0, np.array([0, 1]), np.array([1.0, 0.5], np.float32))
    position.add(5.0, np.array([1]), np.array([0.0], np.float32))
    position.spend(1.5, 0.5)
    position.spend(0.5, 0.25)
    close(position)
    (epoch,) = position.history
    assert (epoch.epoch, epoch.seconds, epoch.images_per_s, epoch.input_wait_share) == (1, 2.0, 1.5, 0.375)
    assert (epoch.learning_rate, epoch.peak_rss_mb) == (1e-3 / 3, 12.5)
    assert (epoch.loss, epoch.accuracy) == (3.0, 0.5)
    assert epoch.tpr == {"A": 1.0, LABELS[1]: 0.25, "C": None}
    assert (position.epoch, position.batch, position.step) == (1, 0, 2)
    assert (position.seconds, position.waited_s, position.tally.count) == (0.0, 0.0, 0)


def test_held_out_rates_are_of_the_classes_that_have_images():
    position = trained(Position(LABELS), 1)
    close(position)
    (epoch,) = position.history
    assert epoch.held_out_tpr == {"A": 0.75, LABELS[1]: 0.5, "C": None}
    assert (epoch.held_out_lowest_tpr, epoch.held_out_balanced_accuracy) == (0.5, 0.625)


def test_each_sitting_says_from_where_and_with_which_code(monkeypatch):
    said = {"rev-parse": "abc", "status": ""}
    monkeypatch.setattr("train.position.git", lambda command, *options: said[command])
    position = Position(LABELS)
    position.sit_down()
    trained(position, 3)
    said["status"] = " M train/loop.py"
    again = stored(position)
    again.sit_down()
    assert [(s["from_step"], s["commit"], s["dirty"]) for s in again.sittings] == [(0, "abc", False), (3, "abc", True)]
