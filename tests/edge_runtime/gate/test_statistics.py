import math

import numpy as np
import pytest
from scipy import optimize, stats

from edge_runtime.gate import statistics


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 12, 63, 1000])
def test_student_is_scipy_s(degrees):
    for t in (-5.0, -1.0, 0.0, 0.3, 2.0, 10.0):
        # Sums of at most 500 terms below 1, each rounded at 1e-16.
        assert statistics.student_cdf(t, degrees) == pytest.approx(stats.t.cdf(t, degrees), abs=1e-12)
    for p in (0.5, 0.9, 0.975, 0.9999):
        # At p = 0.9999 and one degree of freedom the quantile is 3183, and its bisection is as exact as doubles are.
        assert statistics.student_quantile(p, degrees) == pytest.approx(stats.t.ppf(p, degrees), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("groups", [2, 3, 4, 6, 13, 45, 1000])
def test_expanded_tail_is_hesterberg_s_and_contracts_back(groups):
    tail = statistics.expanded_tail(0.025, groups=groups, strata=1)
    wanted = stats.norm.cdf(-math.sqrt(groups / (groups - 1)) * stats.t.ppf(0.975, groups - 1))
    assert tail == pytest.approx(wanted, rel=1e-6, abs=1e-15)
    if groups > 3:  # with fewer the tail is too small to come back from
        assert statistics.contracted_tail(tail, groups=groups, strata=1) == pytest.approx(0.025, rel=1e-6)


def test_more_strata_leave_fewer_degrees_of_freedom():
    one, four = (statistics.expanded_tail(0.025, groups=20, strata=strata) for strata in (1, 4))
    assert four < one < 0.025


@pytest.mark.parametrize(("share", "p"), [(0.0, 0.0), (1.0, 1.0), (0.5, 0.5)])
def test_tails_that_need_no_distribution(share, p):
    assert statistics.contracted_tail(share, groups=5, strata=1) == p


def test_interval_of_means_covers_as_often_as_it_says():
    """Means of 6 skewed values: the plain percentile interval misses far too often, the expanded one less."""
    random = np.random.default_rng(1)
    drawn = random.exponential(size=(400, 6))
    missed = {"plain": 0, "expanded": 0}
    for values in drawn:
        means = random.choice(values, (500, 6)).mean(axis=1)
        low, high = statistics.percentile_interval(means, groups=6, strata=1)
        missed["expanded"] += not low <= 1 <= high
        missed["plain"] += not np.quantile(means, 0.025) <= 1 <= np.quantile(means, 0.975)
    # 5 % of 400 are 20; a skewed mean of 6 stays worse than that, but the expansion must mend most of it.
    assert missed["expanded"] < 0.7 * missed["plain"]


def score_by_likelihood(drop: float, *, lost: int, won: int, n: int) -> float:
    """Tango's score where the nuisance share is found by maximising the likelihood, not by his formula."""

    def unlikely(won_share: float) -> float:
        lost_share, same = won_share + drop, 1 - 2 * won_share - drop
        terms = ((lost, lost_share), (won, won_share), (n - lost - won, same))
        return -sum(count * math.log(max(share, 1e-300)) for count, share in terms if count)

    share = optimize.minimize_scalar(
        unlikely, bounds=(max(0, -drop), (1 - drop) / 2), method="bounded", options={"xatol": 1e-12}
    ).x
    return (lost - won - n * drop) / math.sqrt(n * (2 * share + drop * (1 - drop)))


@pytest.mark.parametrize(("lost", "won", "n"), [(5, 2, 44), (12, 2, 60), (1, 0, 20), (30, 30, 300)])
@pytest.mark.parametrize("drop", [-0.05, 0.01, 0.1])
def test_tango_score_is_that_of_the_likelihood(lost, won, n, drop):
    found = statistics.tango_score(drop, lost=lost, won=won, n=n)
    # The search stops 1e-6 or so short of a maximum that lies at the end of its bounds.
    assert found == pytest.approx(score_by_likelihood(drop, lost=lost, won=won, n=n), rel=1e-4)


@pytest.mark.parametrize(("lost", "won", "n"), [(5, 2, 44), (0, 0, 620), (620, 0, 620), (0, 620, 620), (1, 1, 2)])
def test_tango_interval_ends_where_the_score_is_1_96(lost, won, n):
    low, high = statistics.tango_interval(lost=lost, won=won, n=n)
    seen = (lost - won) / n
    assert -1 <= low <= seen <= high <= 1
    assert low < high
    for end in (low, high):
        if abs(end - seen) > 1e-9 and abs(end) < 1 - 1e-9:
            assert abs(statistics.tango_score(end, lost=lost, won=won, n=n)) == pytest.approx(1.96, abs=1e-3)


def test_without_a_change_the_interval_has_tango_s_width():
    low, high = statistics.tango_interval(lost=0, won=0, n=620)
    square = 1.959963984540054**2
    assert (-low, high) == pytest.approx((square / (620 + square),) * 2, rel=1e-9)


def test_tango_p_is_small_beyond_the_limit_and_large_within():
    assert statistics.tango_p(0.03, lost=100, won=0, n=620) < 1e-9
    assert statistics.tango_p(0.03, lost=0, won=0, n=620) > 0.999
    low, _ = statistics.tango_interval(lost=40, won=3, n=620)
    assert statistics.tango_p(low, lost=40, won=3, n=620) == pytest.approx(0.025, rel=1e-6)


@pytest.mark.parametrize(
    ("p", "adjusted"),
    [
        ([], []),
        ([0.01], [0.01]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # Holm's own kind of example, by hand
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.0, 1.0], [0.0, 1.0]),
    ],
)
def test_holm(p, adjusted):
    assert statistics.holm(p) == pytest.approx(adjusted)


def test_images_of_a_cell_that_answer_alike_count_once():
    groups = np.repeat(np.arange(10), 20)
    assert statistics.effective_units(groups < 3, groups) == pytest.approx(10)


def test_images_that_do_not_care_for_their_cell_count_each():
    groups = np.repeat(np.arange(50), 20)
    right = np.random.default_rng(0).random(1000) < 0.8
    # The correlation's standard error is about 1 / (20 * sqrt(25)) = 0.01; at 0.02 they count for 725.
    assert statistics.effective_units(right, groups) > 700


@pytest.mark.parametrize("right", [True, False])
def test_where_all_answer_alike_a_cell_counts_once(right):
    groups = np.repeat(np.arange(4), [155, 155, 154, 156])
    assert statistics.effective_units(np.full(620, right), groups) == pytest.approx(4, abs=1e-3)


def test_one_group_is_one_unit():
    assert statistics.effective_units(np.arange(10) < 5, np.zeros(10, int)) == pytest.approx(1)


def test_numbers_of_groups_may_have_gaps():
    groups = np.repeat([2, 7], 10)
    assert statistics.effective_units(groups == 2, groups) == pytest.approx(2)


@pytest.mark.parametrize(
    ("estimate", "interval", "further"),
    [
        (0.01, (-0.03, 0.05), 12),  # half of 0.04 must become 0.02: four times as many
        (0.05, (0.01, 0.09), 12),
        (0.03, (0.0, 0.06), None),
        (0.0299999, (0.0, 0.06), None),
        (0.01, (-0.01, 0.0299), 1),
    ],
)
def test_how_many_more_would_settle_it(estimate, interval, further):
    assert statistics.further_units(estimate, 0.03, interval, units=4) == further
