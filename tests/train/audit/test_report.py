import csv
import io
import json

import pytest

from edge_runtime.dataset import LabelledImage
from edge_runtime.groups import read_groups
from train.audit.originals import Original
from train.audit.report import Audit, groups_csv, save
from train.audit.survey import Finding, Overlap, Survey


def finding(name: str, source: str | None, group: str, **changes) -> Finding:
    """What was found about an image of the split and class that its name says."""
    split, label, _ = name.split("/")
    given = {"digest": name, "cells": 1, "confidence": 1.0, "correlation": 0.99, **changes}
    return Finding(LabelledImage(f"/data/{name}", name, label), split, source=source, group=group, **given)


@pytest.fixture
def audit() -> Audit:
    """Of everything that can be found, one."""
    findings = (
        finding("TRAIN/A/1.png", "p1", "p1"),
        finding("TRAIN/A/2.png", "p2", "p1"),
        finding("TRAIN/B/3.png", "p3", "p3", digest="same"),
        finding("TRAIN/A/4.png", "p3", "p3", digest="same"),
        finding("TEST/A/5.png", "p2", "p1", cells=0),
        finding("TEST/B/6.png", None, "unknown-B", confidence=0.0),
        finding("TEST/B/7.png", None, "unknown-B", digest=None, cells=0, confidence=0.0, error="expected a picture"),
    )
    originals = tuple(
        Original(f"/photos/{name}", name, labels)
        for name, labels in {"p1": ("a",), "p2": (), "p3": ("B",), "p4": ("B", "A"), "p5": ("B",)}.items()
    )
    return Audit(Survey(findings, originals, {"p5": "broken"}, (Overlap(("p1", "p2"), 0.96),), ((0, 1, 0.999),)))


def test_what_follows_is_told(audit):
    assert [(group.name, group.splits, group.labels, group.sources) for group in audit.groups] == [
        ("p1", ("TEST", "TRAIN"), ("A",), ("p1", "p2")),
        ("p3", ("TRAIN",), ("A", "B"), ("p3",)),
    ]
    assert [group.name for group in audit.straddling] == ["p1"]
    assert [group.name for group in audit.two_labels] == ["p3"]
    assert [each.image.name for each in audit.unknown] == ["TEST/B/6.png"]
    assert [each.image.name for each in audit.unreadable] == ["TEST/B/7.png"]
    assert [each.image.name for each in audit.without_cell] == ["TEST/A/5.png"]
    assert [each.image.name for each in audit.other_label] == ["TRAIN/A/4.png"]
    assert (audit.same_content, audit.contradicting) == ([[2, 3]], [[2, 3]])
    assert audit.unused_originals == ["p4"]


def test_the_table_counts_images_sources_and_groups(audit):
    assert audit.splits() == {
        "TEST": {
            "A": {"images": 1, "assigned": 1, "sources": 1, "groups": 1},
            "B": {"images": 2, "assigned": 0, "sources": 0, "groups": 0},
        },
        "TRAIN": {
            "A": {"images": 3, "assigned": 3, "sources": 3, "groups": 2},
            "B": {"images": 1, "assigned": 1, "sources": 1, "groups": 1},
        },
    }


def test_json_names_everything(audit):
    found = json.loads(json.dumps(audit.to_json(provenance={"commit": "c"})))
    assert {key: found[key] for key in ("n", "n_assigned", "n_groups", "compared_with")} == {
        "n": 7,
        "n_assigned": 5,
        "n_groups": 2,
        "compared_with": "originals",
    }
    assert found["originals"] == {
        "n": 5,
        "without_images": ["p4"],
        "unreadable": {"p5": "broken"},
        "several_labels": ["p4"],
        "without_label": ["p2"],
    }
    assert found["groups_in_several_splits"] == [
        {"group": "p1", "sources": ["p1", "p2"], "images": {"TEST": {"A": 1}, "TRAIN": {"A": 2}}}
    ]
    assert [group["group"] for group in found["groups_with_several_labels"]] == ["p3"]
    assert found["images_of_unknown_source"] == ["TEST/B/6.png"]
    assert found["unreadable_images"] == {"TEST/B/7.png": "expected a picture"}
    assert found["images_labelled_unlike_their_source"] == [{"path": "TRAIN/A/4.png", "source": "p3"}]
    assert found["images_without_a_stained_cell"] == ["TEST/A/5.png"]
    assert found["same_content_other_label"] == [["TRAIN/B/3.png", "TRAIN/A/4.png"]]
    assert found["near_duplicates"] == [{"paths": ["TRAIN/A/1.png", "TRAIN/A/2.png"], "correlation": 0.999}]
    assert found["overlapping_photographs"] == [{"photographs": ["p1", "p2"], "correlation": 0.96}]


def test_the_groups_file_is_one_that_training_reads(audit, tmp_path):
    save(audit, tmp_path / "out", provenance={}, page=b"page")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["audit.html", "audit.json", "groups.csv"]
    groups = read_groups(tmp_path / "out" / "groups.csv")
    origins = groups.assign([each.image for each in audit.survey.findings])
    assert [origin.group for origin in origins] == [each.group for each in audit.survey.findings]
    # All of unknown source count as one.
    assert [origin.source for origin in origins] == ["p1", "p2", "p3", "p3", "p2", "unknown-B", "unknown-B"]


def test_the_groups_file_states_the_confidence(audit):
    rows = list(csv.DictReader(io.StringIO(groups_csv(audit.survey.findings).decode())))
    assert rows[0] == {"path": "TRAIN/A/1.png", "source": "p1", "group": "p1", "confidence": "1.0000"}
    assert rows[5] == {"path": "TEST/B/6.png", "source": "", "group": "unknown-B", "confidence": "0.0000"}


def test_lines_say_how_many(audit):
    text = "\n".join(audit.lines())
    assert "5 of 7 images (71.43%) assigned by comparing them with 5 originals" in text
    assert "1 groups in several splits, 1 with several labels" in text
    assert "1 originals without images, 1 unreadable, 1 with several labels, 1 without a label" in text
    assert "one class only" not in text


@pytest.mark.parametrize(("label", "said"), [("A", "one class only: A"), ("", "one class only: without a label")])
def test_one_class_alone_is_said(label, said):
    alone = Audit(Survey(tuple(finding(f"TRAIN/{label}/{n}.png", None, "g") for n in range(2))))
    for each in alone.survey.findings:
        assert each.image.label == label
    assert alone.lines()[-1] == said
    assert alone.to_json(provenance={})["only_class"] == label


def test_an_empty_survey_is_reported():
    assert Audit(Survey(())).lines()[0] == "0 of 0 images (0.00%) assigned by comparing them with one another"
