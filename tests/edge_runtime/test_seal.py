import json

import pytest

from edge_runtime.report import Outcome
from edge_runtime.seal import digest, is_whole, sealed

CONTENT = {"b": [1, 2.5, None], "a": {"ü": "\udcff", "t": True}}


def test_digest_does_not_depend_on_order_or_spacing():
    again = json.loads(json.dumps({"a": CONTENT["a"], "b": CONTENT["b"]}, indent=3))
    assert digest(again) == digest(CONTENT)


def test_a_sealed_object_is_whole_also_after_it_was_written_and_read():
    whole = sealed(CONTENT)
    assert list(whole)[-1] == "digest"
    assert is_whole(whole)
    assert is_whole(json.loads(json.dumps(whole)))
    assert sealed(whole) == whole


@pytest.mark.parametrize(
    "change",
    [{"b": [1, 2.5]}, {"b": [1, 2.50001, None]}, {"b": [2.5, 1, None]}, {"a": {}}, {"c": 1}, {"digest": "0" * 64}],
)
def test_any_change_breaks_the_seal(change):
    assert not is_whole({**sealed(CONTENT), **change})


def test_what_was_never_sealed_is_not_whole():
    assert not is_whole(CONTENT)
    assert not is_whole({**CONTENT, "digest": None})


def test_nan_cannot_be_sealed():
    with pytest.raises(ValueError, match="JSON"):
        digest({"a": float("nan")})
    assert not is_whole({"a": float("nan"), "digest": "0" * 64})


def test_what_is_too_deep_to_be_written_was_never_sealed():
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    assert not is_whole({"a": deep, "digest": "0" * 64})


def test_dataclasses_count_as_their_fields():
    row = Outcome("p", "A", "A", 0.5)
    fields = {"path": "p", "true": "A", "predicted": "A", "confidence": 0.5, "group": None}
    assert digest({"rows": [row]}) == digest({"rows": [fields]})
