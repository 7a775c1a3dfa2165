"""A full disk, a vanished image, a loss that is no number: one clear line, and the last checkpoint is still good."""

import importlib
import re
import resource
import shutil
from functools import partial

import pytest
import tensorflow as tf

from tests.train.victim import SETTINGS, attempt, before, float_command
from train import stages
from train.checkpoints import Checkpoints
from train.loading import load_cells
from train.stream import epoch_order


@pytest.fixture(scope="module")
def reference(smear_root, tmp_path_factory):
    """A run that nothing ever happened to."""
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    ending = train(smear_root, run)
    assert ending.status == 0, ending.said
    return run


@pytest.fixture
def own_root(smear_root, tmp_path):
    """A copy of the pictures that a test may spoil."""
    return shutil.copytree(smear_root, tmp_path / "smears")


def train(root, run, *more, change=None):
    return attempt([*float_command(root, run), "--epochs", "2", *more], log=run.with_suffix(".log"), change=change)


def check_refused(ending, match):
    """The command ended with status 2 and one line of error, which is the last."""
    assert ending.status == 2, ending.said
    *lines, last = ending.said.splitlines()
    assert re.fullmatch("train: error: expected .+, got .+; .+", last), ending.said
    assert "{{" not in last
    assert re.search(match, last), last
    assert all(re.match("train: (?!error)", line) for line in lines), ending.said


def check_whole(run, *steps):
    """The run's checkpoints are those of these steps, newest first, and nothing lies half-written beside them."""
    found, said = Checkpoints(run / "checkpoints", variables=tf.train.Checkpoint()), []
    assert found.whole(tell=said.append) == found.steps() == list(steps)
    assert said == []
    assert [path for path in run.rglob("*") if ".part" in path.name or path.name == ".old"] == []


def check_ends_as(reference, root, run, *, step):
    """Started again, the run goes on from that step and ends as the reference did."""
    ending = train(root, run, "--resume")
    assert ending.status == 0, ending.said
    assert f"(checkpoint of step {step})" in ending.said
    for name in ("weights.h5", "held_out_logits.npz"):
        assert (run / name).read_bytes() == (reference / name).read_bytes(), name
    assert sorted(path.name for path in run.iterdir()) == sorted(path.name for path in reference.iterdir())


def content(folder):
    """Every file below a folder."""
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# Images.


def spoil(path, garbage):
    """Have an image gone, or garbage in its place, when training begins; it was checked before."""
    before(stages, "fit", lambda stage: path.unlink() if garbage is None else path.write_bytes(garbage))


@pytest.mark.parametrize("garbage", [None, b"\xff\xd8 no picture"], ids=["gone", "garbage"])
def test_an_image_that_goes_while_training(reference, own_root, tmp_path, garbage):
    cells, _ = load_cells(str(own_root), settings=SETTINGS, groups=None, tell=print)
    path = cells.images[epoch_order(32, seed=SETTINGS.seed, epoch=0)[-1]].path
    own = tmp_path / "copy.jpeg"
    shutil.copy(path, own)
    run = tmp_path / "run"

    check_refused(train(own_root, run, change=partial(spoil, own_root / path, garbage)), re.escape(str(path)))
    check_whole(run, 6, 3)

    kept = content(run)
    check_refused(train(own_root, run), "to hold no other run of these settings and images, got data .* --no-resume")
    check_refused(train(own_root, run, "--resume"), "to hold a run of these settings and images, got data .*")
    assert content(run) == kept

    if garbage is None:
        anew = shutil.copytree(run, tmp_path / "anew")
        ending = train(own_root, anew, "--no-resume")
        assert ending.status == 0, ending.said
        assert "train: 31 images" in ending.said
        assert "goes on" not in ending.said
        assert (anew / "weights.h5").read_bytes() != (reference / "weights.h5").read_bytes()

    shutil.copy(own, path)
    check_ends_as(reference, own_root, run, step=6)


# Numbers.


def change_parts(stage, change):
    """Have what the loss is computed from changed."""
    parts = stage.parts or [stage.forward]
    stage.parts = [lambda pixels, training, part=part: change(part(pixels, training)) for part in parts]


