"""`leukolite bulk`, with a Ray that is started once for the module, and once more by the command itself."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from edge_runtime.bulk import engine
from edge_runtime.bulk.plan import begun_name, shard_name
from edge_runtime.classifier import Classifier
from tests import cluster
from tests.conftest import COLORS
from tests.edge_runtime.conftest import one_line

cluster.require("ray")
cluster.require("pyarrow")

ROOT = Path(__file__).parents[3]
BAD = ["RED/bad.png", "BLUE/0/bad.jpg"]


@pytest.fixture(scope="module")
def ray():
    """A Ray with two processors and little memory."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    ray.init(address="local", num_cpus=2, object_store_memory=80_000_000, include_dashboard=False, log_to_driver=False)
    yield ray
    ray.shutdown()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """24 pictures in nested folders, and BAD."""
    folder = tmp_path_factory.mktemp("bulk") / "in"
    for color, value in COLORS.items():
        for number in range(6):
            path = folder / color / f"{number % 2}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (32, 24), value).save(path)
    for name in BAD:
        (folder / name).write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def finished(ray, images, bundle, tmp_path_factory):
    """The summary of a whole run and its output, in shards of 4."""
    out = tmp_path_factory.mktemp("bulk") / "out"
    work = engine.prepare(str(images), str(out), classifier=Classifier(bundle), shard_size=4)
    return engine.run(work, actors=2), out


@pytest.fixture
def out(finished, tmp_path):
    """A copy of that output, to go on with."""
    return shutil.copytree(finished[1], tmp_path / "out")


def rows(out: Path) -> list[dict]:
    from pyarrow import parquet

    return parquet.read_table(out).to_pylist()


def without_latency(row: dict) -> dict:
    return {**row, "latency_ms": None, "probabilities": row["probabilities"] or None}


def stamps(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in out.glob("shard-*")}


@pytest.fixture
def run(leukolite, images, bundle, tmp_path):
    """Runs the command into tmp_path/out: status, what it printed, the lines on stderr."""

    def call(*options: object, source: object = images, model: object = bundle) -> tuple[int, dict, list[str]]:
        status, out, errors = leukolite("bulk", source, tmp_path / "out", "-m", model, *options)
        return status, json.loads(out) if out else {}, errors

    return call


def test_rows_are_those_of_classify(finished, leukolite, images):
    summary, out = finished
    assert (summary.images, summary.errors) == (26, 2)
    assert (summary.shards_done, summary.shards_skipped, summary.workers_replaced) == (7, 0, 0)
    _, printed, _ = leukolite("classify", images, "--format", "jsonl")
    wanted = [without_latency(json.loads(line)) for line in printed.splitlines()]
    assert [without_latency(row) for row in rows(out)] == wanted
    assert {row["path"] for row in wanted if row["error"]} == {f"{images}/{name}" for name in BAD}
    assert sorted(os.listdir(out)) == ["_leukolite", *map(shard_name, range(7))]


def test_what_is_done_is_not_done_again(ray, run, out):
    before = stamps(out)
    (out / shard_name(2)).unlink()
    (out / begun_name(2)).write_text("...")  # of workers that died in an earlier run
    status, printed, errors = run()
    assert (status, printed["images"], printed["errors"]) == (1, 26, 2)
    assert (printed["shards_done"], printed["shards_skipped"]) == (1, 6)
    assert "going on" in errors[0]
    assert one_line(errors[1:], "2 of 26")
    after = stamps(out)
    assert {name for name in after if after[name] != before.get(name)} == {shard_name(2)}
    assert Counter(row["path"] for row in rows(out)).most_common(1)[0][1] == 1


def test_a_finished_run_needs_no_ray(run, out, monkeypatch):
    before = stamps(out)
    monkeypatch.setitem(sys.modules, "ray", None)
    status, printed, _ = run()
    assert (status, printed["shards_done"], printed["errors"]) == (1, 0, 2)
    assert stamps(out) == before


@pytest.mark.parametrize("options", [("--shard-size", 5), ("-m", None)], ids=["shard size", "model"])
def test_another_run_s_output_has_status_2(run, out, float_bundle, options):
    before = stamps(out)
    status, printed, errors = run(*(float_bundle if option is None else option for option in options))
    assert (status, printed) == (2, {})
    assert one_line(errors, "an output of ")
    assert stamps(out) == before


def deadly(path: Path, *, once: Path | None) -> Classifier:
    """A classifier that kills its process at one picture, the first time only if `once` names a file to remember."""

    class Deadly(Classifier):  # local, so that it travels by value
        def classify(self, source):
            if str(source).endswith("GREEN/0/2.png") and not (once and once.exists()):
                if once:
                    once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return super().classify(source)

    return Deadly(path)


def test_a_worker_that_is_killed_loses_and_doubles_nothing(ray, images, bundle, tmp_path):
    work = engine.prepare(
        str(images), str(tmp_path / "out"), classifier=deadly(bundle, once=tmp_path / "killed"), shard_size=4
    )
    advanced = []
    found = engine.run(work, actors=2, advance=advanced.append)
    assert (tmp_path / "killed").exists()
    assert (found.images, found.errors, found.workers_replaced) == (26, 2, 1)
    assert sum(advanced) == 26
    untouched = Classifier(bundle)
    wanted = [without_latency(untouched.classify(f"{images}/{name}").to_json()) for name in work.job.source.images()]
    assert [without_latency(row) for row in rows(tmp_path / "out")] == wanted
    assert not [name for name in os.listdir(tmp_path / "out") if name.startswith(".")]


def test_a_picture_that_kills_every_worker_stops_the_run(ray, images, bundle, tmp_path, refused):
    work = engine.prepare(str(images), str(tmp_path / "out"), classifier=deadly(bundle, once=None), shard_size=4)
    with refused("shard 3: .*3 that died"):
        engine.run(work, actors=2)
    assert not (tmp_path / "out" / shard_name(3)).exists()
    again = engine.prepare(str(images), str(tmp_path / "out"), classifier=Classifier(bundle))
    assert 3 in again.pending
    assert engine.run(again, actors=1).images == 26


def test_the_command_prints_one_line_of_data_and_no_chatter(images, bundle, tmp_path):
    command = [sys.executable, "-m", "edge_runtime", "bulk", str(images), f"file://{tmp_path}/out", "-m", str(bundle)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 1, done.stderr
    (line,) = done.stdout.splitlines()
    assert json.loads(line)["images"] == 26
    assert one_line(done.stderr.splitlines(), "2 of 26")
    assert len(rows(tmp_path / "out")) == 26


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("none", "a folder with images"),
        ("out", "a folder with images"),
        ("empty", "no image in it"),
        ("ftp://x", "ftp"),
    ],
)
def test_an_input_that_cannot_be_used_has_status_2(run, tmp_path, source, word):
    (tmp_path / "empty").mkdir()
    status, printed, errors = run(source=source if "://" in source else tmp_path / source)
    assert (status, printed) == (2, {})
    assert one_line(errors, word)


@pytest.mark.parametrize("package", ["ray", "pyarrow"])
def test_the_extra_is_named_where_it_is_missing(run, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    status, printed, errors = run()
    assert (status, printed) == (2, {})
    assert one_line(errors, "install the extra `cluster`")


def test_a_model_that_cannot_be_used_has_status_2_and_writes_nothing(run, tmp_path):
    status, printed, errors = run(model=tmp_path / "none.tflite")
    assert (status, printed) == (2, {})
    assert one_line(errors, "a TFLite model")
    assert not (tmp_path / "out").exists()
