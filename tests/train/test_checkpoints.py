import errno
import itertools
import json
import os
import shutil
from contextlib import contextmanager

import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.errors import LeukoliteError
from train import checkpoints
from train.checkpoints import KEPT, Checkpoints

# All through which Checkpoints changes files but for TensorFlow's own writing, and some reading.
CALLS = ("open", "mkdir", "rename", "replace", "fsync", "chmod", "unlink", "rmdir", "scandir", "listdir")
STATE = {"epoch": 1, "seconds": 0.1 + 0.2, "tally": [1e-300, 1 / 3], "labels": {"Zelle \udce4, \\udce4": None}}


class KilledError(BaseException):
    """Not even an OSError, so that nothing that tidies up after errors gets to run."""


def numbers(step):
    return np.arange(6, dtype=np.float32) + np.float32(step) / 3


@pytest.fixture
def make(tmp_path):
    """Opens the checkpoints of a directory as a process of its own would, with variables that are of no step."""

    def open_checkpoints(name="run", **others):
        weights = tf.Variable(numbers(-1))
        variables = tf.train.Checkpoint(**{"weights": weights, "count": tf.Variable(0, dtype=tf.int64), **others})
        return Checkpoints(tmp_path / name, variables=variables)

    return open_checkpoints


def save(found, step, **state):
    """Save what a step would leave: its number is in the weights, the count and the state."""
    found._variables.weights.assign(numbers(step))
    found._variables.count.assign(step)
    return found.save(step, {**STATE, "step": step, **state})


def check_restores(found, step):
    """The variables and the state are all of that step."""
    found._variables.weights.assign(numbers(-1))
    assert found.restore(step) == {**STATE, "step": step}
    assert (found._variables.weights.numpy() == numbers(step)).all()
    assert int(found._variables.count) == step


def whole(found, *, told=0):
    said = []
    steps = found.whole(tell=said.append)
    assert len(said) == told, said
    return steps


def test_what_is_saved_is_restored_bit_for_bit(make):
    assert save(make(), 7).name == "step-000000007"
    found = make()
    assert found.steps() == whole(found) == [7]
    check_restores(found, 7)


def test_nothing_is_whole_where_nothing_is(make):
    found = make()
    assert found.steps() == whole(found) == []
    assert not found.directory.exists()


def test_the_newest_are_kept(make):
    found = make()
    for step in (3, 6, 9, 1_000_000_000):
        save(found, step)
    assert KEPT == 2
    assert sorted(path.name for path in found.directory.iterdir()) == ["step-000000009", "step-1000000000"]
    assert whole(found) == [1_000_000_000, 9]


def test_other_names_are_none_of_ours(make):
    found = make()
    save(found, 3)
    for name in ("step-3", "step-000000004.part", ".old", ".part", "notes"):
        shutil.copytree(found.directory / "step-000000003", found.directory / name)
    assert found.steps() == [3]


# Damage.


def cut(path):
    path.write_bytes(path.read_bytes()[:-2])  # of JSON the last brace and the end of its line


def flip(path, place=None):
    content = bytearray(path.read_bytes())
    content[len(content) // 2 if place is None else place] ^= 1
    path.write_bytes(content)


def flip_digit(path):
    """As a flipped bit would: still valid JSON, but of another step."""
    text = path.read_text()
    assert text.count('"epoch": 1') == 1
    path.write_text(text.replace('"epoch": 1', '"epoch": 0'))
    json.loads(path.read_text())


DATA, INDEX, JSON = "variables.data-00000-of-00001", "variables.index", "state.json"


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        *itertools.product((DATA, INDEX, JSON), (cut, flip, os.remove)),
        (JSON, flip_digit),
        (JSON, lambda path: path.write_text("")),
        (JSON, lambda path: path.write_bytes(bytes(path.stat().st_size))),  # what a power cut leaves on some disks
        (JSON, lambda path: path.write_text("[]")),
        (JSON, lambda path: path.write_text('{"files": {}, "state": {}}')),
        (JSON, lambda path: shutil.copy(path.parent.with_name("step-000000001") / JSON, path)),
        (DATA, lambda path: shutil.copy(path.parent.with_name("step-000000001") / DATA, path)),
        ("", lambda path: shutil.rmtree(path) or path.write_text("a file")),
        ("", lambda path: shutil.rmtree(path) or path.mkdir()),
    ],
)
def test_a_damaged_checkpoint_is_told_and_the_older_one_is_used(make, name, spoil):
    found = make()
    save(found, 1)
    spoil(save(found, 2) / name)
    found, said = make(), []
    assert found.whole(tell=said.append) == [1]
    assert len(said) == 1
    assert said[0].startswith("checkpoint of step 2 is left alone: expected the files that were written in ")
    assert found.steps() == [2, 1]
    check_restores(found, 1)


def test_all_damaged_leaves_none(make):
    found = make()
    for step in (1, 2):
        flip(save(found, step) / DATA)
    assert whole(found, told=2) == []


def test_a_checkpoint_of_another_version_is_none(make, monkeypatch):
    monkeypatch.setattr(checkpoints, "SCHEMA_VERSION", 99)
    save(make(), 1)
    monkeypatch.undo()
    assert whole(make(), told=1) == []


def test_a_damaged_one_is_replaced_when_its_step_comes_again(make):
    found = make()
    save(found, 1)
    flip(save(found, 2) / DATA)
    save(found, 2)
    assert whole(found) == [2, 1]
    check_restores(found, 2)
    assert sorted(path.name for path in found.directory.iterdir()) == ["step-000000001", "step-000000002"]


