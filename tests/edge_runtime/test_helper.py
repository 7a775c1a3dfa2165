"""Helpers die, fail and are left alone: one picture is lost at most, and nobody stays behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from edge_runtime.classifier import Classifier
from edge_runtime.errors import LeukoliteError
from edge_runtime.helper import Helper
from edge_runtime.parallel import classify_all
from edge_runtime.prediction import failed
from edge_runtime.sample import sample_jpeg
from tests.edge_runtime.test_parallel import children

PATHS = [str(number) for number in range(40)]


@pytest.fixture
def classifier(bundle):
    return Classifier(bundle)


def replaced(monkeypatch, *, here, in_helper):
    """What `classify` does in this process, and in helpers, with a path."""
    parent = os.getpid()
    monkeypatch.setattr(
        Classifier,
        "classify",
        lambda _, path: (here if os.getpid() == parent else in_helper)(path) or failed(path, "done"),
    )


def until(condition):
    """Wait for a minute at most."""
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


def test_of_a_helper_that_is_killed_one_picture_is_lost_and_the_others_are_done(classifier, monkeypatch, tmp_path):
    def die(path):
        (tmp_path / "dead").write_text(path)
        os.kill(os.getpid(), signal.SIGKILL)

    replaced(monkeypatch, here=lambda _: until((tmp_path / "dead").exists), in_helper=die)
    with classify_all(classifier, PATHS, workers=2) as predictions:
        found = list(predictions)
    assert [prediction.path for prediction in found] == PATHS
    lost = [prediction for prediction in found if prediction.error != "done"]
    assert [prediction.path for prediction in lost] == [(tmp_path / "dead").read_text()]
    assert "got one that was killed by SIGKILL; classify it again by itself" in lost[0].error


def test_what_a_helper_did_before_it_was_killed_is_done_again_here(classifier, monkeypatch):
    replaced(
        monkeypatch,
        here=lambda path: failed(path, "done again"),
        in_helper=lambda path: os.kill(os.getpid(), signal.SIGKILL) if path == "7" else None,
    )
    helper, done = Helper(classifier), []
    helper.classify(PATHS, done)
    helper.dismiss()
    assert [prediction.path for prediction in done] == PATHS[:8]
    assert [prediction.error for prediction in done[:7]] == ["done again"] * 7
    assert "killed by SIGKILL" in done[7].error


def test_of_a_helper_that_is_killed_while_it_waits_nothing_is_lost(classifier):
    helper, done = Helper(classifier), []
    os.kill(helper._pid, signal.SIGKILL)
    assert helper.wait() == -signal.SIGKILL
    helper.classify(PATHS, done)
    helper.dismiss()
    assert (done, helper.alive) == ([], False)


def test_what_a_helper_raises_is_raised_here(classifier, monkeypatch, tmp_path):
    def refuse(path):
        (tmp_path / "tried").touch()
        raise LeukoliteError(expected="a", found=path, remedy="b")

    def here(path):
        until((tmp_path / "tried").exists)
        refuse(path)

    replaced(monkeypatch, here=here, in_helper=refuse)
    with (
        pytest.raises(LeukoliteError, match="expected a, got 0; b"),
        classify_all(classifier, PATHS, workers=2) as predictions,
    ):
        list(predictions)


@pytest.fixture
def no_hang():
    """What waits for a child that never ends is interrupted, after a minute, and fails."""

    def give_up(number, frame):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("which", [1, 2, 3])
@pytest.mark.usefixtures("no_hang")
def test_an_interrupt_while_helpers_are_forked_leaves_nobody(classifier, monkeypatch, which):
    fork, forked = os.fork, []

    def interrupted():
        if pid := fork():
            forked.append(pid)
            if len(forked) == which:
                signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        return pid

    classifier.load()
    monkeypatch.setattr(os, "fork", interrupted)
    with pytest.raises(KeyboardInterrupt), classify_all(classifier, PATHS, workers=4) as predictions:
        list(predictions)
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("granted", [0, 1])
def test_where_no_more_processes_are_to_be_had_the_others_do_the_work(classifier, monkeypatch, granted):
    fork, forked = os.fork, []

    def limited():
        if len(forked) == granted:
            raise BlockingIOError
        forked.append(None)
        return fork()

    classifier.load()
    before = os.listdir("/proc/self/fd")
    monkeypatch.setattr(os, "fork", limited)
    with classify_all(classifier, PATHS, workers=3) as predictions:
        assert [prediction.path for prediction in predictions] == PATHS
    assert os.listdir("/proc/self/fd") == before


@pytest.mark.usefixtures("no_hang")
def test_an_elder_helper_ends_while_a_later_one_is_at_work(classifier):
    elder = Helper(classifier)
    later = Helper(classifier, elders=[elder])
    elder.dismiss()
    assert elder.wait() == 0
    later.dismiss()
    assert later.wait() == 0


def test_a_command_that_was_started_to_ignore_its_children_ends_well(classifier):
    """As `trap '' CHLD` of a shell, or a careless service, hands it on: the system then forgets how children end."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with classify_all(classifier, PATHS, workers=2) as predictions:
            assert [prediction.path for prediction in predictions] == PATHS
    finally:
        signal.signal(signal.SIGCHLD, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_helper_ends_with_its_parent_and_not_before(classifier, monkeypatch, number):
    monkeypatch.setattr(Classifier, "classify", lambda _, path: failed(path, "done"))
    helper, done = Helper(classifier), []
    helper.classify(["a"], done)  # it has put the signals aside by now
    os.kill(helper._pid, number)
    helper.classify(["b"], done)
    helper.dismiss()
    assert helper.wait() == 0
    assert [prediction.path for prediction in done] == ["a", "b"]


@pytest.mark.parametrize(
    ("number", "status", "told"),
    [
        (signal.SIGINT, 130, "leukolite: interrupted\n"),
        (signal.SIGTERM, 143, "leukolite: terminated\n"),
        (signal.SIGKILL, -9, ""),
    ],
)
def test_nobody_outlives_a_command_that_is_ended(tmp_path, number, status, told):
    """As a terminal does it: the signal goes to the whole group; but for SIGKILL, which only the parent gets."""
    (tmp_path / "one.jpg").write_bytes(sample_jpeg())
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from edge_runtime import parallel\nparallel.cores = lambda: 3\n"
            "from edge_runtime.__main__ import main\nraise SystemExit(main(['classify', '-', '--format', 'jsonl']))",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        start_new_session=True,
    )
    process.stdin.write(f"{tmp_path / 'one.jpg'}\n" * 100_000)
    process.stdin.close()
    process.stdout.readline()
    helpers = children(process.pid)
    assert len(helpers) == 2
    (os.kill if number == signal.SIGKILL else os.killpg)(process.pid, number)
    process.stdout.read()  # ends when all of them have
    assert process.wait() == status
    assert process.stderr.read().endswith(told)
    assert not any(
        Path(f"/proc/{helper}/cmdline").exists() and Path(f"/proc/{helper}/cmdline").read_bytes() for helper in helpers
    )
