import re
from dataclasses import replace

import pytest

from edge_runtime.gate import judge
from edge_runtime.gate.page import MOST_CHANGES, to_html
from tests.edge_runtime.gate.conftest import ABOUT
from tests.edge_runtime.gate.made import made
from tests.pages import Page


def page(verdict, *reports, images=None, about=ABOUT):
    return Page(to_html(verdict, *reports, about=about, images=images))


def test_page_says_everything_and_needs_nothing_else(failed, pair_of):
    found = page(failed, *pair_of())
    assert all(rule.reason in found.text for rule in failed.rules)
    for said in ("gate: FAIL", "not a medical device", "new.tflite", "Drops against the reference", "own rates"):
        assert said in found.text
    assert found.count("svg") == 2
    found.needs_nothing_else()


def test_both_confusion_matrices_are_there(failed, pair_of):
    candidate, reference = pair_of()
    text = page(failed, candidate, reference).text
    for report in (candidate, reference):
        for row in report.confusion_matrix:
            assert "".join(map(str, row)) in text


def test_names_are_no_markup(failed, pair_of):
    found = page(failed, *pair_of(), about={"candidate": "<script>alert(1)</script>"})
    assert found.count("script") == 0
    assert "<script>alert(1)</script>" in found.text
    assert "B|<b>" in found.text


def test_changed_images_are_listed_without_data_and_shown_with_it(picture):
    reports = made(8, 10, 10, n=10), made(10, 9, 10, n=10)
    verdict = judge(*reports)
    listed = page(verdict, *reports)
    assert listed.count("img") == 0
    assert "Another label than before: 3 images" in listed.text
    assert "2 were right before, 1 are right now, 0 are wrong as before." in listed.text
    assert all(name in listed.text for name in ("A/8", "A/9", "B/9"))
    images = {row.path: str(picture(f"{row.path}.png", color="RED")) for row in reports[0].predictions}
    shown = page(verdict, *reports, images=images)
    assert shown.count("img") == 3
    assert "lost: A, said A, now B" in shown.text


def test_an_image_that_is_gone_leaves_a_black_picture():
    reports = made(9, 10, 10, n=10), made(10, 10, 10, n=10)
    assert page(judge(*reports), *reports, images={"A/9": "nowhere.png"}).count("img") == 1


def test_not_more_are_shown_than_anyone_looks_at():
    reports = made(300, 600, 600, n=600), made(600, 600, 600, n=600)
    found = page(judge(*reports), *reports)
    assert f"The first {MOST_CHANGES} are shown." in found.text
    assert len(re.findall(r"A/\d+", found.text)) == MOST_CHANGES


@pytest.mark.parametrize("silent", [True, False])
def test_no_answer_has_a_column_where_there_is_one(silent):
    from edge_runtime.report import summarize

    report = made(9, 9, 9, n=10)
    if silent:
        parts = {name: getattr(report, name) for name in ("labels", "model", "data", "provenance")}
        rows = (replace(report.predictions[0], predicted=None, confidence=None), *report.predictions[1:])
        report = summarize(rows, groups=None, **parts)
    assert ("no answer" in page(judge(report, report), report, report).text) == silent
