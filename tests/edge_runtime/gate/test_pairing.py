import time
from dataclasses import replace

import numpy as np
import pytest

from edge_runtime.gate.pairing import pair
from edge_runtime.report import summarize
from tests.edge_runtime.gate.made import made

GOOD = made(9, 9, 9, n=10, sources=5)
NAN = float("nan")


def changed(report, number, **fields):
    """A report with another row of predictions, its figures as they were."""
    rows = list(report.predictions)
    rows[number] = replace(rows[number], **fields)
    return replace(report, predictions=tuple(rows))


def of_class(report, label, **fields):
    """A report with another entry of one class."""
    return replace(report, per_class={**report.per_class, label: replace(report.per_class[label], **fields)})


def test_answers_are_brought_together_by_path_in_any_order():
    other = made(10, 8, 9, n=10, sources=5)
    pairs = pair(GOOD, replace(other, predictions=other.predictions[::-1]))
    assert pairs.n == 30
    assert (pairs.classes == np.repeat([0, 1, 2], 10)).all()
    assert np.flatnonzero(pairs.candidate != pairs.classes).tolist() == [9, 19, 29]
    assert np.flatnonzero(pairs.reference != pairs.classes).tolist() == [18, 19, 29]
    assert len(np.unique(pairs.groups)) == 15
    assert pairs.groups[0] == pairs.groups[1] != pairs.groups[2]


def test_an_image_without_an_answer_is_minus_one():
    rows = (replace(GOOD.predictions[0], predicted=None, confidence=None), *GOOD.predictions[1:])
    parts = {name: getattr(GOOD, name) for name in ("labels", "model", "data", "provenance")}
    silent = summarize(rows, groups=None, **parts)
    pairs = pair(silent, GOOD)
    assert (pairs.candidate[0], pairs.reference[0], pairs.candidate_confidence[0]) == (-1, 0, 0)


@pytest.mark.parametrize("which", [0, 1])
def test_groups_are_known_when_one_report_knows_them(which):
    reports = [GOOD, made(9, 9, 9, n=10)]
    pairs = pair(reports[which], reports[1 - which])
    assert len(np.unique(pairs.groups)) == 15
    assert pair(reports[1], reports[1]).groups is None


REFUSED = [
    ("labels", replace(GOOD, labels=("A", "C", "B"))),
    ("labels", replace(GOOD, labels=("A", "B"))),
    ("labels", replace(GOOD, labels=())),
    ("data digest", replace(GOOD, data={"sha256": "other"})),
    ("data digest", replace(GOOD, data={"sha256": None})),
    ("number of images", replace(GOOD, n=29)),
    ("number of images", replace(GOOD, n=0)),
    ("view", replace(GOOD, model={**GOOD.model, "view": "cell"})),
    ("every class", replace(GOOD, per_class={label: GOOD.per_class[label] for label in "AB"})),
    ("every class", replace(GOOD, predictions=GOOD.predictions[:20])),
    ("another n_errors", changed(GOOD, 0, predicted=None)),
    ("another confusion_matrix", changed(GOOD, 0, predicted="B")),
    ("another n ", replace(GOOD, predictions=GOOD.predictions[:-1])),
    ("another per_class", of_class(GOOD, "B", tpr=NAN)),
    ("another per_class", of_class(GOOD, "B", n=0)),
    ("another per_class", of_class(GOOD, "B", tpr=1.0)),
    *(("accuracy", replace(GOOD, accuracy=value)) for value in (None, NAN, float("inf"), -0.1, 1.1, "0.95", 0.99)),
    ("an image twice", changed(GOOD, 0, path=GOOD.predictions[1].path)),
    *(("a confidence that is none", changed(GOOD, 0, confidence=value)) for value in (NAN, 1.5, "high")),
    ("PURPLE", changed(GOOD, 0, predicted="PURPLE")),
    ("the time 'soon'", replace(GOOD, provenance={"started": "soon"})),
    ("the time 7", replace(GOOD, provenance={"started": 7})),
]


@pytest.mark.parametrize(("words", "bad"), REFUSED, ids=[words for words, _ in REFUSED])
@pytest.mark.parametrize("which", ["candidate", "reference"])
def test_what_cannot_be_compared_is_refused(words, bad, which, refused):
    with refused(words):
        pair(*((bad, GOOD) if which == "candidate" else (GOOD, bad)))


def test_two_reports_that_do_not_say_on_what_are_refused(refused):
    silent = replace(GOOD, data={"sha256": None})
    with refused("data digest"):
        pair(silent, silent)


def test_one_class_is_nothing_to_tell_apart(refused):
    one = summarize(
        [row for row in GOOD.predictions if row.true == row.predicted == "A"],
        labels=["A"],
        groups=None,
        **{name: getattr(GOOD, name) for name in ("model", "data", "provenance")},
    )
    with refused("at least two classes"):
        pair(one, one)


def test_two_reports_without_a_class_are_refused_alike(refused):
    less = replace(GOOD, per_class={label: GOOD.per_class[label] for label in "AB"})
    with refused("none of C"):
        pair(less, less)


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (changed(GOOD, 3, path="A/else"), "the same images"),
        (changed(GOOD, 3, group="another"), "the same groups"),
        (replace(GOOD, model={k: v for k, v in GOOD.model.items() if k != "view"}), "view unknown"),
    ],
)
def test_reports_that_only_look_alike_are_refused(other, words, refused):
    with refused(words):
        pair(GOOD, other)


def test_groups_of_some_images_only_are_refused(refused):
    bare = made(9, 9, 9, n=10)
    some = changed(bare, 0, group="one")
    with refused("none for 29"):
        pair(some, bare)


def test_a_report_from_the_future_is_refused_and_one_of_a_fast_clock_is_not(refused):
    def begun(seconds):
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
        return replace(GOOD, provenance={"started": stamp})

    pair(begun(60), begun(-1e9))
    for reports in ((begun(3600), GOOD), (GOOD, begun(3600))):
        with refused("which is to come; set the clocks"):
            pair(*reports)
