import json
from collections.abc import Callable

import pytest

from convert.variants import compare, to_markdown
from edge_runtime.metrics import wilson
from edge_runtime.report import EvalReport, Outcome, summarize

LABELS = ("A", "B")
TRUE = "AAABBB"


@pytest.fixture
def report() -> Callable[..., EvalReport]:
    """Makes the report of some answers, a letter an image."""

    def make(answers: str, *, groups: str | None = "112345") -> EvalReport:
        return summarize(
            [
                Outcome(f"{n}.png", true, None if answer == "-" else answer, 0.9)
                for n, (true, answer) in enumerate(zip(TRUE, answers, strict=True))
            ],
            labels=LABELS,
            groups=groups,
            model={"sha256": "m"},
            data={"sha256": "d", "split": "TEST"},
            provenance={},
        )

    return make


def compared(reports, **ratios):
    names = {variant: f"{variant}.tflite" for variant in reports}
    ratios = {**dict.fromkeys(reports, 1.0), **ratios}
    return compare(reports, files=names, sizes_bytes=dict.fromkeys(reports, 1234567), latency_ratios=ratios)


def test_each_is_compared_with_float32(report):
    first, second = compared({"float32": report("AAABBB"), "int8_qat": report("AABBB-")}, int8_qat=0.4)
    assert (first.variant, first.accuracy, first.agreement, first.latency_ratio) == ("float32", 1.0, 1.0, 1.0)
    assert (second.accuracy, second.agreement, second.latency_ratio) == (4 / 6, 4 / 6, 0.4)
    assert second.per_class == {"A": {"tpr": 2 / 3, "tnr": 1.0}, "B": {"tpr": 2 / 3, "tnr": 2 / 3}}
    assert (second.n, second.split, second.size_bytes, second.file) == (6, "TEST", 1234567, "int8_qat.tflite")


def test_two_that_err_alike_agree(report):
    _, second = compared({"float32": report("BBBAAA"), "int8_qat": report("BBBAAA")})
    assert (second.accuracy, second.agreement) == (0.0, 1.0)


def test_interval_is_by_source_where_sources_are_known(report):
    known, unknown = report("AAABBA"), report("AAABBA", groups=None)
    (found,) = compared({"float32": known})
    assert (found.interval_by, found.accuracy_ci95) == ("source", known.groups["accuracy_ci95"])
    (found,) = compared({"float32": unknown})
    assert (found.interval_by, found.accuracy_ci95) == ("image", wilson(5, 6))


def test_json_holds_every_field(report):
    (found,) = compared({"float32": report("AAABBA")})
    assert json.loads(json.dumps(found.to_json()))["per_class"]["A"] == {"tpr": 1.0, "tnr": 2 / 3}


def test_table_says_it_all(report):
    text = to_markdown(compared({"float32": report("AAABBB"), "int8_qat": report("AABBB-")}, int8_qat=0.4))
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()[:4]]
    assert lines[0] == ["variant", "bytes", "accuracy", "95 %", "label as float32", "time / float32", "A", "B"]
    assert lines[3][:3] == ["int8_qat", "1,234,567", "0.6667"]
    assert lines[3][4:] == ["0.6667", "0.40", "0.6667 / 1.0000", "0.6667 / 0.6667"]
    assert "6 images of TEST" in text
    assert "by source cell" in text


def test_table_says_that_intervals_by_image_are_optimistic(report):
    assert "by image, which is optimistic" in to_markdown(compared({"float32": report("AAABBB", groups=None)}))


def test_a_class_without_samples_has_no_rate(report):
    empty = summarize([], labels=LABELS, groups=None, model={}, data={"split": None}, provenance={})
    text = to_markdown(compared({"float32": empty}))
    assert "none / none" in text
    assert "0 images of the data set" in text
