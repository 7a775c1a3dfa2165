import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from edge_runtime.gate import Policy, assert_no_regression, judge, load_policy, table
from edge_runtime.metrics import one_against_rest
from edge_runtime.report import EvalReport

LABELS = ("A", "B", "C")
N = 1000  # images of each class
NAN = float("nan")


def report_of(*hits: int, labels: tuple[str, ...] = LABELS, sha256: str = "same") -> EvalReport:
    """A report with so many of 1000 images of each class right, the wrong ones spread over the other classes."""
    others = len(labels) - 1
    matrix = np.zeros((len(labels), len(labels) + 1), int)
    for row, right in enumerate(hits):
        wrong = N - right
        for step in range(others):
            matrix[row, (row + step + 1) % len(labels)] = wrong // others + (step < wrong % others)
        matrix[row, row] = right
    n = int(matrix.sum())
    return EvalReport(
        schema_version=1,
        model={"sha256": "m"},
        data={"sha256": sha256},
        labels=labels,
        n=n,
        n_errors=0,
        accuracy=sum(hits) / n,
        balanced_accuracy=None,
        macro_f1=None,
        ece=None,
        confusion_matrix=matrix[:, :-1].tolist(),
        per_class=dict(zip(labels, one_against_rest(matrix), strict=True)),
        groups=None,
        predictions=(),
        provenance={},
    )


GOOD = report_of(950, 950, 950)
LENIENT = Policy(0, 0, 0, 1, 1, 1)


def failures(candidate: EvalReport, reference: EvalReport = GOOD, **limits: float) -> set[tuple[str, str]]:
    """Name and label of each rule that fails; only the limits given can."""
    verdict = judge(candidate, reference, policy=replace(LENIENT, **limits))
    failed = {(rule.name, rule.label) for rule in verdict.rules if rule.verdict == "FAIL"}
    assert verdict.verdict == ("FAIL" if failed else "PASS")
    return failed


def changed(report: EvalReport, label: str, **fields: object) -> EvalReport:
    """A report with another entry of one class."""
    return replace(report, per_class={**report.per_class, label: replace(report.per_class[label], **fields)})


def test_as_good_as_the_reference_passes_by_default():
    verdict = judge(GOOD, GOOD)
    assert verdict.verdict == "PASS"
    assert {rule.verdict for rule in verdict.rules} == {"PASS"}
    assert {(rule.name, rule.label) for rule in verdict.rules} == {
        *((name, "all") for name in ("min_accuracy", "max_accuracy_drop")),
        *((name, label) for name in ("min_tpr", "min_tnr", "max_tpr_drop", "max_tnr_drop") for label in LABELS),
    }


def test_defaults_are_the_contracts():
    assert asdict(Policy()) == {
        "min_accuracy": 0.90,
        "min_tpr": 0.80,
        "min_tnr": 0.80,
        "max_accuracy_drop": 0.01,
        "max_tpr_drop": 0.03,
        "max_tnr_drop": 0.02,
        "inconclusive": "fail",
    }


# Each pair: reached exactly, and missed by one image of 1000. Of (900, 950, 850) the accuracy is 0.9 exactly.
@pytest.mark.parametrize(
    ("rule", "label", "limit", "at_limit", "beyond"),
    [
        ("min_accuracy", "all", 0.90, (900, 950, 850), (900, 950, 849)),
        ("min_tpr", "B", 0.80, (950, 800, 950), (950, 799, 950)),
        ("min_tnr", "A", 0.95, (950, 900, 900), (950, 898, 900)),
        ("max_accuracy_drop", "all", 0.01, (940, 940, 940), (940, 939, 940)),
        ("max_tpr_drop", "C", 0.03, (950, 950, 920), (950, 950, 919)),
        ("max_tnr_drop", "A", 0.02, (950, 910, 910), (950, 908, 910)),
    ],
)
def test_rule_passes_at_its_limit_and_fails_beyond(rule, label, limit, at_limit, beyond):
    assert (rule, label) not in failures(report_of(*at_limit), **{rule: limit})
    assert (rule, label) in failures(report_of(*beyond), **{rule: limit})


@pytest.mark.parametrize("hits", [(950, 950, 950), (1000, 1000, 1000), (951, 960, 970)])
def test_rising_is_no_regression(hits):
    drops = {"max_accuracy_drop": 0, "max_tpr_drop": 0, "max_tnr_drop": 0}
    assert failures(report_of(*hits), **drops) == set()


