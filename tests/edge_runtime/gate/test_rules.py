import pytest

from edge_runtime.gate.estimates import Estimate
from edge_runtime.gate.rules import Budget, Drop, Floor


def figure(value, low, high, *, sources=10, p=1.0):
    """An estimate; `p` is what its tests give."""
    return Estimate(value, (low, high), 500, sources, lambda limit: p)


@pytest.mark.parametrize(
    ("value", "interval", "by_estimate", "by_interval"),
    [
        (0.90, (0.85, 0.95), "PASS", "PASS"),
        (0.80, (0.80, 0.95), "PASS", "PASS"),
        (0.85, (0.70, 0.95), "PASS", "INCONCLUSIVE"),
        (0.79, (0.70, 0.95), "FAIL", "INCONCLUSIVE"),
        (0.70, (0.60, 0.80), "FAIL", "INCONCLUSIVE"),
        (0.70, (0.60, 0.79), "FAIL", "FAIL"),
    ],
)
def test_floor(value, interval, by_estimate, by_interval):
    estimate = figure(value, *interval)
    assert Floor("min_tpr", "A", 0.8, estimate).judge().verdict == by_estimate
    rule = Floor("min_tpr", "A", 0.8, estimate, whole_interval=True).judge()
    assert rule.verdict == by_interval
    assert (rule.further is not None) == (by_interval == "INCONCLUSIVE")


@pytest.mark.parametrize(
    ("value", "interval", "adjusted", "verdict"),
    [
        (0.00, (-0.01, 0.01), 1.0, "PASS"),
        (0.01, (-0.01, 0.03), 1.0, "PASS"),  # the interval may end at the limit
        (0.01, (-0.01, 0.031), 1.0, "INCONCLUSIVE"),
        (0.05, (0.02, 0.08), 0.2, "INCONCLUSIVE"),
        (0.05, (0.031, 0.08), 0.03, "INCONCLUSIVE"),  # one interval is beyond; among so many drops it may be chance
        (0.05, (0.031, 0.08), 0.02, "FAIL"),
        (0.05, (0.031, 0.08), 0.025, "FAIL"),
    ],
)
def test_drop(value, interval, adjusted, verdict):
    rule = Drop("max_tpr_drop", "A", 0.03, figure(value, *interval), adjusted, 9).judge()
    assert (rule.verdict, rule.observed, rule.ci95) == (verdict, value, interval)


def test_a_fail_says_by_what_test_and_an_inconclusive_rule_what_would_settle_it():
    failed = Drop("max_tpr_drop", "A", 0.03, figure(0.05, 0.04, 0.06), 0.001, 9).judge()
    assert failed.reason == "drop +0.0500 (+0.0400 to +0.0600) is beyond 0.0300, p 0.001 (Holm, 9 drops)"
    surely = Drop("max_tpr_drop", "A", 0.03, figure(0.5, 0.4, 0.6), 0.0, 9).judge()
    assert surely.reason.endswith("is beyond 0.0300, p < 0.0001 (Holm, 9 drops)")
    open_ = Drop("max_tpr_drop", "A", 0.03, figure(0.01, -0.03, 0.05), 1.0, 9).judge()
    assert open_.further == 30
    assert open_.reason.endswith("cannot be told from 0.0300; 10 sources are behind it, about 30 more would settle it")
    never = Drop("max_tpr_drop", "A", 0.03, figure(0.03, 0.0, 0.06), 1.0, 9).judge()
    assert never.further is None
    assert never.reason.endswith("no number of further ones would settle it")


def test_by_image_is_said_to_be_optimistic():
    for rule in (
        Floor("min_tpr", "A", 0.8, figure(0.9, 0.85, 0.95, sources=None)),
        Drop("max_tpr_drop", "A", 0.03, figure(0.01, -0.01, 0.05, sources=None), 1.0, 9),
    ):
        assert "by image, which is optimistic" in rule.judge().reason
    assert "500 images are behind it" in rule.judge().reason


@pytest.mark.parametrize(("sources", "verdict"), [(10, "PASS"), (9, "INCONCLUSIVE"), (None, "INCONCLUSIVE")])
def test_too_few_sources_are_inconclusive_however_narrow(sources, verdict):
    estimate = figure(0.0, -0.001, 0.001, sources=sources)
    rule = Drop("max_tpr_drop", "A", 0.03, estimate, 1.0, 9, min_sources=10).judge()
    assert rule.verdict == verdict
    assert rule.further == (None if verdict == "PASS" else 10 - (sources or 0))


def test_a_rise_is_called_one():
    assert Drop("max_ece_rise", "all", 0.03, figure(0.01, 0.0, 0.02), 1.0, 9).judge().reason.startswith("rise +0.01")


@pytest.mark.parametrize(("cost", "verdict"), [(999.0, "PASS"), (1000.0, "PASS"), (1000.5, "FAIL")])
def test_budget(cost, verdict):
    rule = Budget("max_size_bytes", 1000, cost, "bytes").judge()
    assert (rule.verdict, rule.label, rule.ci95, rule.observed) == (verdict, "all", None, cost)


@pytest.mark.parametrize(
    ("limit", "cost", "unit", "reason"),
    [
        (2_000_000, 1_026_480.0, "bytes", "1,026,480 bytes is at most 2,000,000 bytes"),
        (2.5, 12.34567, "ms", "12.3457 ms is more than 2.5 ms"),
        (1, 0.98765, "ms", "0.9877 ms is at most 1 ms"),
    ],
)
def test_budgets_are_written_out(limit, cost, unit, reason):
    assert Budget("max", limit, cost, unit).judge().reason == reason
