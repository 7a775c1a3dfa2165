"""The child that an unknown model is loaded in first, and the many ways in which it can end."""

import os
import pickle
import subprocess
import sys

import pytest

from edge_runtime import probe as probing
from edge_runtime.card import attach
from edge_runtime.classifier import Classifier
from edge_runtime.files import sha256
from edge_runtime.probe import probe, try_model
from tests.tiny_model import CARD, bundle_bytes, model_bytes, save

CONTENT = model_bytes()
DIGEST = sha256(CONTENT)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No memory of models that earlier tests have probed."""
    monkeypatch.setattr("edge_runtime.probe._survived", set())


@pytest.fixture
def children(monkeypatch):
    """Counts the children that are started."""
    started, run = [], subprocess.run

    def counted(command, **options):
        started.append(command)
        return run(command, **options)

    monkeypatch.setattr("edge_runtime.probe.subprocess.run", counted)
    return started


def ask(**changes):
    probe(**{"content": CONTENT, "digest": DIGEST, "name": "a.tflite", **changes})


def test_a_good_model_is_probed_once(children):
    ask()
    ask()
    assert len(children) == 1


def test_a_bad_one_is_probed_each_time(children, refused):
    for _ in range(2):
        with refused("a model that LiteRT can run, got ValueError: .* in a.tflite; "):
            ask(content=CONTENT[:100], digest=sha256(CONTENT[:100]))
    assert len(children) == 2


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "one that was killed by SIGSEGV"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGBUS)", "one that was killed by SIGBUS"),
        ("import os; os.abort()", "one that was killed by SIGABRT"),
        ("raise MemoryError", "one that ended with status 1"),
        ("print('rubbish')", "one whose answer makes no sense"),
        ("print('[' * 100_000)", "one whose answer makes no sense"),
        ("print('null')", "one whose answer makes no sense"),
        ("print('{}')", "one whose answer makes no sense"),
        ('print(\'{"survived": "another"}\')', "one whose answer makes no sense"),
        ("pass", "one whose answer makes no sense"),
        ("import os; os.close(0)", "one whose answer makes no sense"),  # and never reads what it is sent
        ("import os; os.write(1, bytes(range(256)) * 1000)", "one whose answer makes no sense"),
    ],
)
def test_the_caller_lives_whatever_becomes_of_the_child(code, found, monkeypatch, refused):
    monkeypatch.setattr("edge_runtime.probe.CHILD", ("-c", code))
    with refused(f"a child process that loads a.tflite and lives, got {found}; .* SHA256SUMS"):
        ask(content=bytes(1_000_000))


@pytest.mark.timeout(60)
def test_a_child_that_hangs_is_ended(monkeypatch, refused):
    monkeypatch.setattr("edge_runtime.probe.CHILD", ("-c", "import time; time.sleep(600)"))
    monkeypatch.setattr("edge_runtime.probe.TIMEOUT_S", 0.5)
    with refused("got one that hung for 0.5 s"):
        ask()


@pytest.mark.parametrize("change", [{"executable": ""}, {"executable": None}, {"frozen": True}])
def test_where_no_child_can_be_started_only_what_is_vouched_for_is_loaded(change, monkeypatch, tmp_path, refused):
    for name, value in change.items():
        monkeypatch.setattr(sys, name, value, raising=False)
    path = tmp_path / "model.tflite"
    path.write_bytes(bundle_bytes())
    with refused(f"a child process that loads {path} and lives, got none"):
        Classifier(path)
    Classifier(save(path, bundle_bytes())).load()
    Classifier().load()


def test_a_system_that_refuses_processes_is_one_line(monkeypatch, refused):
    def denied(*arguments, **options):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("edge_runtime.probe.subprocess.run", denied)
    with refused("got PermissionError: .*Operation not permitted"):
        ask()


def test_the_child_imports_what_the_caller_imports_and_nothing_from_the_current_folder(tmp_path, monkeypatch):
    (tmp_path / "numpy.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])  # '' is the current folder itself
    ask()


def test_the_child_leaves_no_core_behind(tmp_path):
    code = "import resource, edge_runtime.probe as p; p.main(); print(resource.getrlimit(resource.RLIMIT_CORE))"
    done = subprocess.run([sys.executable, "-c", code], input=CONTENT, capture_output=True, check=True)
    assert done.stdout.decode() == f'{{"survived": "{DIGEST}"}}(0, 0)\n'


def test_what_the_child_says_of_a_model(refused):
    assert try_model(CONTENT) == {"survived": DIGEST}
    assert try_model(model_bytes(headless=True)).keys() == {"expected", "found", "remedy"}


def test_who_is_vouched_for_needs_no_child(bundle, children):
    Classifier(bundle).load()
    Classifier().load()
    assert children == []


def test_neither_copies_nor_workers_probe_again(tmp_path, picture, children):
    path = tmp_path / "model.tflite"
    path.write_bytes(bundle_bytes())
    classifier, cell = Classifier(path), picture("a.png")
    assert len(children) == 1
    again = pickle.loads(pickle.dumps(classifier))
    assert again.classify(cell).label == "RED"
    fork = os.fork()
    if not fork:  # never back into pytest
        try:
            right = classifier.classify(cell).label == "RED" and len(children) == 1
        finally:
            os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(fork, 0)[1]) == 0
    assert len(children) == 1


def test_the_shipped_model_s_way_loads_no_machinery_for_children(picture):
    code = "import sys; from edge_runtime import Classifier; Classifier().load(); print('subprocess' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_a_card_alone_does_not_vouch(tmp_path, children):
    path = tmp_path / "model.tflite"
    path.write_bytes(attach(CONTENT, CARD))
    Classifier(path)
    assert [command[1:] for command in children] == [list(probing.CHILD)]