def test_one_class_that_falls_is_found_where_the_accuracy_hides_it():
    candidate = report_of(990, 990, 890)
    assert {name for name, label in failures(candidate, max_tpr_drop=0.03)} == {"max_tpr_drop"}
    assert failures(candidate, max_accuracy_drop=0) == set()
    assert judge(candidate, GOOD).verdict == "FAIL"


def test_rule_says_what_it_saw():
    (rule,) = [
        rule for rule in judge(report_of(950, 799, 950), GOOD).rules if (rule.name, rule.label) == ("min_tpr", "B")
    ]
    assert (rule.limit, rule.observed, rule.verdict) == (0.80, 0.799, "FAIL")
    assert rule.reason == "0.7990 is below 0.8000"
    assert rule.ci95[0] < 0.799 < rule.ci95[1]


@pytest.mark.parametrize("value", [None, NAN, float("inf"), -0.1, 1.1, "0.95"])
@pytest.mark.parametrize("which", ["candidate", "reference"])
def test_accuracy_that_is_no_rate_fails(value, which):
    bad = replace(GOOD, accuracy=value)
    candidate, reference = (bad, GOOD) if which == "candidate" else (GOOD, bad)
    found = failures(candidate, reference)
    assert ("max_accuracy_drop", "all") in found
    assert (("min_accuracy", "all") in found) is (which == "candidate")


@pytest.mark.parametrize("value", [None, NAN, float("inf"), -0.1, 1.1, "0.95"])
@pytest.mark.parametrize("rate", ["tpr", "tnr"])
def test_class_rate_that_is_no_rate_fails(value, rate):
    assert failures(changed(GOOD, "B", **{rate: value})) == {(f"min_{rate}", "B"), (f"max_{rate}_drop", "B")}
    assert failures(GOOD, changed(GOOD, "B", **{rate: value})) == {(f"max_{rate}_drop", "B")}


def test_zero_samples_fail_whatever_the_rate_says():
    assert failures(replace(GOOD, n=0)) == {("min_accuracy", "all"), ("max_accuracy_drop", "all")}
    assert failures(changed(GOOD, "B", n=0, tp=0, fn=0)) == {("min_tpr", "B"), ("max_tpr_drop", "B")}
    assert failures(changed(GOOD, "B", tn=0, fp=0)) == {("min_tnr", "B"), ("max_tnr_drop", "B")}


@pytest.mark.parametrize("which", ["candidate", "reference"])
def test_missing_class_fails(which):
    less = replace(GOOD, per_class={label: GOOD.per_class[label] for label in ("A", "B")})
    candidate, reference = (less, GOOD) if which == "candidate" else (GOOD, less)
    assert {label for _, label in failures(candidate, reference)} == {"C"}


@pytest.mark.parametrize("labels", [("A", "B", "D"), ("A", "C", "B"), ("A", "B"), ()])
def test_different_labels_fail(labels):
    assert ("same_labels", "all") in failures(replace(GOOD, labels=labels))
    assert ("same_labels", "all") in failures(GOOD, replace(GOOD, labels=labels))


@pytest.mark.parametrize("sha256", ["other", "", None])
def test_different_data_fail(sha256):
    assert failures(replace(GOOD, data={"sha256": sha256})) == {("same_data", "all")}
    assert failures(GOOD, replace(GOOD, data={"sha256": sha256})) == {("same_data", "all")}


def test_class_that_the_candidate_does_not_know_is_named():
    less = replace(GOOD, labels=("A", "B"), per_class={label: GOOD.per_class[label] for label in ("A", "B")})
    for candidate, reference in ((less, GOOD), (GOOD, less)):
        assert {("same_labels", "all"), ("max_tpr_drop", "C")} <= failures(candidate, reference)


def test_reports_that_do_not_say_on_what_fail():
    silent = replace(GOOD, data={"sha256": None})
    assert failures(silent, silent) == {("same_data", "all")}


def test_two_empty_reports_fail():
    empty = replace(GOOD, labels=(), per_class={}, n=0, accuracy=None)
    assert judge(empty, empty, policy=LENIENT).verdict == "FAIL"


def test_verdict_is_the_contracts_json():
    fields = json.loads(json.dumps(judge(report_of(950, 700, 950), GOOD).to_json(), allow_nan=False))
    assert list(fields) == ["verdict", "rules"]
    for rule in fields["rules"]:
        assert list(rule) == ["name", "label", "limit", "observed", "ci95", "verdict", "reason"]


