"""Disputed sources are found by the rule, and none is lost."""

from pathlib import PurePath

import pytest

from benchmarks import disputed
from edge_runtime.errors import LeukoliteError
from edge_runtime.groups import Groups, Origin
from edge_runtime.report import Outcome, summarize

ROWS = (
    # source, true, predicted
    ("s1", "A", "B"),
    ("s1", "A", "B"),
    ("s1", "A", "A"),
    ("s2", "A", "A"),
    ("s2", "A", "B"),
    ("s3", "B", None),
)


def make(rows: tuple[tuple[str, str, str | None], ...] = ROWS) -> list[disputed.Source]:
    outcomes = [Outcome(f"{true}/{n}.png", true, said, 0.5 if said else None) for n, (_, true, said) in enumerate(rows)]
    report = summarize(outcomes, labels=["A", "B"], groups=None, model={}, data={}, provenance={})
    origins = [(PurePath(o.path), Origin(f"{row[0]}.jpg", row[0])) for o, row in zip(outcomes, rows, strict=True)]
    return disputed.by_source(report, Groups(origins))


def test_sources_are_counted_and_ordered():
    found = [(s.name, s.label, s.images, s.right, s.answered) for s in make()]
    assert found == [("s3", "B", 1, 0, "unreadable"), ("s1", "A", 3, 1, "B"), ("s2", "A", 2, 1, "A")]


def test_a_source_half_right_is_not_disputed():
    text = disputed.to_markdown(make())
    assert "2 of 3 source cells" in text
    assert "4 of 6 images (66.7%)" in text
    assert "accuracy is 0.5000" in text
    assert "s2" not in text


def test_nothing_but_disputed_sources():
    assert "On the other sources" not in disputed.to_markdown(make((("s1", "A", "B"),)))


def test_an_image_without_a_source_is_refused():
    outcome = Outcome("A/x.png", "A", "A", 1.0)
    report = summarize([outcome], labels=["A", "B"], groups=None, model={}, data={}, provenance={})
    with pytest.raises(LeukoliteError, match="a row in the groups file"):
        disputed.by_source(report, Groups([]))
