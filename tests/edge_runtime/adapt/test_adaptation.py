"""Which of both ways is taken: the one that tells cells better that were left out, and not by their own labels."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from edge_runtime.adapt import adaptation, refit, tuning
from edge_runtime.adapt.adaptation import chosen
from edge_runtime.card import load_card, read_model
from edge_runtime.classifier import Classifier
from edge_runtime.graph import read_graph
from edge_runtime.head import Convolution, Head, find_head, last_convolutions


def in_turns(count: int = 20) -> refit.Cells:
    """Cells of two classes in turns, each a group of its own."""
    classes = np.arange(count) % 2
    return refit.Cells(np.zeros((count, 1)), np.zeros((count, 2)), classes, np.ones(count), np.arange(count))


def telling(rights: np.ndarray) -> np.ndarray:
    """Logits that are right about the cells for which that holds."""
    return np.where((np.arange(2) == in_turns().classes[:, np.newaxis]) == np.asarray(rights)[:, np.newaxis], 1.0, -1.0)


def test_the_better_way_is_taken_for_all_and_the_first_of_equals():
    good, bad = telling(np.full(20, True)), telling(np.arange(20) < 8)
    for ways, best in (([bad, good], 1), ([good, bad], 0), ([good, good + 1], 0)):
        found, number = chosen(in_turns(), ways)
        assert number == best
        assert (found == good).all()


def test_a_part_has_no_say_in_its_own_choice():
    """One way is right about a part alone, the other about some others: its labels speak for the first."""
    dealt = refit.deal(in_turns())
    lucky, usual = telling(dealt[0]), telling(np.isin(np.arange(20), [part.argmax() for part in dealt[1:]]))
    assert lucky[dealt[0]].argmax(axis=1).tolist() == in_turns().classes[dealt[0]].tolist()
    found, _ = chosen(in_turns(), [lucky, usual])
    assert (found[dealt[0]] == usual[dealt[0]]).all()


def test_a_part_is_answered_by_layers_that_saw_none_of_its_cells(monkeypatch):
    """What they are tuned to is looked at: all cells of the other parts, and no picture of a group of this one."""
    random, count = np.random.default_rng(0), 40
    classes, groups = np.arange(count) % 2, np.arange(count) // 4  # groups of both classes, dealt as one
    own = refit.Cells(np.zeros((count, 1)), np.zeros((count, 2)), classes, refit.balanced(classes, groups), groups)
    reads = random.normal(size=(count, 2, 2, 1)).astype(np.float32)
    convolution = Convolution(None, None, np.ones((1, 1, 1, 1), np.float32), np.zeros(1, np.float32), 9.0)
    head = Head((), (np.ones((2, 1), np.float32),), np.zeros(2, np.float32), None)
    seen, tune = [], tuning.tune

    def noted(given, *arguments, **settings):
        seen.append([int(np.flatnonzero((reads == each).all(axis=(1, 2, 3)))[0]) for each in given[0]])
        return tune(given, *arguments, **settings)

    monkeypatch.setattr(tuning, "tune", noted)
    found = adaptation._tuned(own, SimpleNamespace(reads=(reads,)), (convolution,), head, lambda: None)
    assert np.isfinite(found).all()
    parts = refit.deal(own)
    assert len(seen) == len(parts)
    for part, rows in zip(parts, seen, strict=True):
        assert rows == np.flatnonzero(~part).tolist()
        assert not set(groups[rows]) & set(groups[part])


@pytest.mark.parametrize("base", ["float32", "int8_ptq"], indirect=True)
def test_where_convolutions_tell_more_they_are_tuned_and_written(adapt, cells, base, tmp_path, monkeypatch):
    """A head that is refitted for nothing, and steps that go far: it takes green for red, and then does not."""
    monkeypatch.setattr(refit, "left_out", lambda found: np.zeros_like(found.logits))
    monkeypatch.setattr(tuning, "RATE", 0.2)
    data = cells(6)
    status, out, err = adapt(data, "--report", tmp_path / "report.json")
    assert (status, [line for line in err if "error" in line]) == (0, []), out
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["tuned"], report["prior"]) == ("last convolutions and head", None)
    assert load_card(tmp_path / "adapted.tflite").training["adapted"]["tuned"] == report["tuned"]
    adapted = Classifier(tmp_path / "adapted.tflite").load()
    assert {adapted.classify(path).label == path.parent.name for path in data.rglob("*.png")} == {True}
    kernels = []
    for path in (base, tmp_path / "adapted.tflite"):
        graph = read_graph(read_model(path))
        kernels.append(last_convolutions(graph, find_head(graph, name="it"), name="it")[0].kernel)
    assert np.abs(kernels[1] - kernels[0]).max() > 0.1


def test_where_the_head_alone_tells_more_convolutions_stay(adapt, cells, base, tmp_path):
    """Small steps of six channels bring nothing here."""
    assert adapt(cells(6), "--report", tmp_path / "report.json")[0] == 0
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["tuned"] == "head"
    assert report["prior"].keys() == {"trust", "variance"}
    graphs = [read_graph(read_model(path)) for path in (base, tmp_path / "adapted.tflite")]
    kernels = [last_convolutions(each, find_head(each, name="it"), name="it")[0].kernel for each in graphs]
    assert (kernels[0] == kernels[1]).all()
