import io
from dataclasses import replace

import pytest

from edge_runtime.bulk.plan import Plan, shard_name
from edge_runtime.bulk.results import count, schema, to_parquet
from edge_runtime.bulk.store import Store
from edge_runtime.classifier import Classifier
from edge_runtime.prediction import CellPrediction, failed
from edge_runtime.view import Box
from tests import cluster
from tests.tiny_model import LABELS

cluster.require("pyarrow")

PLAN = Plan(1, "in", images=5, shard_size=3, model="m", labels=LABELS, threshold=0.0, planned="t")


@pytest.fixture
def predictions(bundle, picture):
    """A label, an abstention and an error."""
    sure, unsure = Classifier(bundle), Classifier(bundle, threshold=1.0)
    return [
        sure.classify(picture("a.png", color="GREEN")),
        unsure.classify(picture("b.png", color="DARK")),
        failed("c.png", "expected an image, got none; replace it"),
    ]


CELL = CellPrediction(Box(1, 2, 3, 4), "RED", 0.5, {"BLUE": 0.25, "DARK": 0.0, "GREEN": 0.25, "RED": 0.5}, False)


def rows(content: bytes) -> list[dict]:
    from pyarrow import parquet

    return parquet.read_table(io.BytesIO(content)).to_pylist()


def test_a_row_is_the_contracts_object_of_its_image(predictions):
    predictions = [*predictions, replace(predictions[0], cells=(CELL,))]
    found = rows(to_parquet(predictions, labels=LABELS))
    for row, prediction in zip(found, predictions, strict=True):
        wanted = prediction.to_json()
        assert list(row) == list(wanted)
        times, wanted_times = row.pop("latency_ms"), wanted.pop("latency_ms")
        # float32 keeps seven digits of a latency, and all of the model's own float32 numbers.
        assert times == (None if wanted_times is None else pytest.approx(wanted_times, rel=1e-6))
        assert row == {**wanted, "probabilities": wanted["probabilities"] or None}


def test_the_columns_have_their_types_though_all_is_missing():
    from pyarrow import parquet

    content = to_parquet([failed("c.png", "e")], labels=LABELS)
    assert parquet.read_schema(io.BytesIO(content)).equals(schema(LABELS))


def write(target: Store, shard: int, predictions) -> None:
    target.write(shard_name(shard), to_parquet(predictions, labels=LABELS))


def test_counts_images_and_errors(predictions, tmp_path):
    target = Store(str(tmp_path))
    write(target, 0, predictions)
    write(target, 1, [replace(predictions[2], path="d"), predictions[0]])
    assert count(PLAN, target) == (5, 2)


@pytest.mark.parametrize("name", ["error", "path", "probabilities.error"])
def test_a_class_may_have_the_name_of_a_column(predictions, tmp_path, name):
    labels = (name, "other")
    probable = {name: 0.75, "other": 0.25}
    target = Store(str(tmp_path))
    named = replace(predictions[0], label=name, probabilities=probable)
    target.write(shard_name(0), to_parquet([named, named, predictions[2]], labels=labels))
    target.write(shard_name(1), to_parquet([named, named], labels=labels))
    assert count(replace(PLAN, labels=labels), target) == (5, 1)
    assert rows(target.read(shard_name(0)))[0]["probabilities"] == probable


@pytest.mark.parametrize("damage", ["short", "long", "cut", "empty", "missing", "other"])
def test_a_file_that_does_not_hold_its_shard_is_named(predictions, tmp_path, refused, damage):
    target = Store(str(tmp_path))
    write(target, 0, predictions)
    write(target, 1, {"short": predictions[:1], "long": predictions}.get(damage, predictions[:2]))
    content = target.read(shard_name(1))
    if damage in ("cut", "empty"):
        target.write(shard_name(1), content[: len(content) // 2 if damage == "cut" else 0])
    elif damage == "missing":
        target.delete(shard_name(1))
    elif damage == "other":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.table({"path": ["a", "b"]}), tmp_path / shard_name(1))
    with refused(f"2 rows in {shard_name(1)}"):
        count(PLAN, target)
