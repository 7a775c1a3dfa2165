import csv
import io
import json
from dataclasses import replace

import pytest

from edge_runtime.formats import FORMATTERS
from edge_runtime.prediction import CellPrediction, Latency, Prediction, failed
from edge_runtime.terminal import PLAIN
from edge_runtime.view import Box

LABELS = ("A", "B", "C")
NAMES = ["plain.jpg", "two\nlines.jpg", "a,b.jpg", 'say "cheese".jpg', "cr\rlf.jpg", "not-utf8-\udcff.jpg", "=1+1.jpg"]


def named(path: str, *, label: str | None = "B") -> Prediction:
    """A prediction of B, or an abstention."""
    return Prediction(path, label, 0.5, {"A": 0.2, "B": 0.5, "C": 0.3}, label is None, None, Latency(1.0, 2.0, 3.0))


MIXED = [named("a.jpg"), named("b.jpg", label=None), failed("c.jpg", "expected x, got y; do z")]


def text(name: str, predictions: list[Prediction], *, top_k: int | None = None) -> str:
    """All of a formatter's output."""
    return "".join(FORMATTERS[name](predictions, LABELS, top_k, PLAIN))


def rows(output: str) -> list[dict[str, str]]:
    """What the csv module reads."""
    return list(csv.DictReader(io.StringIO(output, newline="")))


def test_jsonl_is_an_object_a_line():
    lines = text("jsonl", MIXED).splitlines()
    assert [json.loads(line) for line in lines] == [prediction.to_json() for prediction in MIXED]


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_a_list_of_the_same_objects(count):
    assert json.loads(text("json", MIXED[:count])) == [prediction.to_json() for prediction in MIXED[:count]]


def test_csv_has_a_row_an_image():
    good, abstained, bad = rows(text("csv", MIXED))
    assert list(good) == [
        *("path", "label", "confidence", "abstained", "error", *LABELS),
        *("decode_ms", "invoke_ms", "total_ms", "reason", "cells"),
    ]
    assert list(good.values()) == ["a.jpg", "B", "0.5", "false", "", "0.2", "0.5", "0.3", "1.0", "2.0", "3.0", "", "0"]
    assert (abstained["label"], abstained["abstained"], abstained["confidence"]) == ("", "true", "0.5")
    assert (bad["label"], bad["confidence"], bad["error"], bad["A"], bad["total_ms"]) == (
        *("", "", "expected x, got y; do z"),
        *("", ""),
    )


def test_a_field_without_a_cell_says_so():
    empty = Prediction("a.jpg", None, None, {}, True, None, Latency(1.0, 2.0, 3.0), "no cell")
    assert text("table", [empty]).splitlines()[1].endswith("a.jpg  (no cell)")
    (row,) = rows(text("csv", [empty]))
    assert (row["label"], row["error"], row["abstained"], row["reason"], row["cells"]) == (
        "",
        "",
        "true",
        "no cell",
        "0",
    )
    assert json.loads(text("json", [empty]))[0]["reason"] == "no cell"


def test_several_cells_are_counted():
    cell = CellPrediction(Box(1, 2, 3, 4), "B", 0.5, {"B": 0.5}, False)
    two = replace(named("a.jpg"), cells=(cell, cell))
    assert "(2 cells: 2 B)" in text("table", [two])
    assert rows(text("csv", [two]))[0]["cells"] == "2"
    assert json.loads(text("jsonl", [two]))["cells"][1]["box"] == {"left": 1, "top": 2, "right": 3, "bottom": 4}


@pytest.mark.parametrize("name", NAMES)
def test_any_name_comes_back_from_json_and_csv(name):
    assert json.loads(text("jsonl", [named(name)]))["path"] == name
    assert text("jsonl", [named(name)]).count("\n") == 1
    assert [row["path"] for row in rows(text("csv", [named(name), named("next.jpg")]))] == [name, "next.jpg"]


@pytest.mark.parametrize("name", NAMES)
def test_table_has_a_line_an_image_whatever_its_name(name):
    lines = text("table", [named(name), named("next.jpg")]).split("\n")
    assert len(lines) == 4  # header, two pictures, the end
    assert all(line.isprintable() for line in lines)


def test_table_tells_labels_abstentions_and_errors_apart():
    header, good, abstained, bad, _ = text("table", MIXED).split("\n")
    assert header.split() == ["LABEL", "CONFIDENCE", "MS", "PATH"]
    assert good.split() == ["B", "0.500", "3.00", "a.jpg"]
    assert abstained.split(maxsplit=4) == ["?", "0.500", "3.00", "b.jpg", "(abstained; most like B)"]
    assert bad.split() == ["-", "-", "-", "c.jpg", "(unreadable)"]


def test_columns_of_the_table_line_up():
    long = named("x.jpg", label="B")
    lines = "".join(FORMATTERS["table"]([long, MIXED[2]], ("B", "LYMPHOCYTE"), None, PLAIN)).split("\n")
    assert {line.find(path) for line, path in zip(lines, ("PATH", "x.jpg", "c.jpg"), strict=False)} == {32}


@pytest.mark.parametrize(("top_k", "shown"), [(1, "B"), (2, "BC"), (3, "ABC"), (None, "ABC")])
def test_top_k_leaves_out_the_rest(top_k, shown):
    assert json.loads(text("jsonl", MIXED[:1], top_k=top_k))["probabilities"].keys() == set(shown)
    (row,) = rows(text("csv", MIXED[:1], top_k=top_k))
    assert {label for label in LABELS if row[label]} == set(shown)


def test_table_lists_the_runners_up_only_if_asked():
    assert text("table", MIXED[:1], top_k=2).endswith("a.jpg  B=0.500 C=0.300\n")
    assert text("table", MIXED[:1], top_k=1).endswith("a.jpg\n")


@pytest.mark.parametrize("name", FORMATTERS)
def test_results_come_one_at_a_time(name):
    taken = []

    def endless():
        while True:
            taken.append(1)
            yield named("x.jpg")

    chunks = FORMATTERS[name](endless(), LABELS, None, PLAIN)
    for _ in range(3):
        next(chunks)
    assert len(taken) <= 3
