import json
from dataclasses import replace
from time import process_time

import pytest

from edge_runtime.gate import Policy, assert_no_regression, judge, read_latency_ms
from tests.edge_runtime.gate.made import LABELS, made

GOOD = made(950, 950, 950)
LENIENT = Policy(0, 0, 0, 1, 1, 1)


def verdicts(candidate, reference=GOOD, **limits):
    """The verdict of each rule; only the limits given can be missed."""
    judged = judge(candidate, reference, policy=replace(LENIENT, **limits))
    return {(rule.name, rule.label): rule.verdict for rule in judged.rules}


def test_as_good_as_the_reference_passes_by_default():
    verdict = judge(GOOD, GOOD)
    assert (verdict.verdict, verdict.status) == ("PASS", 0)
    assert {rule.verdict for rule in verdict.rules} == {"PASS"}
    assert {(rule.name, rule.label) for rule in verdict.rules} == {
        *((name, "all") for name in ("min_accuracy", "max_accuracy_drop")),
        *((name, label) for name in ("min_tpr", "min_tnr", "max_tpr_drop", "max_tnr_drop") for label in LABELS),
    }


@pytest.mark.parametrize("sources", [1, 4, 30])
def test_a_model_that_changed_no_label_passes_however_few_the_sources(sources):
    report = made(190, 190, 190, n=200, sources=sources)
    assert judge(report, made(190, 190, 190, n=200, model={"sha256": "other"})).verdict == "PASS"


# Each pair: reached exactly, and missed by one image of 1000. Of (900, 950, 850) the accuracy is 0.9 exactly.
@pytest.mark.parametrize(
    ("rule", "label", "limit", "at_limit", "beyond"),
    [
        ("min_accuracy", "all", 0.90, (900, 950, 850), (900, 950, 849)),
        ("min_tpr", "B", 0.80, (950, 800, 950), (950, 799, 950)),
        ("min_tnr", "A", 0.95, (950, 900, 900), (950, 898, 900)),
    ],
)
def test_floor_passes_at_its_limit_and_fails_beyond(rule, label, limit, at_limit, beyond):
    assert verdicts(made(*at_limit), **{rule: limit})[rule, label] == "PASS"
    assert verdicts(made(*beyond), **{rule: limit})[rule, label] == "FAIL"


@pytest.mark.parametrize(
    ("rule", "label", "limit", "within", "unclear", "beyond"),
    [
        ("max_accuracy_drop", "all", 0.02, (940, 940, 940), (930, 930, 930), (900, 900, 900)),
        ("max_tpr_drop", "C", 0.03, (950, 950, 940), (950, 950, 920), (950, 950, 880)),
        ("max_tnr_drop", "A", 0.03, (950, 940, 940), (950, 880, 900), (950, 750, 750)),
    ],
)
def test_drop_passes_cannot_tell_and_fails(rule, label, limit, within, unclear, beyond):
    for hits, verdict in ((within, "PASS"), (unclear, "INCONCLUSIVE"), (beyond, "FAIL")):
        assert verdicts(made(*hits), **{rule: limit})[rule, label] == verdict


def test_what_many_sources_settle_few_do_not():
    """The same images are right; only how many cells they show differs."""
    found = {
        sources: verdicts(made(190, 190, 160, n=200, sources=sources), made(190, 190, 190, n=200), max_tpr_drop=0.03)
        for sources in (4, 100)
    }
    assert found[4]["max_tpr_drop", "C"] == "INCONCLUSIVE"
    assert found[100]["max_tpr_drop", "C"] == "FAIL"


def test_rising_is_no_regression():
    limits = {"max_accuracy_drop": 0.01, "max_tpr_drop": 0.01, "max_tnr_drop": 0.01}
    assert set(verdicts(made(951, 990, 1000), **limits).values()) == {"PASS"}


def test_one_class_that_falls_is_found_where_the_accuracy_hides_it():
    found = verdicts(made(990, 990, 890), max_tpr_drop=0.03, max_accuracy_drop=0.01)
    assert {key for key, verdict in found.items() if verdict != "PASS"} == {("max_tpr_drop", "C")}


def test_floors_can_ask_for_the_whole_interval():
    report = made(950, 810, 950)
    assert verdicts(report, report, min_tpr=0.8)["min_tpr", "B"] == "PASS"
    assert verdicts(report, report, min_tpr=0.8, floors="interval")["min_tpr", "B"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("policy", "status"),
    [(Policy(), 1), (Policy(inconclusive="pass"), 0), (Policy(inconclusive="report"), 3)],
)
def test_policy_says_what_inconclusive_does_to_the_status(policy, status):
    verdict = judge(made(950, 950, 920), GOOD, policy=policy)
    assert (verdict.verdict, verdict.status) == ("INCONCLUSIVE", status)
    failed = judge(made(950, 500, 920), GOOD, policy=policy)
    assert (failed.verdict, failed.status) == ("FAIL", 1)


def test_options_add_rules_and_each_can_fail():
    policy = replace(LENIENT, min_agreement=0.99, max_ece_rise=0.02, max_size_bytes=1000, max_latency_ms=2.0)
    small = made(50, 50, 50, n=60)
    assert judge(small, small, policy=policy, latency_ms=2.0).verdict == "PASS"
    bad = made(40, 50, 50, n=60, confidence=0.2, model={"size_bytes": 1001})
    rules = {rule.name: rule for rule in judge(bad, small, policy=policy, latency_ms=2.1).rules}
    for name in ("min_agreement", "max_ece_rise", "max_size_bytes", "max_latency_ms"):
        assert rules[name].verdict == "FAIL", rules[name].reason
    assert "rule" not in {rule.name for rule in judge(bad, small, policy=LENIENT).rules} & set(rules)


