"""Kill -9 at any moment: the run that goes on ends as the one that was never killed, bit for bit."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np
import pytest
import tensorflow as tf

from edge_runtime.report import load_report
from tests.train.victim import (
    BEGIN,
    CHECKPOINT,
    EPOCH,
    FINISH,
    IMAGE,
    LOOK,
    RESULT,
    Kill,
    attempt,
    float_command,
    qat_command,
)
from train.checkpoints import Checkpoints
from train.history import read_history
from train.loop import fit

SEED = 20
RUNS_AT_ONCE = 2
ANY = IMAGE + CHECKPOINT + EPOCH + RESULT + LOOK + FINISH
MEASURED = ("seconds", "images_per_s", "input_wait_share", "peak_rss_mb")


@pytest.fixture(scope="module")
def references(smear_root, tmp_path_factory):
    """Both stages, never killed: their directories, and what they told."""
    top = tmp_path_factory.mktemp("never-killed")
    floats = attempt(float_command(smear_root, top / "float"), log=top / "float.log")
    qat = attempt(qat_command(smear_root, top / "float", top / "qat"), log=top / "qat.log")
    assert (floats.status, qat.status) == (0, 0), floats.said + qat.said
    return {"float": (top / "float", floats.told), "qat": (top / "qat", qat.told)}


def arrays(run):
    """All numbers that a run hands over: weights, logits, and the exported network's answers to noise."""
    found = {}
    with h5py.File(run / "weights.h5") as stored:
        stored.visititems(lambda name, item: found.update({name: item[()]} if isinstance(item, h5py.Dataset) else {}))
    for path in sorted(run.glob("*.npz")):
        with np.load(path) as stored:
            found |= {f"{path.name}/{name}": stored[name] for name in stored}
    answer = tf.saved_model.load(str(run / "model")).signatures["serving_default"]
    shape = (9, *answer.structured_input_signature[1]["pixels"].shape[1:])
    noise = np.random.default_rng(0).random(shape, np.float32)
    return found | {"answers": answer(pixels=tf.constant(noise))["logits"].numpy()}


def history(run):
    """The lines of history.csv without what was measured: times and memory."""
    rows = [epoch.to_json() for epoch in read_history(run)]
    return [{name: value for name, value in row.items() if name not in MEASURED} for row in rows]


def check_same(run, reference):
    """The run ended as the reference did, and nothing else is left of its kills."""
    found, wanted = arrays(run), arrays(reference)
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert found[name].tobytes() == value.tobytes(), name
    assert (run / "weights.h5").read_bytes() == (reference / "weights.h5").read_bytes()  # what the next stage goes by
    assert history(run) == history(reference)
    reports = [load_report(path / "held_out.json") for path in (run, reference)]
    assert reports[0].predictions == reports[1].predictions
    assert sorted(path.name for path in run.iterdir()) == sorted(path.name for path in reference.iterdir())


@dataclass
class Chain:
    """One run, killed again and again, and started again with --resume until it is done.

    `parts` counts the kills that came while a checkpoint was written.
    """

    run: Path
    killed: list[Kill] = field(default_factory=list)
    parts: int = 0

    def go(self, command, kills):
        """Until the end, the last attempt without a kill."""
        for number, kill in enumerate([*kills, None]):
            expected = self._way_on()
            ending = attempt([*command, *(["--resume"] if number else [])], log=self.run.with_suffix(".log"), kill=kill)
            self._check_way_on(ending, expected)
            if ending.status is not None:
                assert ending.status == 0, ending.said
                assert not (self.run / "checkpoints").exists()
                return self
            self.killed.append(kill)
            self.parts += (self.run / "checkpoints" / ".part").exists()
        raise AssertionError("neither a kill nor an end")

    def _way_on(self):
        """What the next attempt has to say: it goes on from the newest checkpoint, since each with a name is whole.

        Of a finished run they are being removed, and a kill may leave anything of them.
        """
        if (self.run / "run.json").exists():
            return "is finished"
        found, said = Checkpoints(self.run / "checkpoints", variables=tf.train.Checkpoint()), []
        assert found.whole(tell=said.append) == found.steps(), said
        return f" (checkpoint of step {found.steps()[0]})" if found.steps() else ""

    def _check_way_on(self, ending, expected):
        """It was said, unless the kill came first."""
        begun = ending.told.partition(BEGIN)[2]
        if ending.status is not None or IMAGE in begun or FINISH in begun:
            assert expected in ending.said
            assert expected or "goes on" not in ending.said


