"""The benchmark with made-up commands; that `leukolite bulk` itself does its work is in tests/edge_runtime."""

import json
import os
import sys
from pathlib import Path

import pytest

from benchmarks import bulk, rates
from benchmarks.__main__ import main
from benchmarks.bulk import Settings, measure
from edge_runtime.bulk.plan import shard_name
from edge_runtime.bulk.results import to_parquet
from edge_runtime.command import Terminated
from edge_runtime.prediction import Prediction, failed
from tests import cluster
from tests.benchmarks.test_rates import report

cluster.require("pyarrow")

FAKE = """
import json, os, shutil, sys, time
name, source, *rest = sys.argv[1:]
if name == "bulk":
    out, ready = rest[0], {ready!r}
    os.makedirs(out)
    for number, file in enumerate(sorted(os.listdir(ready))):
        if {doubled} and out.endswith("killed") and number == 9:
            file = sorted(os.listdir(ready))[8]
        shutil.copyfile(os.path.join(ready, file), os.path.join(out, "shard-%08d.parquet" % number))
        time.sleep({pause})
    print(json.dumps(dict(images=20, errors=1)))
sys.exit({status})
"""


@pytest.fixture
def images(tmp_path):
    for number in range(20):
        (tmp_path / "in" / f"{number:02d}.png").parent.mkdir(exist_ok=True)
        (tmp_path / "in" / f"{number:02d}.png").write_bytes(b"12345")
    return tmp_path / "in"


@pytest.fixture
def fake(tmp_path, images, monkeypatch):
    """Commands that take a moment and leave shards of two rows, and, in the killed run, one of them twice."""

    def install(*, status=1, doubled=False, pause=0.03):
        names = sorted(map(str, images.iterdir()))
        (tmp_path / "ready").mkdir()
        for shard in range(10):
            rows = [Prediction(path, "A", 1.0, {"A": 1.0}, False, None, None) for path in names[2 * shard :][:2]]
            if shard == 4:
                rows[0] = failed(rows[0].path, "bad")
            (tmp_path / "ready" / shard_name(shard)).write_bytes(to_parquet(rows, labels=["A"]))
        script = tmp_path / "fake.py"
        script.write_text(FAKE.format(ready=str(tmp_path / "ready"), status=status, doubled=doubled, pause=pause))
        monkeypatch.setattr(bulk, "_PYTHON", (sys.executable, str(script)))
        monkeypatch.setattr(bulk, "SAMPLE_EVERY_S", 0.02)
        monkeypatch.setattr(bulk, "named", lambda process, title: [])
        real = bulk._timed

        def timed(command, **options):  # `edge_runtime` is the module's name, which the script does without
            return real([part for part in command if part != "edge_runtime"], **options)

        monkeypatch.setattr(bulk, "_timed", timed)

    return install


def settings(images: Path, tmp_path: Path, **changes) -> Settings:
    return Settings(**{"data_dir": images, "scratch_dir": tmp_path, "repeats": 2, "shard_size": 2, **changes})


def test_every_command_is_measured_and_every_sample_kept(fake, images, tmp_path):
    fake()
    told = []
    found = measure(settings(images, tmp_path), tell=told.append)
    assert (found.images, found.errors, found.image_bytes) == (20, 1, 100)
    assert (len(found.single), len(found.bulk), len(found.single_start)) == (2, 2, 3)
    for run in found.bulk:
        assert len(run.shard_seconds) == 10
        assert list(run.shard_seconds) == sorted(run.shard_seconds)
        assert 0 < run.shard_seconds[0] < run.shard_seconds[-1] < run.seconds + 0.1  # clocks of two kinds
        assert [sample.images for sample in run.samples] == sorted(sample.images for sample in run.samples)
        assert min(sample.memory_kb for sample in run.samples) > 1000
    assert any("killed" in line for line in told)
    assert not list(tmp_path.glob("bulk-*"))
    assert not any(argument.startswith("/") for argument in found.provenance["argv"])


def test_rows_that_are_lost_and_doubled_are_counted(fake, images, tmp_path):
    fake(doubled=True)
    found = measure(settings(images, tmp_path, repeats=1)).kill
    assert (found.lost, found.doubled, found.changed) == (2, 2, 0)
    assert found.killed == 0  # there was no such process: it is said, and not taken for a success
    assert "no worker was killed" in "".join(rates.shortfalls(report(kill=found)))


def test_a_worker_is_killed_when_half_is_done(fake, images, tmp_path, monkeypatch):
    fake()
    killed = []
    monkeypatch.setattr(bulk, "named", lambda process, title: [process, 1])
    monkeypatch.setattr(os, "kill", lambda process, number: killed.append((process, number)))
    found = measure(settings(images, tmp_path, repeats=1)).kill
    assert len(killed) == found.killed == 1
    assert killed[0][1] == 9
    assert found.at_images >= 10
    assert (found.lost, found.doubled, found.changed) == (0, 0, 0)


def test_rows_that_say_something_else_are_counted(fake, images, tmp_path, monkeypatch):
    fake()
    rows, calls = bulk._rows, []

    def altered(out):
        calls.append(out.name)
        found = rows(out)
        return [(path, "other") for path, _ in found[:3]] + found[3:] if out.name == "killed" else found

    monkeypatch.setattr(bulk, "_rows", altered)
    assert measure(settings(images, tmp_path, repeats=1)).kill.changed == 3
    assert sorted(calls) == ["bulk-0", "killed"]


def test_a_command_that_fails_ends_the_benchmark(fake, images, tmp_path, refused):
    fake(status=2)
    with refused("status 2"):
        measure(settings(images, tmp_path))


def test_too_few_shards_to_measure_a_rate_are_refused_before_the_work(images, tmp_path, monkeypatch, refused):
    monkeypatch.setattr(bulk, "_timed", lambda *given, **options: pytest.fail("it measured first"))
    with refused("at least 3 shards to measure a rate, got 2 of 10 images; take more"):
        measure(settings(images, tmp_path, shard_size=10))


def test_smears_are_drawn_by_the_command_of_train(tmp_path):
    images = list(bulk.generate(tmp_path / "smears", images=19, tell=print).rglob("*.jpeg"))
    assert 19 <= len(images) <= 24


@pytest.mark.parametrize(("rate", "status"), [(200.0, 0), (120.0, 1)])
def test_the_command_fails_when_a_promise_is_not_kept(tmp_path, monkeypatch, capsys, rate, status):
    from tests.benchmarks.test_rates import bulk_run

    monkeypatch.setattr(bulk, "measure", lambda settings, tell: report(bulk=(bulk_run(rate=rate),) * 2))
    assert main(["bulk", "--out", str(tmp_path / "bulk.json"), "--images", "7"]) == status
    out, errors = capsys.readouterr()
    assert "| **ratio**" in out
    assert ("less than 1.6" in errors) == bool(status)
    assert json.loads((tmp_path / "bulk.json").read_text())["rates"]["bulk_steady"] == pytest.approx(rate)
    assert (tmp_path / "bulk.png").exists()


def test_what_is_measured_ends_with_the_command(tmp_path, monkeypatch):
    def interrupt(process, images):
        raise Terminated

    monkeypatch.setattr(bulk, "SAMPLE_EVERY_S", 0.02)
    code = f"import time; time.sleep(5); open({str(tmp_path / 'ended')!r}, 'w')"
    with pytest.raises(Terminated):
        bulk._timed([sys.executable, "-c", code], watch=interrupt)
    assert not (tmp_path / "ended").exists()