@pytest.mark.parametrize(
    ("limit", "changes", "latency_ms"),
    [
        ("max_size_bytes", {"size_bytes": None}, None),
        ("max_size_bytes", {"size_bytes": True}, None),
        ("max_size_bytes", {"size_bytes": "small"}, None),
        ("max_latency_ms", {}, None),
        ("max_latency_ms", {}, float("nan")),
    ],
)
def test_budget_that_nobody_measured_is_refused(limit, changes, latency_ms, refused):
    report = made(9, 9, 9, n=10, model=changes)
    with refused(f"a measurement for the policy's {limit}"):
        judge(report, report, policy=Policy(**{limit: 5}), latency_ms=latency_ms)


def test_reports_that_cannot_be_compared_are_refused(refused):
    with refused("data digest"):
        judge(replace(GOOD, data={"sha256": "other"}), GOOD)


def test_verdict_is_the_contracts_json():
    fields = json.loads(json.dumps(judge(made(950, 700, 950), GOOD).to_json(), allow_nan=False))
    assert list(fields)[:2] == ["verdict", "rules"]
    for rule in fields["rules"]:
        assert list(rule)[:7] == ["name", "label", "limit", "observed", "ci95", "verdict", "reason"]
    assert [each["label"] for each in fields["behind"]] == ["all", *LABELS]


def test_worst_comes_first_and_every_rule_is_there():
    rules = judge(made(950, 500, 790), GOOD).rules
    order = [("FAIL", "INCONCLUSIVE", "PASS").index(rule.verdict) for rule in rules]
    assert order == sorted(order)
    assert len(rules) == 14
    assert (rules[0].name, rules[0].label) == ("max_accuracy_drop", "all")  # 20 points where 1 is allowed
    floors = [rule.label for rule in rules if rule.name == "min_tpr"]
    assert floors[:2] == ["B", "C"]


def test_what_is_behind_each_class():
    overall, a, b, _ = judge(made(90, 100, 100, n=100, sources=10), made(100, 97, 100, n=100)).behind
    assert (a.label, a.images, a.sources, a.changed, a.lost, a.won) == ("A", 100, 10, 10, 10, 0)
    assert a.mcnemar_p == pytest.approx(2 / 2**10)
    assert a.mcnemar_holm == pytest.approx(4 * 2 / 2**10)  # the smallest of four
    assert (b.won, b.mcnemar_p) == (3, 0.25)
    assert (overall.lost, overall.won, overall.images) == (10, 3, 300)
    assert a.blind == pytest.approx(0.97**10)
    assert overall.blind == pytest.approx(0.99**30)


def test_of_the_size_of_test_it_takes_two_seconds():
    """2,500 images in 70 sources and four classes; of the processor's time, since other tests may run beside it."""
    reports = [made(*hits, n=625, sources=17, labels="ABCD") for hits in ((600,) * 4, (610,) * 4)]
    started = process_time()
    judge(*reports)
    assert process_time() - started < 2


def test_assert_no_regression_names_each_rule_that_does_not_pass():
    assert_no_regression(GOOD, GOOD)
    with pytest.raises(AssertionError, match="gate: FAIL\n") as caught:
        assert_no_regression(made(950, 700, 950), GOOD)
    lines = str(caught.value).splitlines()
    assert any(line.startswith("FAIL min_tpr of B: 0.7000 (") for line in lines)
    assert_no_regression(made(950, 700, 950), GOOD, policy=LENIENT)


def test_assert_no_regression_on_what_is_inconclusive():
    unclear = made(950, 950, 920)
    with pytest.raises(AssertionError, match="gate: INCONCLUSIVE"):
        assert_no_regression(unclear, GOOD)
    with pytest.warns(UserWarning, match="gate: INCONCLUSIVE"):
        assert_no_regression(unclear, GOOD, policy=Policy(inconclusive="report"))
    assert_no_regression(unclear, GOOD, policy=Policy(inconclusive="pass"))


def test_assert_no_regression_takes_files(tmp_path, refused):
    GOOD.save(tmp_path / "r.json")
    assert_no_regression(tmp_path / "r.json", str(tmp_path / "r.json"))
    (tmp_path / "r.json").write_text((tmp_path / "r.json").read_text().replace("0.95", "0.96"))
    with refused("by the digest inside"):
        assert_no_regression(tmp_path / "r.json", GOOD)


@pytest.fixture
def timed(tmp_path):
    """Writes a benchmark's JSON."""

    def write(fields) -> str:
        (tmp_path / "b.json").write_text(json.dumps(fields))
        return str(tmp_path / "b.json")

    return write


def test_latency_is_the_median_of_the_candidate(timed):
    fields = {"latency": {"median_ms": 1.5, "avg_ms": 9.0}}
    assert read_latency_ms(timed(fields), candidate=GOOD) == 1.5
    assert read_latency_ms(timed({**fields, "model": {"sha256": GOOD.model["sha256"]}}), candidate=GOOD) == 1.5


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "latency.median_ms"),
        ({"latency": {}}, "latency.median_ms"),
        ({"latency": {"median_ms": 0}}, "latency.median_ms"),
        ({"latency": {"median_ms": "1"}}, "latency.median_ms"),
        ({"latency": {"median_ms": float("nan")}}, "latency.median_ms"),
        ([], "a benchmark"),
        ({"latency": {"median_ms": 1.0}, "valid": False, "invalid_because": ["hot"]}, "a valid benchmark .*hot"),
        ({"latency": {"median_ms": 1.0}, "model": {"sha256": "other"}}, "time the model that was evaluated"),
    ],
)
def test_what_is_no_latency_of_the_candidate_is_refused(timed, fields, words, refused):
    with refused(words):
        read_latency_ms(timed(fields), candidate=GOOD)
