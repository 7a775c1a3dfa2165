import json
import os
import re
import socket
import sys

import pytest

from train import cluster
from train.cluster import MOST_REJOINS, REJOINS_NAME, Cluster, check_port, find_cluster, read_cluster, rejoin, rejoins

TWO = {"worker": ["pi-a:2222", "10.0.0.2:2223"]}


def environ(jobs=TWO, **task):
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": "worker", "index": 0, **task}})}


@pytest.mark.parametrize(
    ("jobs", "task", "addresses", "worker", "port"),
    [
        (TWO, {}, ("pi-a:2222", "10.0.0.2:2223"), 0, 2222),
        (TWO, {"index": 1}, ("pi-a:2222", "10.0.0.2:2223"), 1, 2223),
        ({"worker": ["w:1"], "chief": ["c:2"]}, {}, ("c:2", "w:1"), 1, 1),
        ({"worker": ["w:1"], "chief": ["c:2"]}, {"type": "chief"}, ("c:2", "w:1"), 0, 2),
        ({"worker": ["[::1]:65535"]}, {}, ("[::1]:65535",), 0, 65535),
    ],
)
def test_workers_are_counted_as_tensorflow_does_the_chief_first(jobs, task, addresses, worker, port):
    found = read_cluster(environ(jobs, **task))
    assert (found, found.port) == (Cluster(addresses, worker=worker), port)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({}, "TF_CONFIG to name the workers, .+ got none; see docs/two-machines.md"),
        ({"TF_CONFIG": "{'cluster': 1}"}, "JSON in TF_CONFIG, got Expecting property name"),
        ({"TF_CONFIG": "[1]"}, "an object with cluster.worker"),
        ({"TF_CONFIG": "{}"}, "an object with cluster.worker"),
        (environ({"worker": "pi-a:2222"}), "cluster.worker, a list"),
        (environ({"worker": []}), "no address twice"),
        (environ({"worker": ["a:1", "a:1"]}), "no address twice"),
        (environ({"worker": ["a:1"], "chief": ["a:1"]}), "no address twice"),
        (environ({"worker": ["a:1"], "chief": ["b:1", "c:1"]}), "at most one chief"),
        (environ({"worker": ["a:1"], "ps": ["b:1"]}), r"`worker` \(and `chief`\) only in TF_CONFIG, got ps"),
        (environ({"worker": ["a"]}), "addresses as host:port in TF_CONFIG, got a;"),
        (environ({"worker": [":1"]}), "host:port .+, got :1;"),
        (environ({"worker": ["a:0"]}), "host:port .+, got a:0;"),
        (environ({"worker": ["a:65536"]}), "host:port .+, got a:65536;"),
        (environ({"worker": ["a:x"]}), "host:port .+, got a:x;"),
        (environ({"worker": [7]}), "host:port .+, got 7;"),
        (environ(index=2), "task.index from 0 to 1, .+, got 2;"),
        (environ(index=-1), "task.index from 0 to 1, .+, got -1;"),
        (environ(index="0"), "task.index from 0 to 1, .+, got 0;"),
        (environ(index=True), "task.index from 0 to 1, .+, got True;"),
        (environ(type="evaluator"), "task.type .+, got evaluator;"),
        (environ(type="chief"), "task.type .+, got chief;"),
        ({"TF_CONFIG": json.dumps({"cluster": TWO})}, "task.type .+, got None;"),
    ],
    ids=lambda value: value.get("TF_CONFIG", "none")[:70] if isinstance(value, dict) else "",
)
def test_a_config_that_tensorflow_would_fail_on_is_refused(refused, given, match):
    with refused(match):
        read_cluster(given)


def test_port_that_something_listens_on_is_refused(refused):
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
        found = Cluster((f"localhost:{port}",), worker=0)
        with refused(f"port {port}, where worker 0 is to listen, to be free"):
            check_port(found)
    check_port(found)


def test_it_is_told_that_the_others_are_awaited():
    with socket.create_server(("", 0)) as server:
        port = server.getsockname()[1]
    said = []
    found = find_cluster(environ({"worker": ["far:1", f"localhost:{port}"]}, index=1), tell=said.append)
    assert found.worker == 1
    assert said == [f"worker 1 of 2, at port {port}: waits for the others"]


# Beginning anew.


@pytest.fixture
def rejoined(monkeypatch):
    """Calls rejoin with nothing replaced; returns what was said, and the calls that would have replaced it."""
    monkeypatch.setattr(cluster, "PAUSE_S", 0)
    said, calls = [], []

    def call():
        with pytest.raises(SystemExit):
            rejoin("gone", tell=said.append, replace=lambda *args: calls.append(args))
        return said, calls

    return call


@pytest.mark.parametrize("before", [None, 4])
def test_the_same_command_is_begun_anew_and_counted(monkeypatch, rejoined, before):
    monkeypatch.delenv(REJOINS_NAME, raising=False)
    if before:
        monkeypatch.setenv(REJOINS_NAME, str(before))
    monkeypatch.setattr(sys, "orig_argv", ["python", "-m", "train", "float", "--seed", "3"])
    said, [(path, arguments, environment)] = rejoined()
    assert path == sys.executable
    assert arguments == [sys.executable, "-m", "train", "float", "--seed", "3"]
    assert environment == {**os.environ, REJOINS_NAME: str((before or 0) + 1)}
    assert len(said) == 1
    assert re.search(r"another worker went away \(gone\)", said[0])


def test_beginning_anew_has_an_end(monkeypatch, refused):
    monkeypatch.setenv(REJOINS_NAME, str(MOST_REJOINS))
    assert rejoins() == MOST_REJOINS
    calls = []
    with refused(rf"the other workers to stay, got one lost for the {MOST_REJOINS + 1}th time \(gone\)"):
        rejoin("gone", tell=print, replace=lambda *args: calls.append(args))
    assert calls == []


def test_no_listening_socket_is_taken_along(rejoined):
    with socket.create_server(("", 0)) as server:
        server.set_inheritable(True)
        rejoined()
        assert not server.get_inheritable()
    assert all(os.get_inheritable(number) for number in (0, 1, 2))
