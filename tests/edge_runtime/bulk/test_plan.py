import json
import os
from dataclasses import replace

import pytest

from edge_runtime.bulk import plan
from edge_runtime.bulk.plan import PLAN, begun_name, done, open_plan, printable, shard_name, tidy
from edge_runtime.bulk.store import Store
from edge_runtime.classifier import Classifier
from tests import cluster
from tests.tiny_model import bundle_bytes

cluster.require("pyarrow")


@pytest.fixture(scope="module")
def classifier(bundle):
    return Classifier(bundle)


@pytest.fixture
def source(tmp_path):
    """17 files that are taken for images."""
    for number in range(17):
        path = tmp_path / "in" / f"{number % 3}" / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return Store(str(tmp_path / "in"))


@pytest.fixture
def target(tmp_path):
    return Store(str(tmp_path / "out"))


@pytest.mark.parametrize(("shard_size", "part_size"), [(5, 100), (5, 10), (5, 3), (1, 4), (17, 100), (100, 100)])
def test_every_image_is_in_one_shard_in_order(source, target, classifier, monkeypatch, shard_size, part_size):
    monkeypatch.setattr(plan, "PART_SIZE", part_size)
    made, resumed = open_plan(source, target, classifier=classifier, shard_size=shard_size)
    shards = [made.names(target, shard) for shard in range(made.shards)]
    assert [name for names in shards for name in names] == list(source.images())
    assert [len(names) for names in shards] == [made.size(shard) for shard in range(made.shards)]
    assert {len(names) for names in shards[:-1]} <= {shard_size}
    assert (made.images, resumed) == (17, False)


def test_the_plan_is_kept_though_the_images_change(source, target, classifier, tmp_path):
    made, _ = open_plan(source, target, classifier=classifier, shard_size=5)
    (tmp_path / "in" / "new.png").touch()
    again, resumed = open_plan(source, target, classifier=classifier)
    assert (again, resumed) == (made, True)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"shard_size": 6}, "shard_size 6"),
        ({"model": bundle_bytes(variant="float32")}, "model"),
        ({"model": bundle_bytes(abstain_below=0.5)}, "model"),
        ({"threshold": 0.5}, "threshold 0.5"),
        ({"source": "in/0"}, "input"),
    ],
    ids=["shard size", "model", "card", "threshold", "input"],
)
def test_another_run_s_output_is_refused(source, target, bundle, tmp_path, refused, change, word):
    open_plan(source, target, classifier=Classifier(bundle), shard_size=5)
    before = sorted(tmp_path.rglob("*"))
    if "model" in change:
        bundle = tmp_path.parent / f"{tmp_path.name}.tflite"
        bundle.write_bytes(change["model"])
    asked = Classifier(bundle, threshold=change.get("threshold"))
    images = Store(str(tmp_path / change.get("source", "in")))
    with refused(f"an output of {word}"):
        open_plan(images, target, classifier=asked, shard_size=change.get("shard_size"))
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_of_something_else_is_refused_and_left_alone(source, target, classifier, tmp_path, refused):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").touch()
    with refused(r"an empty folder, .*got one that holds thesis.doc"):
        open_plan(source, target, classifier=classifier)
    assert os.listdir(tmp_path / "out") == ["thesis.doc"]


def test_a_folder_without_images_is_refused(target, classifier, tmp_path, refused):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "notes.txt").touch()
    with refused("no image in it"):
        open_plan(Store(str(tmp_path / "in")), target, classifier=classifier)
    assert not (tmp_path / "out" / PLAN).exists()


def test_a_plan_whose_making_was_interrupted_is_made_again(source, target, classifier, tmp_path):
    made, _ = open_plan(source, target, classifier=classifier, shard_size=3)
    (tmp_path / "out" / PLAN).unlink()
    again, resumed = open_plan(source, target, classifier=classifier, shard_size=5)
    assert (again, resumed) == (replace(made, shard_size=5, planned=again.planned), False)
    assert again.names(target, 3) == list(source.images())[15:]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"schema_version": 2}'])
def test_a_damaged_plan_is_refused(source, target, classifier, tmp_path, refused, content):
    open_plan(source, target, classifier=classifier)
    (tmp_path / "out" / PLAN).write_bytes(content)
    with refused():
        open_plan(source, target, classifier=classifier)


@pytest.mark.parametrize("field", ["labels", "images", "planned"])
def test_a_plan_without_a_field_is_refused(source, target, classifier, tmp_path, refused, field):
    open_plan(source, target, classifier=classifier)
    path = tmp_path / "out" / PLAN
    fields = json.loads(path.read_text())
    del fields[field]
    path.write_text(json.dumps(fields))
    with refused("the plan of a bulk run"):
        open_plan(source, target, classifier=classifier)


def test_names_need_not_be_utf8(target, classifier, tmp_path):
    name = os.fsdecode(b"caf\xe9.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).touch()
    made, _ = open_plan(Store(str(tmp_path / "in")), target, classifier=classifier)
    assert made.names(target, 0) == [name]
    assert printable(name) == r"caf\xe9.png"
    assert printable("café.png") == "café.png"


def test_done_shards_are_those_whose_file_is_there(target, tmp_path):
    for name in (shard_name(0), shard_name(123), f".{shard_name(5)}.x.part", begun_name(6), "shard-7.parquet"):
        target.write(name, b"")
    assert done(target) == {0, 123}


def test_tidy_leaves_the_results(target):
    kept = [shard_name(0), "_SUCCESS"]
    for name in (*kept, f".{shard_name(5)}.x.part", begun_name(6)):
        target.write(name, b"")
    tidy(target)
    assert target.names() == sorted(kept)