def lose(at_step):
    """Have the loss be no number from a step on."""

    def poison(stage):
        change_parts(stage, lambda logits: logits * tf.where(stage.step >= at_step, float("nan"), 1.0))

    before(stages, "fit", poison)


def lose_weights(at_step):
    """Have the gradients of one step be no numbers, its loss being one."""

    def poison(stage):
        @tf.custom_gradient
        def pass_on(logits):
            return logits, lambda gradient: gradient * tf.where(stage.step == at_step, float("nan"), 1.0)

        change_parts(stage, pass_on)

    before(stages, "fit", poison)


@pytest.mark.parametrize(
    ("poison", "match", "steps"),
    [
        (partial(lose, 13), "a finite loss, got nan in epoch 2; lower --learning-rate; the last checkpoint", (12, 9)),
        (
            partial(lose_weights, 11),
            "finite weights, got NaN or infinity in .* after step 12; lower --learning",
            (9, 8),
        ),
    ],
    ids=["loss", "weights"],
)
def test_numbers_that_are_none(reference, smear_root, tmp_path, poison, match, steps):
    run = tmp_path / "run"
    check_refused(train(smear_root, run, change=poison), match)
    check_whole(run, *steps)
    check_ends_as(reference, smear_root, run, step=steps[0])


# The disk.


def fill(module, name, room_bytes):
    """Have no file grow beyond so many bytes from the first call of a function on: the system's own refusal."""
    before(
        importlib.import_module(f"train.{module}"),
        name,
        lambda *args, **options: resource.setrlimit(resource.RLIMIT_FSIZE, (room_bytes, -1)),
    )


@pytest.mark.parametrize(
    ("module", "name", "room_bytes", "match", "steps"),
    [
        ("stages", "fit", 9000, "room to write a checkpoint in .*File too large; free some space", ()),
        ("loop", "held_out_logits", 9000, "room to write a checkpoint in .*File too large; free some space", (6, 3)),
        ("loop", "held_out_logits", 30_000, "to be able to write .*curves.png, got .*File too large; free", (8, 6)),
        ("stages", "finish", 4096, "to be able to write .*weights.h5, got .*File too large; free", (16, 15)),
        ("stages", "finish", 60_000, "room to write the network in .*File too large; free some space", (16, 15)),
    ],
    ids=["first checkpoint", "later checkpoint", "curves", "weights", "network"],
)
def test_a_full_disk(reference, smear_root, tmp_path, module, name, room_bytes, match, steps):
    run = tmp_path / "run"
    check_refused(train(smear_root, run, change=partial(fill, module, name, room_bytes)), match)
    assert not (run / "run.json").exists()
    check_whole(run, *steps)
    if steps:
        check_ends_as(reference, smear_root, run, step=steps[0])


@pytest.mark.parametrize("damaged", [1, 2])
def test_a_damaged_checkpoint_is_told_by_the_command(reference, smear_root, tmp_path, damaged):
    run = tmp_path / "run"
    check_refused(train(smear_root, run, change=partial(lose, 13)), "a finite loss")
    for step in (12, 9)[:damaged]:
        path = run / "checkpoints" / f"step-{step:09d}" / "variables.data-00000-of-00001"
        path.write_bytes(path.read_bytes()[:-1])
    ending = train(smear_root, run)
    assert ending.status == 0, ending.said
    assert "checkpoint of step 12 is left alone: expected the files that were written in " in ending.said
    assert ("(checkpoint of step 9)" in ending.said) == (damaged == 1)
    assert ("no checkpoint is whole: begins from the start" in ending.said) == (damaged == 2)
    assert (run / "weights.h5").read_bytes() == (reference / "weights.h5").read_bytes()


def test_another_network_s_checkpoint_is_refused_and_kept(smear_root, tmp_path):
    run = tmp_path / "run"
    check_refused(train(smear_root, run, change=partial(lose, 13)), "a finite loss")
    kept = content(run)
    check_refused(train(smear_root, run, change=widen), "the variables of this network .*, got others; .* --no-resume")
    assert content(run) == kept


def widen():
    """Other code that builds another network from the same settings."""
    from dataclasses import replace

    from train import network

    plain = network.build
    network.build = lambda settings, **options: plain(replace(settings, widths=(5, 6)), **options)
