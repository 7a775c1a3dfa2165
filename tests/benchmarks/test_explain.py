import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.__main__ import main
from benchmarks.explain import Measurement, Report, choose, in_turn, on_cells, shortfalls, to_markdown
from benchmarks.readme import is_current
from edge_runtime.explanation import EvidenceMap, Explanation
from edge_runtime.prediction import Prediction
from tests.fields import field

ROOT = Path(__file__).parents[2]
CELL = ROOT / "reports" / "cell" / "bundles" / "leukolite-int8.tflite"


def measurement(*, plain=(1.0, 1.0, 3.0), explaining=(1.04, 1.02, 3.03)):
    times = {"plain_ms": plain, "explaining_ms": explaining, "classify_ms": (2.0,), "explain_ms": (2.5,)}
    shares = {"on_cells": (0.75, 0.85), "area_of_cells": (0.1, 0.14)}
    return Measurement("m.tflite", "int8_qat", "field", "d" * 64, **times, draw_ms=(20.0,), **shares)


def report(*measurements):
    return Report(measurements, {"platform": {"cpu": "a CPU"}})


@pytest.mark.parametrize(
    ("explaining", "more"),
    [((1.049, 1.049, 3.2), None), ((1.06, 1.06, 1.0), "6.0%"), ((0.9, 1.0, 3.0), None), ((1.2, 1.2, 3.6), "20.0%")],
)
def test_explaining_that_costs_more_than_it_may_is_told(explaining, more):
    told = list(shortfalls(report(measurement(explaining=explaining))))
    assert told == ([] if more is None else [f"field int8_qat: explaining adds {more}, above 5%"])


def test_table_holds_the_figures():
    text = to_markdown(report(measurement(), measurement()))
    rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in text.splitlines() if "|" in line]
    assert rows[2] == rows[3] == ["field", "int8_qat", "+2.0%", "2.00", "2.50", "20.00", "80%", "12%"]
    assert "3 invokes either way" in text
    assert "a CPU" in text
    assert "2 images of TRAIN" in text


def test_both_are_called_in_turn_and_in_changing_order():
    calls = []
    first, second = (lambda each, name=name: calls.append((name, each)) for name in "ab")
    times = in_turn(first, second, [1, 2], runs=3)
    assert [len(each) for each in times] == [6, 6]
    measured = calls[-12:]
    assert [name for name, _ in measured] == list("ba" * 2 + "ab" * 2 + "ba" * 2)
    assert [each for _, each in measured] == [1, 1, 2, 2] * 3


def explanation(pixels, *maps):
    return Explanation(Prediction("p", "A", 1.0, {"A": 1.0}, False, None, None), pixels, maps, "d")


def shown(values):
    """A map with a position every 10 pixels."""
    evidence = np.float32(values)[..., np.newaxis]
    rows, columns = (10 * np.arange(side) + 5.0 for side in evidence.shape[:2])
    return EvidenceMap(evidence, np.zeros(1), 0, rows, columns, (10.0, 10.0), (10.0, 10.0))


def test_evidence_on_the_cell_is_told_from_that_elsewhere():
    values = np.zeros((12, 16))
    values[6, 8] = 3  # at (65, 85): the nucleus is around (60, 80)
    values[0, 0] = 1
    values[2, 2] = -5  # speaks against
    share, area = on_cells(explanation(field((60, 80, 15)), shown(values)))
    assert share == 0.75
    assert area == 16 / (12 * 16)  # middles from 45 to 75 and from 65 to 95: within 22.5 of the middle


@pytest.mark.parametrize(("pixels", "values"), [(field(), [[1.0]]), (field((60, 80, 15)), [[0.0]])])
def test_without_a_cell_or_without_evidence_there_is_no_share(pixels, values):
    assert on_cells(explanation(pixels, shown(values))) is None


@pytest.fixture
def train(tmp_path):
    """A data set with 3 generated fields of each of two classes in TRAIN."""
    for label in "AB":
        for number in range(3):
            path = tmp_path / "TRAIN" / label / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(field((120, 100 + 20 * number, 40), height=240, width=320)).save(path)
    return tmp_path


def test_images_are_evenly_of_each_class_and_there_must_be_enough(train, refused):
    assert [image.name for image in choose(train, per_class=2)] == [
        f"TRAIN/{label}/{number}.png" for number in (0, 1) for label in "AB"
    ]
    with refused("4 images of each class in TRAIN of .+, got 3;"):
        choose(train, per_class=4)


def test_the_command_leaves_samples_pictures_and_the_figure(train, tmp_path, capsys):
    page, out = tmp_path / "page.md", tmp_path / "out" / "explain.json"
    page.write_text("<!-- figures:explain begin -->\n<!-- figures:explain end -->\n")
    arguments = ["--models", CELL, "--data", train, "--out", out, "--runs", 1, "--per-class", 1, "--readme", page]
    status = main(["explain", *map(str, arguments)])
    found = json.loads(out.read_text())
    (measured,) = found["measurements"]
    assert (measured["view"], len(measured["plain_ms"]), len(measured["explaining_ms"])) == ("cell", 2, 2)
    assert len(measured["on_cells"]) == 2
    assert status in (0, 1)  # by so few samples either may be
    text = capsys.readouterr().out
    assert "| cell" in text
    assert text.strip() in page.read_text()
    with Image.open(out.with_suffix(".jpg")) as picture:
        assert (picture.format, picture.size) == ("JPEG", (2 * 204, 2 * 154))


def test_what_is_kept_is_within_bounds_and_in_the_docs():
    kept = json.loads((ROOT / "reports" / "explain.json").read_text())
    found = Report(tuple(Measurement(**each) for each in kept["measurements"]), kept["provenance"])
    assert list(shortfalls(found)) == []
    assert is_current(ROOT / "docs" / "explain.md", "explain", to_markdown(found))