def moments(told, *, anywhere, seed):
    """When to kill one run: anywhere in the first epochs, then in saves, a look, an epoch's end and the results."""
    draw = random.Random(seed)
    results = told.partition(FINISH)[2].count(RESULT)
    an_epoch = told.partition(BEGIN)[2].partition(LOOK)[0]

    def kill(what, first, last, *, most_s=0.02):
        return Kill(what, draw.randint(first, last), round(draw.random() * most_s, 4))

    yield from (kill(ANY, 1, 2 * len(an_epoch)) for _ in range(anywhere))
    yield from (kill(CHECKPOINT, 10, 60, most_s=0.005) for _ in range(anywhere))  # the first are read
    yield kill(LOOK, 1, 1)
    yield kill(EPOCH, 1, 9)
    yield kill(FINISH, 1, 1, most_s=0.3)
    yield kill(RESULT, 1, results, most_s=0.005)


def kill_runs(command, told, where, *, runs, anywhere, sharing=1):
    """Runs, each killed at moments of its own or at its share of them, two at a time; the chains, printed."""

    def one(number):
        kills = list(moments(told, anywhere=anywhere, seed=SEED + number))[number % sharing :: sharing]
        return Chain(where / str(number)).go(command(where / str(number), number), kills)

    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        chains = list(pool.map(one, range(runs)))
    for chain in chains:
        print(f"run {chain.run.name}: {chain.parts} in saves of", *chain.killed, sep="\n  ")
    return chains


def test_a_float_run_killed_at_any_moment_ends_as_if_never_killed(references, smear_root, tmp_path):
    reference, told = references["float"]
    every = (1, 3, 1)  # after each step a save takes longer than the step: most kills fall into saves
    chains = kill_runs(
        lambda out, number: float_command(smear_root, out, every=every[number]), told, tmp_path, runs=3, anywhere=3
    )
    for chain in chains:
        check_same(chain.run, reference)
    assert sum(len(chain.killed) for chain in chains) >= 20
    assert sum(chain.parts for chain in chains) >= 2


def test_an_int8_run_killed_at_any_moment_ends_as_if_never_killed(references, smear_root, tmp_path):
    (floats, _), (reference, told) = references["float"], references["qat"]
    chains = kill_runs(
        lambda out, number: qat_command(smear_root, floats, out), told, tmp_path, runs=2, anywhere=1, sharing=2
    )
    for chain in chains:
        check_same(chain.run, reference)
    assert sum(len(chain.killed) for chain in chains) >= 5


def test_the_command_line_itself_killed_and_resumed(smear_root, tmp_path):
    options = ["--preset", "quick", "--widths", "4,6", "--epochs", "2", "--batch-size", "4", "--seed", "5"]
    command = ["float", "--data", str(smear_root), *options, "--checkpoint-every", "1", "--out"]
    reference, run = tmp_path / "reference", tmp_path / "run"

    def start(*more):
        arguments = [sys.executable, "-m", "train", *command, str(run), *more]
        root = Path(__file__).parents[2]
        return subprocess.Popen(arguments, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    with ThreadPoolExecutor(1) as pool, start() as process:
        whole = pool.submit(attempt, [*command, str(reference)], log=tmp_path / "log")
        while not (run / "checkpoints" / "step-000000005").is_dir():
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.01)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    assert whole.result().status == 0, whole.result().said
    with start("--resume") as process:
        out, said = process.communicate()
    assert process.returncode == 0, said
    assert out.startswith(f"{run}: held-out balanced accuracy ")
    assert "goes on after epoch 0, batch " in said
    check_same(run, reference)


def test_no_checkpoint_takes_the_place_of_a_whole_one(make_stage, monkeypatch):
    # Between the two there would be none of that step, and a kill would cost what was trained since the one before.
    saved, save = [], Checkpoints.save
    monkeypatch.setattr(Checkpoints, "save", lambda self, step, state: saved.append(step) or save(self, step, state))
    fit(make_stage(epochs=2, checkpoint_every=2))
    assert saved == [2, 4, 6, 8]
