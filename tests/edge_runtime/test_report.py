import json
from dataclasses import replace

import pytest

from edge_runtime import resampling
from edge_runtime.report import EvalReport, Outcome, load_report, summarize

LABELS = ("A", "B")
OUTCOMES = (
    Outcome("A/1", "A", "A", 0.9),
    Outcome("A/2", "A", "A", 0.8),
    Outcome("A/3", "A", "B", 0.7),
    Outcome("A/4", "A", None, None),
    Outcome("B/1", "B", "B", 0.6),
    Outcome("B/2", "B", "A", 0.5),
)
GROUPS = ("g1", "g1", "g2", "g2", "g3", "g4")


def report_of(outcomes=OUTCOMES, *, labels=LABELS, groups=None) -> EvalReport:
    """A report of outcomes."""
    return summarize(
        outcomes,
        labels=labels,
        groups=groups,
        model={"file": "m.tflite", "sha256": "aa", "variant": "float32"},
        data={"root": "d", "split": "TEST", "sha256": "bb", "n": len(outcomes)},
        provenance={"argv": ["leukolite"]},
    )


def plain(report: EvalReport) -> dict:
    """The report as JSON gives it back, with lists for tuples."""
    return json.loads(json.dumps(report.to_json()))


def test_figures_by_hand():
    report = report_of()
    assert (report.n, report.n_errors) == (6, 1)
    assert report.accuracy == 3 / 6  # the unreadable one counts as missed
    assert report.balanced_accuracy == (2 / 4 + 1 / 2) / 2
    # Means of two quotients and of five gaps; only the last of 16 digits can differ.
    assert report.macro_f1 == pytest.approx((4 / 7 + 2 / 4) / 2, rel=1e-12)
    assert report.ece == pytest.approx((0.1 + 0.2 + 0.7 + 0.4 + 0.5) / 5, rel=1e-12)
    assert report.confusion_matrix == [[2, 1], [1, 1]]
    assert (report.per_class["A"].tpr, report.per_class["A"].tnr) == (2 / 4, 1 / 2)
    assert (report.per_class["B"].tpr, report.per_class["B"].tnr) == (1 / 2, 3 / 4)
    assert report.predictions == OUTCOMES
    assert report.groups is None


def test_unreadable_image_counts_as_missed_and_in_no_column():
    report = report_of()
    assert sum(map(sum, report.confusion_matrix)) == report.n - report.n_errors
    assert (report.per_class["A"].n, report.per_class["A"].fn, report.per_class["B"].fp) == (4, 2, 1)


def test_only_unreadable_images():
    report = report_of(OUTCOMES[3:4])
    assert (report.n, report.n_errors, report.accuracy, report.ece) == (1, 1, 0.0, None)


def test_no_images_have_no_figures():
    report = report_of((), groups=())
    assert (report.n, report.accuracy, report.balanced_accuracy, report.macro_f1, report.ece) == (
        *(0, None, None),
        *(None, None),
    )
    assert report.groups is None


def test_class_without_images_has_no_tpr():
    report = report_of(labels=("A", "B", "C"))
    assert (report.per_class["C"].n, report.per_class["C"].tpr, report.per_class["C"].tnr) == (0, None, 1.0)
    assert report.balanced_accuracy == 0.5  # of the classes that occur


def test_groups_repeat_the_rates_with_intervals():
    report = report_of(groups=GROUPS)
    groups = report.groups
    assert (groups["n"], groups["accuracy"], groups["seed"]) == (4, report.accuracy, resampling.RESAMPLING_SEED)
    assert {label: rates["n"] for label, rates in groups["per_class"].items()} == {"A": 2, "B": 2}
    for label, rates in groups["per_class"].items():
        assert (rates["tpr"], rates["tnr"]) == (report.per_class[label].tpr, report.per_class[label].tnr)
        assert rates["tpr_ci95"][0] <= rates["tpr"] <= rates["tpr_ci95"][1]
    assert groups["per_class"]["A"]["tpr_ci95"] == (0.0, 1.0)  # one group all right, one all wrong


def test_each_prediction_names_its_group():
    assert [outcome.group for outcome in report_of(groups=GROUPS).predictions] == list(GROUPS)
    assert {outcome.group for outcome in report_of().predictions} == {None}


def test_names_of_groups_do_not_matter():
    renamed = [{"g1": "zz", "g2": "b", "g3": "y", "g4": "a"}[group] for group in GROUPS]
    by_name = report_of(groups=GROUPS).groups
    assert report_of(groups=renamed).groups["per_class"]["A"]["tpr"] == by_name["per_class"]["A"]["tpr"]
    assert report_of(groups=renamed).groups["n"] == by_name["n"]


@pytest.mark.parametrize("groups", [None, GROUPS])
@pytest.mark.parametrize("outcomes", [OUTCOMES, OUTCOMES[:2], OUTCOMES[3:4]])
def test_report_comes_back_whole(tmp_path, outcomes, groups):
    report = report_of(outcomes, groups=groups[: len(outcomes)] if groups else None)
    report.save(tmp_path / "r.json")
    loaded = load_report(tmp_path / "r.json")
    assert plain(loaded) == plain(report)
    assert (loaded.per_class, loaded.predictions, loaded.labels) == (report.per_class, report.predictions, LABELS)
    assert plain(load_report(tmp_path / "r.json", must_be_sealed=True)) == plain(report)


