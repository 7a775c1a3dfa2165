import itertools
import json
import os
from types import SimpleNamespace

import pytest

from tests.train import tiny
from train import throughput
from train.__main__ import main
from train.stream import DECODING_THREADS, Stream
from train.throughput import forget, measure, measure_data

SHAPE = {"height_px": 24, "width_px": 32}


@pytest.fixture
def paths(smear_root):
    return [str(path) for path in sorted(smear_root.rglob("*.jpeg"))[:5]]


@pytest.fixture
def ticking(monkeypatch):
    """A clock by which every batch takes a second, and half a second of the processor."""
    wall, cpu = itertools.count(), itertools.count(0, 0.5)
    clock = SimpleNamespace(perf_counter=lambda: float(next(wall)), process_time=lambda: float(next(cpu)))
    monkeypatch.setattr(throughput, "time", clock)


@pytest.fixture
def orders(monkeypatch):
    """The order of each epoch that was streamed."""
    orders = []

    def spy(paths, order, **shape):
        orders.append(order.tolist())
        return Stream(paths, order, **shape)

    monkeypatch.setattr(throughput, "Stream", spy)
    return orders


def test_streams_epoch_after_epoch_until_the_time_is_over(paths, ticking, orders):
    found = measure(paths, batch_size=2, seconds=7, **SHAPE)
    assert found.batches_s == (1.0,) * 7
    assert found.images == 2 + 2 + 1 + 2 + 2 + 1 + 2
    assert (found.seconds, found.images_per_s, found.cpu_s) == (7, 12 / 7, 3.5)
    assert [sorted(order) for order in orders] == [[0, 1, 2, 3, 4]] * 3
    assert len({tuple(order) for order in orders}) > 1


def test_the_last_batch_is_the_one_that_is_due_at_the_end(paths):
    found = measure(paths, batch_size=2, seconds=0.02, **SHAPE)
    assert sum(found.batches_s[:-1]) < 0.02 <= found.seconds
    assert found.cpu_s > 0


def test_json_says_what_was_measured(paths, ticking):
    found = json.loads(json.dumps(measure(paths, batch_size=3, seconds=2, **SHAPE).to_json()))
    assert found == {
        "images": 5,
        "batches_s": [1.0, 1.0],
        "cpu_s": 1.0,
        "seconds": 2.0,
        "images_per_s": 2.5,
        "batch_size": 3,
        "image_height_px": 24,
        "image_width_px": 32,
        "threads": DECODING_THREADS,
        "cores": len(os.sched_getaffinity(0)),
        "cold": False,
    }


@pytest.mark.parametrize("cold", [True, False])
def test_the_page_cache_is_emptied_before_each_epoch_if_asked(paths, ticking, orders, monkeypatch, cold):
    emptied = []
    monkeypatch.setattr(throughput, "forget", lambda paths: emptied.append((len(paths), len(orders))))
    found = measure(paths, batch_size=5, seconds=3, cold=cold, **SHAPE)
    assert found.cold == cold
    assert emptied == ([(5, 0), (5, 1), (5, 2)] if cold else [])


def test_forget_asks_the_kernel_for_every_file_and_changes_none(paths, monkeypatch):
    asked, advise = [], os.posix_fadvise

    def spy(handle, *rest):
        asked.append((os.readlink(f"/proc/self/fd/{handle}"), rest))
        return advise(handle, *rest)

    before = [open(path, "rb").read() for path in paths]  # noqa: PTH123, SIM115
    monkeypatch.setattr(os, "posix_fadvise", spy)
    forget(paths)
    assert asked == [(os.path.realpath(path), (0, 0, os.POSIX_FADV_DONTNEED)) for path in paths]
    assert [open(path, "rb").read() for path in paths] == before  # noqa: PTH123, SIM115


def test_measures_a_data_root_as_the_recipe_reads_it(smear_root, ticking):
    found = measure_data(smear_root, settings=tiny.SETTINGS, seconds=4)
    assert (found.image_height_px, found.image_width_px, found.batch_size) == (24, 32, 8)
    assert found.images == 32  # all of TRAIN, and nothing of TEST


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), 3601])
def test_a_senseless_time_is_refused(paths, refused, seconds):
    with refused("above 0 and at most 3600 seconds"):
        measure(paths, batch_size=2, seconds=seconds, **SHAPE)


def test_an_image_that_cannot_be_read_is_named(paths, tmp_path, refused):
    (tmp_path / "broken.jpeg").write_bytes(b"\xff\xd8\xff")
    with refused(r"broken\.jpeg to be a readable"):
        measure([*paths, str(tmp_path / "broken.jpeg")], batch_size=2, seconds=3600, **SHAPE)


def test_the_command_prints_one_json_object(smear_root, monkeypatch, capsys):
    monkeypatch.setattr("train.machine.use_cores", lambda *args: None)  # for the start of a process only
    assert main(["throughput", "--data", str(smear_root), "--seconds", "0.001", "--cold"]) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (said.out.count("\n"), said.err) == (1, "")
    assert (found["cold"], found["image_height_px"], found["image_width_px"]) == (True, 120, 160)
    assert found["images"] >= 32


@pytest.mark.parametrize("arguments", [["--seconds", "0"], ["--data", "/no/such"]])
def test_the_command_refuses_in_one_line(smear_root, monkeypatch, capsys, arguments):
    monkeypatch.setattr("train.machine.use_cores", lambda *args: None)
    assert main(["throughput", "--data", str(smear_root), *arguments]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert said.err.startswith("train: error: expected ")