@pytest.mark.parametrize("bad", [changed(GOOD, "A", tpr=NAN), replace(GOOD, accuracy=NAN)], ids=["tpr", "accuracy"])
def test_verdict_on_nan_can_be_written(bad):
    assert json.dumps(judge(bad, GOOD).to_json(), allow_nan=False)


def test_table_names_every_failure_first_and_then_the_verdict():
    candidate = changed(report_of(950, 700, 950), "C", tpr=None)
    verdict = judge(candidate, GOOD)
    lines = list(table(verdict))
    failed = [rule for rule in verdict.rules if rule.verdict == "FAIL"]
    assert len(failed) > 3
    assert [line.split()[0] for line in lines[:-1]] == ["FAIL"] * len(failed) + ["PASS"] * (
        len(lines) - len(failed) - 1
    )
    for line, rule in zip(lines, failed, strict=False):
        assert line.split()[1:3] == [rule.name, rule.label]
        assert rule.reason in line
    assert lines[-1] == f"gate: FAIL ({len(verdict.rules)} rules, {len(failed)} failed)\n"
    assert all(line.count("\n") == 1 for line in lines)


def test_worst_failure_comes_first():
    rules = judge(report_of(950, 500, 790), GOOD, policy=replace(LENIENT, min_tpr=0.8)).rules
    assert [(rule.name, rule.label) for rule in rules[:2]] == [("min_tpr", "B"), ("min_tpr", "C")]
    unknown = judge(changed(report_of(950, 500, 950), "C", tpr=None), GOOD).rules[0]
    assert (unknown.label, unknown.observed) == ("C", None)


def test_table_of_a_pass_ends_well():
    assert list(table(judge(GOOD, GOOD)))[-1] == "gate: PASS (14 rules, 0 failed)\n"


def test_assert_no_regression_names_each_failure():
    assert_no_regression(GOOD, GOOD)
    with pytest.raises(AssertionError, match="gate: FAIL\n") as caught:
        assert_no_regression(report_of(950, 700, 950), GOOD)
    assert "min_tpr of B: 0.7000 is below 0.8000" in str(caught.value).splitlines()
    assert_no_regression(report_of(950, 700, 950), GOOD, policy=LENIENT)


@pytest.fixture
def policy_file(tmp_path):
    """Writes a policy."""

    def write(text: str) -> str:
        (tmp_path / "policy.toml").write_text(text)
        return str(tmp_path / "policy.toml")

    return write


def test_policy_from_toml_keeps_the_other_defaults(policy_file):
    assert load_policy(policy_file("min_tpr = 0.7\ninconclusive = 'report'\n")) == Policy(
        min_tpr=0.7, inconclusive="report"
    )
    assert load_policy(policy_file("")) == load_policy(None) == Policy()


@pytest.mark.parametrize("value", ["0", "1", "0.5"])
def test_fractions_may_be_the_ends(policy_file, value):
    assert load_policy(policy_file(f"max_tpr_drop = {value}")).max_tpr_drop == float(value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("min_tpr = 1.01", "min_tpr to be a fraction"),
        ("min_tpr = -0.01", "min_tpr to be a fraction"),
        ("min_tpr = 80", "min_tpr to be a fraction"),
        ("min_tpr = nan", "min_tpr to be a fraction"),
        ("min_tpr = inf", "min_tpr to be a fraction"),
        ("min_tpr = '0.8'", "min_tpr to be a fraction"),
        ("min_tpr = true", "min_tpr to be a fraction"),
        ("min_tpr = [0.8]", "min_tpr to be a fraction"),
        ("inconclusive = 'maybe'", "inconclusive to be fail, pass or report"),
        ("inconclusive = 1", "inconclusive to be fail, pass or report"),
        ("min_tprs = 0.8", "got min_tprs"),
        ("[gate]\nmin_tpr = 0.8", "got gate"),
        ("min_tpr 0.8", "expected a gate policy"),
        ("min_tpr = 0.8\nmin_tpr = 0.9", "expected a gate policy"),
        ("a = " + "[" * 100_000, "expected a gate policy"),
    ],
    ids=lambda text: text[:24],
)
def test_bad_policy_is_refused(policy_file, text, found, refused):
    with refused(found):
        load_policy(policy_file(text))


def test_missing_policy_is_refused(tmp_path, refused):
    with refused("No such file"):
        load_policy(tmp_path / "none.toml")