def test_report_from_before_there_were_digests_and_groups_is_read_but_not_trusted(tmp_path, refused):
    fields = plain(report_of())
    for row in fields["predictions"]:
        del row["group"]
    (tmp_path / "r.json").write_text(json.dumps(fields))
    assert load_report(tmp_path / "r.json") == report_of()
    with refused(f"an EvalReport at {tmp_path}/r.json as .* one without a digest"):
        load_report(tmp_path / "r.json", must_be_sealed=True)


@pytest.mark.parametrize("must_be_sealed", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [('"confidence": 0.9', '"confidence": 0.8'), ('"accuracy": 0.5', '"accuracy": 0.6'), ('"d"', '"e"')],
)
def test_report_that_was_edited_by_hand_is_refused(tmp_path, before, after, must_be_sealed, refused):
    report_of().save(tmp_path / "r.json")
    text = (tmp_path / "r.json").read_text()
    assert before in text
    (tmp_path / "r.json").write_text(text.replace(before, after, 1))
    with refused("by the digest inside, got another content"):
        load_report(tmp_path / "r.json", must_be_sealed=must_be_sealed)


def test_report_has_the_contracts_fields():
    assert [name for name in report_of().to_json() if name != "selective"] == [
        *("schema_version", "model", "data", "labels", "n", "n_errors", "accuracy", "balanced_accuracy", "macro_f1"),
        *("ece", "confusion_matrix", "per_class", "groups", "predictions", "provenance"),
    ]
    assert list(plain(report_of())["per_class"]["A"]) == [
        *("n", "tp", "fp", "fn", "tn", "tpr", "tnr", "tpr_ci95", "tnr_ci95")
    ]
    assert list(plain(report_of())["predictions"][0]) == ["path", "true", "predicted", "confidence", "group"]


def test_reports_from_before_anybody_could_abstain_are_read():
    fields = plain(report_of())
    del fields["selective"]
    assert EvalReport.from_json(fields).selective is None


def test_names_that_are_not_utf8_come_back(tmp_path):
    report_of([Outcome("A/\udcff", "A", "A", 1.0)]).save(tmp_path / "r.json")
    assert load_report(tmp_path / "r.json").predictions[0].path == "A/\udcff"


@pytest.mark.parametrize("field", sorted(report_of().to_json().keys() - {"schema_version", "selective"}))
def test_missing_field_is_refused_by_name(field, refused):
    fields = plain(report_of())
    del fields[field]
    with refused(f"KeyError: '{field}'"):
        EvalReport.from_json(fields)


@pytest.mark.parametrize("version", [2, "1", None])
def test_other_schema_is_refused(version, refused):
    with refused("expected an EvalReport of schema 1"):
        EvalReport.from_json({**plain(report_of()), "schema_version": version})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("labels", 5),
        ("labels", [["A"], ["B"]]),
        ("n", "6"),
        ("n", -1),
        ("n", 2.5),
        ("n", True),
        ("n_errors", None),
        ("data", {}),
        ("data", []),
        ("model", None),
        ("per_class", ["A", "B"]),
        ("per_class", {"A": {"n": 1}}),
        ("per_class", {"A": {**plain(report_of())["per_class"]["A"], "tp": "2"}}),
        ("per_class", {"A": {**plain(report_of())["per_class"]["A"], "tpr_ci95": [0.5]}}),
        ("per_class", {"A": {**plain(report_of())["per_class"]["A"], "tnr_ci95": "ab"}}),
        ("per_class", {"A": {**plain(report_of())["per_class"]["A"], "tpr_ci95": [0, 10**400]}}),
        ("predictions", [{"path": "A/1"}]),
        ("predictions", [{"path": ["A/1"], "true": "A", "predicted": None, "confidence": None}]),
        ("predictions", [{"path": "A/1", "true": {}, "predicted": None, "confidence": None}]),
        ("predictions", [{"path": "A/1", "true": "A", "predicted": [], "confidence": None}]),
        ("predictions", [{"path": "A/1", "true": "A", "predicted": None, "confidence": None, "group": 3}]),
        ("provenance", -1),
        ("predictions", 3),
    ],
)
def test_senseless_value_is_refused(field, value, refused):
    with refused("expected an EvalReport with all its fields valid"):
        EvalReport.from_json({**plain(report_of()), field: value})


def test_interval_that_is_no_number_is_none():
    fields = plain(report_of())
    fields["per_class"]["A"]["tpr_ci95"] = [float("nan"), 1.0]
    rates = EvalReport.from_json(fields).per_class["A"]
    assert (rates.tpr_ci95, rates.tnr_ci95) == (None, report_of().per_class["A"].tnr_ci95)


@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9, 0.99])
def test_truncated_report_is_refused_by_name(tmp_path, kept, refused):
    report_of().save(tmp_path / "r.json")
    content = (tmp_path / "r.json").read_bytes()
    (tmp_path / "r.json").write_bytes(content[: int(kept * len(content))])
    with refused(f"expected an EvalReport .* at {tmp_path}/r.json"):
        load_report(tmp_path / "r.json")


def test_other_json_is_refused_by_name(tmp_path, refused):
    (tmp_path / "r.json").write_text('{"accuracy": 1.0}')
    with refused(f"expected an EvalReport at {tmp_path}/r.json, got expected an EvalReport of schema 1"):
        load_report(tmp_path / "r.json")


def test_nan_cannot_be_saved(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        replace(report_of(), ece=float("nan")).save(tmp_path / "r.json")
    assert not (tmp_path / "r.json").exists()
