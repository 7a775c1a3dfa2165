import json

import numpy as np
import pytest

from convert.attribution import STEPS, attribute
from convert.stages import FLOAT32, INT8, KERAS_FLOAT, KERAS_QAT, REFERENCE, STAGES
from edge_runtime.metrics import wilson
from edge_runtime.report import Outcome, summarize

LABELS = ("A", "B")
TRUE = ["A", "A", "A", "B", "B", "B"]
NAMES = [f"TEST/{label}/{number}.png" for number, label in enumerate(TRUE)]
GROUPS = ["a1", "a1", "a2", "b1", "b2", "b2"]


@pytest.fixture
def probabilities():
    """All stages agree: five of six right, the last image wrong."""
    shares = np.array([0.9, 0.8, 0.7, 0.2, 0.1, 0.6], np.float32)
    return np.repeat(np.stack([shares, 1 - shares], axis=-1)[np.newaxis], len(STAGES), axis=0)


def found_in(probabilities, *, groups=GROUPS):
    return attribute(
        probabilities, NAMES, TRUE, labels=LABELS, groups=groups, model={}, data={"split": "TEST"}, provenance={}
    )


def step(found, before, after):
    return next(each for each in found.steps if (each.before, each.after) == (before, after))


def test_stages_that_agree_differ_in_nothing(probabilities):
    found = found_in(probabilities)
    assert [stage.name for stage in found.stages] == list(STAGES)
    assert {stage.accuracy for stage in found.stages} == {5 / 6}
    assert [(each.before, each.after) for each in found.steps] == list(STEPS)
    for each in [*(each.change for each in found.steps), *found.against_float.values()]:
        assert (each.agreement, each.labels_changed, each.largest, each.mean_abs) == (1, 0, 0, 0)
    assert all((each.mcnemar.first_only, each.mcnemar.second_only) == (0, 0) for each in found.steps)
    assert list(found.changed) == []


def test_swapped_label_shows_where_it_was_swapped_and_nowhere_else(probabilities):
    probabilities[STAGES.index(INT8), 0] = probabilities[STAGES.index(REFERENCE), 0] = (0.25, 0.75)
    found = found_in(probabilities)
    swapped = {(KERAS_QAT, INT8), (FLOAT32, INT8)}
    for each in found.steps:
        hit = (each.before, each.after) in swapped
        assert each.change.agreement == (5 / 6 if hit else 1), each
        assert each.change.labels_changed == hit
        assert (each.mcnemar.first_only, each.mcnemar.second_only) == (int(hit), 0)
        assert each.differences.accuracy.value == pytest.approx(-1 / 6 if hit else 0, abs=1e-15)  # rounding
    assert [found.against_float[stage].labels_changed for stage in STAGES] == [0, 0, 0, 1, 1]
    (changed,) = found.changed
    assert (changed.path, changed.true) == (NAMES[0], "A")
    labels = {stage: answer.label for stage, answer in changed.answers.items()}
    assert labels == {KERAS_FLOAT: "A", KERAS_QAT: "A", FLOAT32: "A", INT8: "B", REFERENCE: "B"}
    assert changed.answers[KERAS_QAT].score == pytest.approx(0.9)
    assert changed.answers[INT8].score == 0.75


def test_probability_changes_are_those_worked_out_by_hand(probabilities):
    probabilities[STAGES.index(REFERENCE), 1] += (0.06, -0.06)
    probabilities[STAGES.index(REFERENCE), 2] += (-0.03, 0.03)
    change = step(found_in(probabilities), INT8, REFERENCE).change
    assert change.labels_changed == 0
    assert change.largest == pytest.approx(0.06, abs=1e-6)  # float32
    assert change.mean_abs == pytest.approx(2 * (0.06 + 0.03) / 12, abs=1e-6)


def test_exact_test_counts_images_that_one_stage_alone_has_right(probabilities):
    probabilities[STAGES.index(KERAS_QAT), 5] = (0.4, 0.6)  # now right
    probabilities[STAGES.index(KERAS_QAT), :2] = (0.4, 0.6)  # now wrong
    exact = step(found_in(probabilities), KERAS_FLOAT, KERAS_QAT).mcnemar
    assert (exact.first_only, exact.second_only, exact.p) == (2, 1, 1.0)


def test_image_without_an_answer_is_missed_and_not_compared(probabilities):
    probabilities[:, 0] = np.nan
    probabilities[STAGES.index(INT8), 1] = (0.1, 0.9)
    found = found_in(probabilities)
    assert (found.n, found.n_unanswered) == (6, 1)
    assert found.stages[0].accuracy == 4 / 6
    assert step(found, KERAS_QAT, INT8).change.agreement == 4 / 5
    assert [each.path for each in found.changed] == [NAMES[1]]


def test_no_answer_at_all_is_no_division_by_zero(probabilities):
    found = found_in(np.full_like(probabilities, np.nan))
    assert found.stages[0].accuracy == 0
    assert (found.steps[0].change.agreement, found.steps[0].change.largest) == (None, None)
    json.dumps(found.to_json(), allow_nan=False)


def test_intervals_are_those_of_an_evaluation_by_source_cell(probabilities):
    predicted = [LABELS[best] for best in probabilities[0].argmax(axis=1)]
    outcomes = [Outcome(*row, 0.5) for row in zip(NAMES, TRUE, predicted, strict=True)]
    report = summarize(outcomes, labels=LABELS, groups=GROUPS, model={}, data={}, provenance={})
    found = found_in(probabilities)
    assert found.by_source
    assert found.stages[0].accuracy_ci95 == report.groups["accuracy_ci95"]
    for label in LABELS:
        own = found.stages[0].per_class[label]
        assert (own.tpr, own.tnr, own.n) == (report.per_class[label].tpr, report.per_class[label].tnr, 3)
        assert own.tpr_ci95 == report.groups["per_class"][label]["tpr_ci95"]
        assert own.tnr_ci95 == report.groups["per_class"][label]["tnr_ci95"]


def test_without_groups_intervals_are_wilsons_and_steps_have_none(probabilities):
    found = found_in(probabilities, groups=None)
    assert not found.by_source
    assert found.stages[0].accuracy_ci95 == wilson(5, 6)
    assert found.stages[0].per_class["B"].tpr_ci95 == wilson(2, 3)
    assert all(each.differences is None for each in found.steps)


def test_json_has_every_field(probabilities):
    probabilities[1, 0] = (0.2, 0.8)
    fields = json.loads(json.dumps(found_in(probabilities).to_json(), allow_nan=False))
    assert fields["schema_version"] == 1
    assert fields["changed"][0]["answers"][KERAS_QAT] == {"label": "B", "score": pytest.approx(0.8)}
    assert fields["steps"][0]["mcnemar"] == {"first_only": 1, "second_only": 0, "p": 1.0}
