import pickle

import pytest

import edge_runtime
from edge_runtime.prediction import CellPrediction, Latency, Prediction, failed
from edge_runtime.view import Box


@pytest.mark.parametrize(("top_k", "names"), [(1, "B"), (2, "BC"), (9, "BCA"), (None, "BCA")])
def test_top_is_the_most_probable_first(top_k, names):
    prediction = Prediction("x", "B", 0.6, {"A": 0.1, "B": 0.6, "C": 0.3}, False, None, None)
    assert list(prediction.top(top_k)) == list(names)
    assert sorted(prediction.to_json(top_k=top_k)["probabilities"]) == sorted(names)


def test_pickled_it_is_the_same():
    cell = CellPrediction(Box(1, 2, 3, 4), "A", 0.9, {"A": 0.9, "B": 0.1}, False)
    prediction = Prediction("x", "A", 0.9, cell.probabilities, False, None, Latency(1.0, 2.0, 3.0), cells=(cell,))
    for each in (prediction, failed("x", "expected a picture, got a dog; feed it")):
        assert pickle.loads(pickle.dumps(each)) == each


def test_the_public_name_is_this_one():
    assert edge_runtime.Prediction is Prediction
