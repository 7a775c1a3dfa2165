import os
from dataclasses import replace

import pytest

from edge_runtime.bulk import worker
from edge_runtime.bulk.plan import begun_name, open_plan, shard_name
from edge_runtime.bulk.store import Store
from edge_runtime.bulk.worker import ATTEMPTS, RETRY_AFTER_S, Job, Worker
from edge_runtime.classifier import Classifier
from tests import cluster
from tests.conftest import COLORS
from tests.tiny_model import CARD, bundle_bytes, save

cluster.require("pyarrow")


@pytest.fixture
def job(bundle, picture, tmp_path):
    """Eight pictures in two shards, the last of them empty."""
    for color in COLORS:
        for name in ("a.png", "b.jpg"):
            picture(f"in/{color}/{name}")
    (tmp_path / "in" / "RED" / "b.jpg").write_bytes(b"")
    source, target, classifier = Store(str(tmp_path / "in")), Store(str(tmp_path / "out")), Classifier(bundle)
    plan, _ = open_plan(source, target, classifier=classifier, shard_size=4)
    return Job(plan, source, target, classifier)


@pytest.fixture
def far(job, monkeypatch):
    """The same job with an input that is read as objects are: its content, not its path, goes to the classifier."""
    monkeypatch.setattr(job.source, "is_local", False)
    monkeypatch.setattr(worker, "READERS", 3)
    monkeypatch.setattr(worker, "RETRY_AFTER_S", tuple(0 for _ in RETRY_AFTER_S))
    return job


def rows(job: Job, shard: int) -> list[dict]:
    from pyarrow import parquet

    return parquet.read_table(job.target.path(shard_name(shard))).to_pylist()


def test_rows_are_what_classify_says_in_the_plans_order(job):
    for shard in (0, 1):
        assert Worker(job).attempt(shard) == ""
        found = rows(job, shard)
        assert [row["path"] for row in found] == [job.source.path(name) for name in job.plan.names(job.target, shard)]
        for row in found:
            said = job.classifier.classify(row["path"])
            assert (row["label"], row["confidence"], row["error"]) == (said.label, said.confidence, said.error)
    assert [row["label"] for row in rows(job, 0)] == ["BLUE", "BLUE", "DARK", "DARK"]
    assert rows(job, 1)[-1]["error"].startswith("expected a readable")


def test_a_worker_whose_machine_computes_otherwise_is_none(job, tmp_path, refused):
    path = save(tmp_path / "strange.tflite", bundle_bytes(golden={**CARD.golden, "output": [58, 91, 55, 52]}))
    with refused("golden picture"):
        Worker(replace(job, classifier=Classifier(path)))
    Worker(replace(job, classifier=Classifier(path, golden="off")))


def test_objects_are_classified_as_files_are(job, far):
    for shard in (0, 1):
        assert Worker(far).attempt(shard) == ""
    assert [row["label"] for shard in (0, 1) for row in rows(far, shard)] == [
        *("BLUE", "BLUE", "DARK", "DARK", "GREEN", "GREEN", "RED", None)
    ]


def test_a_shard_that_is_there_is_left_alone(job):
    job.target.write(shard_name(0), b"of an earlier run")
    assert Worker(job).attempt(0) == ""
    assert job.target.read(shard_name(0)) == b"of an earlier run"


def test_an_input_that_is_gone_is_no_shard_of_bad_images(job, tmp_path):
    (tmp_path / "in").rename(tmp_path / "elsewhere")
    assert "shard 0: expected" in Worker(job).attempt(0)
    assert not job.target.has(shard_name(0))


def test_an_image_that_is_gone_is_a_bad_one(job, far, tmp_path):
    (tmp_path / "in" / "GREEN" / "a.png").unlink()
    assert Worker(far).attempt(1) == ""
    first, *others = rows(far, 1)
    assert first["error"].startswith("expected a file that can be read, got")
    assert others[0]["label"] == "GREEN"


@pytest.mark.parametrize(("failures", "done"), [(len(RETRY_AFTER_S), True), (len(RETRY_AFTER_S) + 1, False)])
def test_a_store_that_fails_is_tried_again_and_then_fails_the_shard(far, monkeypatch, failures, done):
    read, asked = far.source.read, []

    def unsteady(name):
        if name == "DARK/a.png":
            asked.append(name)
            if len(asked) <= failures:
                raise OSError("AWS Error NETWORK_CONNECTION")
        return read(name)

    monkeypatch.setattr(far.source, "read", unsteady)
    failure = Worker(far).attempt(0)
    assert (failure == "") == done == far.target.has(shard_name(0))
    assert done or "NETWORK_CONNECTION" in failure
    assert not far.target.has(begun_name(0))


@pytest.mark.parametrize(("deaths", "done"), [(0, True), (ATTEMPTS - 1, True), (ATTEMPTS, False)])
def test_a_shard_that_kills_its_workers_is_given_up(job, deaths, done):
    if deaths:
        job.target.write(begun_name(0), b"." * deaths)
    failure = Worker(job).attempt(0)
    assert (failure == "") == done == job.target.has(shard_name(0))
    assert done or f"got {deaths} that died" in failure
    assert job.target.has(begun_name(0)) != done


def test_a_worker_that_dies_leaves_word(job, tmp_path):
    class Deadly(Classifier):
        def classify(self, _):
            os._exit(9)

    child = os.fork()
    if not child:
        Worker(Job(job.plan, job.source, job.target, Deadly(job.classifier.path))).attempt(0)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert job.target.read(begun_name(0)) == b"."
    assert not job.target.has(shard_name(0))


def test_an_output_that_cannot_be_written_is_one_reason(job, tmp_path, monkeypatch):
    worker_ = Worker(job)
    begun = tmp_path / "out" / begun_name(0)
    begun.mkdir()
    failure = worker_.attempt(0)
    assert failure.startswith("shard 0: ")
    assert "\n" not in failure