def test_damaged_newer_ones_do_not_crowd_out_what_is_saved(make):
    found = make()
    for step in (8, 9):
        flip(save(found, step) / DATA)
    save(found, 1)
    assert whole(found, told=2) == [1]
    for step in (2, 3, 10, 11):
        save(found, step)
    assert whole(found) == [11, 10]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_variables_that_are_not_finite_are_refused_and_the_last_kept(make, refused, value):
    found = make(slot=tf.Variable([1.0, 2.0], name="slot"))
    save(found, 1)
    found._variables.slot.assign([1.0, value])
    with refused("finite weights, got NaN or infinity in slot after step 2; lower --learning-rate"):
        save(found, 2)
    assert [path.name for path in found.directory.iterdir()] == ["step-000000001"]
    found._variables.slot.assign([1.0, 3.0])
    save(found, 2)
    assert whole(found) == [2, 1]


@pytest.mark.parametrize(
    "values",
    [
        {"weights": np.zeros(6, np.float32), "count": 0, "more": 1.0},
        {"weights": np.zeros(7, np.float32), "count": 0},
        {"weights": np.zeros(6, np.float32)},
    ],
    ids=["one more", "another shape", "one less"],
)
def test_variables_of_another_network_are_refused(make, refused, values):
    save(make(), 1)
    others = {name: tf.Variable(value, dtype=tf.int64 if name == "count" else None) for name, value in values.items()}
    found = Checkpoints(make().directory, variables=tf.train.Checkpoint(**others))
    assert whole(found) == [1]
    with refused("the variables of this network and optimizer in .*, got others; .* --no-resume"):
        found.restore(1)


# A kill at each call, and a disk that is full at each call.


@contextmanager
def from_call(monkeypatch, number, error, *, for_good):
    """Have the `number`th call to the operating system raise an error, and all later ones as well if `for_good`.

    Yields the calls that did.
    """
    calls, failed = itertools.count(1), []

    def failing(call):
        def fail(*args, **options):
            now = next(calls)
            if now == number or (for_good and now > number):
                failed.append(call.__name__)
                raise error
            return call(*args, **options)

        return fail

    with monkeypatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, failing(getattr(os, name)))
        yield failed


def first(found):
    return []


def second(found):
    save(found, 4)
    return [4]


def third(found):
    save(found, 2)
    save(found, 4)
    return [4, 2]


def after_damage(found):
    save(found, 4)
    flip(save(found, 6) / DATA)
    return [4]


def spoilt_copies(make, monkeypatch, before, error, *, for_good):
    """For each call of a save of step 6: the checkpoints after it failed, those whole before, and what was raised."""
    old = before(make("before"))
    for number in itertools.count(1):
        found, raised = make(f"spoilt-{number}"), None
        if old:
            shutil.copytree(make("before").directory, found.directory)
        with from_call(monkeypatch, number, error, for_good=for_good) as failed:
            try:
                save(found, 6)
            except (KilledError, LeukoliteError, OSError) as caught:
                raised = caught
        if not failed:
            assert number > 12  # calls of a save, not none
            return
        yield make(found.directory.name), old, raised


@pytest.mark.parametrize("before", [first, second, third, after_damage])
def test_a_kill_at_any_call_leaves_the_last_checkpoint_or_the_new_one(make, monkeypatch, before):
    ends = set()
    for found, old, raised in spoilt_copies(make, monkeypatch, before, KilledError(), for_good=True):
        assert isinstance(raised, KilledError)
        said = []
        steps = found.whole(tell=said.append)
        assert steps[:1] in ([6], old[:1])
        assert len(steps) + len(said) == len(found.steps())
        assert len(said) <= (before is after_damage)  # none but the one that was damaged before
        ends.add(tuple(steps[:1]))
        for step in steps:
            check_restores(found, step)
        save(found, 8)  # what the kill left behind is in nobody's way
        assert whole(found, told=len(said) if 6 in found.steps() else 0)[0] == 8
        assert not (found.directory / ".part").exists()
    assert ends == {(6,), tuple(old[:1])}  # some before, some after it has its name


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_kill_while_tensorflow_writes_leaves_the_last_checkpoint(make, monkeypatch, share):
    found = make()
    save(found, 4)

    def write(variables, prefix):
        tf.train.Checkpoint.write(variables, prefix)
        for path in found.directory.glob(".part/*"):
            os.truncate(path, int(path.stat().st_size * share))
        raise KilledError

    monkeypatch.setattr(found._variables, "write", lambda prefix: write(found._variables, prefix))
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **options: None)
    with pytest.raises(KilledError):
        save(found, 6)
    monkeypatch.undo()
    assert len(list(found.directory.glob(".part/*"))) == 2
    again = make()
    assert whole(again) == [4]
    check_restores(again, 4)
    save(again, 6)
    assert whole(again) == [6, 4]


@pytest.mark.parametrize(("before", "for_good"), [(first, True), (third, True), (third, False)])
def test_a_full_disk_at_any_call_is_told_and_the_last_checkpoint_kept(make, monkeypatch, before, for_good):
    full = OSError(errno.ENOSPC, "No space left on device")
    told = 0
    for found, old, raised in spoilt_copies(make, monkeypatch, before, full, for_good=for_good):
        steps = whole(found)
        assert steps[:1] in ([6], old[:1])
        for step in steps:
            check_restores(found, step)
        assert raised is not None or steps[0] == 6
        if isinstance(raised, LeukoliteError):
            told += 1
            assert "No space left on device" in str(raised)
            assert "; free some space" in str(raised)
    assert told > 8


def test_a_directory_that_cannot_be_made_is_refused(make, refused, tmp_path):
    (tmp_path / "run").write_text("a file")
    with refused("room to write a checkpoint in .*; free some space and start again; the last checkpoint is kept"):
        save(make(), 1)
