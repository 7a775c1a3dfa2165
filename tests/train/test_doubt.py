import numpy as np
import pytest

from edge_runtime.groups import Origin
from train.doubt import NO_ANSWER, by_source

LABELS = ("A", "B")


def answers(rows, **options):
    """by_source of (source, label, P(A)) rows."""
    probabilities = np.array([(share, 1 - share) for _, _, share in rows], np.float32)
    classes = np.array([LABELS.index(label) for _, label, _ in rows])
    origins = [Origin(source, f"group of {source}") for source, _, _ in rows]
    return by_source(probabilities, classes, origins, labels=LABELS, **options)


SOUND = [("a1", "A", 0.9), ("a1", "A", 0.8), ("a2", "A", 0.9), ("b1", "B", 0.1), ("b2", "B", 0.2)]


def test_sources_that_are_answered_by_their_label_are_not_in_doubt():
    found = answers(SOUND)
    assert [(each.source, each.right, each.images, each.suggested) for each in found] == [
        ("a1", 2, 2, None), ("a2", 1, 1, None), ("b1", 1, 1, None), ("b2", 1, 1, None),
    ]  # fmt: skip
    assert found[0].confidence == pytest.approx(0.85)
    assert found[0].group == "group of a1"
    assert not any(each.fails for each in found)


def test_a_source_that_is_as_sure_of_another_class_as_its_own_sources_are_is_in_doubt():
    wrong = answers([*SOUND, ("odd", "A", 0.05), ("odd", "A", 0.15)])[0]
    assert (wrong.source, wrong.right, wrong.images, wrong.answered, wrong.suggested) == ("odd", 0, 2, "B", "B")
    assert wrong.fails


def test_a_source_that_fails_without_reaching_the_others_confidence_is_not_in_doubt():
    wrong = answers([*SOUND, ("odd", "A", 0.4)])[0]
    assert (wrong.source, wrong.fails, wrong.suggested) == ("odd", True, None)


def test_the_same_photograph_under_two_labels_is_two_sources():
    found = answers([*SOUND, ("a1", "B", 0.9)])
    assert [(each.source, each.label) for each in found if each.source == "a1"] == [("a1", "B"), ("a1", "A")]


def test_images_without_an_answer_are_missed():
    found = answers(SOUND, unseen=[(Origin("a2", "g"), "A"), (Origin("a3", "g3"), "A")])
    two = next(each for each in found if each.source == "a2")
    assert (two.right, two.images, two.fails) == (1, 2, True)
    three = next(each for each in found if each.source == "a3")
    assert (three.right, three.images, three.answered, three.group) == (0, 1, NO_ANSWER, "g3")
