"""Statistics against values worked out by hand, and a clock that is told what to show: no wall clock is asserted."""

import pytest

from edge_runtime.timing import Plan, Statistics, Timing, measure


class Clock:
    """Shows seconds; `work` lets them pass as listed, and the last over and over."""

    def __init__(self, *seconds: float) -> None:
        self.now, self.left = 0.0, list(seconds)

    def __call__(self) -> float:
        return self.now

    def work(self) -> None:
        self.now += self.left.pop(0) if len(self.left) > 1 else self.left[0]


def test_statistics_by_hand():
    # 1 to 5 in another order; deviations from 3 are -2 to 2, whose mean square is 2. The 90th percentile lies 0.9 x 4
    # = 3.6 steps above the lowest, so at 4.6.
    found = Statistics.of([3.0, 1.0, 2.0, 5.0, 4.0])
    assert (found.avg_ms, found.min_ms, found.max_ms, found.median_ms, found.num_runs) == (3.0, 1.0, 5.0, 3.0, 5)
    assert found.std_ms == pytest.approx(2**0.5)
    assert (found.iqr_ms, found.mad_ms) == (2.0, 1.0)  # 2 to 4; the distances from 3 are 0, 1, 1, 2, 2
    percentiles = (found.p5_ms, found.p90_ms, found.p95_ms, found.p99_ms)
    assert percentiles == pytest.approx((1.2, 4.6, 4.8, 4.96))


def test_statistics_of_one_call():
    found = Statistics.of([7.0])
    assert {found.avg_ms, found.min_ms, found.max_ms, found.median_ms, found.p5_ms, found.p99_ms} == {7.0}
    assert (found.std_ms, found.iqr_ms, found.mad_ms, found.num_runs) == (0.0, 0.0, 0.0, 1)


@pytest.mark.parametrize(
    ("plan", "warmups", "runs"),
    [
        (Plan(num_runs=3, min_secs=0, warmup_runs=2, warmup_min_secs=0), 2, 3),
        (Plan(num_runs=3, min_secs=5 / 64, warmup_runs=2, warmup_min_secs=0), 2, 5),  # the seconds ask for more
        (Plan(num_runs=3, min_secs=0, warmup_runs=2, warmup_min_secs=4.1 / 64), 5, 3),
        (Plan(), 32, 64),  # half a second and a second
        (Plan(num_runs=200), 32, 200),
    ],
)
def test_so_many_runs_and_so_long_both(plan, warmups, runs):
    clock = Clock(1 / 64)  # whose sums are exact
    found = measure(clock.work, plan=plan, clock=clock)
    assert (len(found.warmup_ms), len(found.samples_ms)) == (warmups, runs)


def test_each_call_is_timed_in_order():
    clock = Clock(0.5, 0.25, 1, 2, 4, 3)
    found = measure(clock.work, plan=Plan(num_runs=3, min_secs=0, warmup_runs=2, warmup_min_secs=0), clock=clock)
    assert (found.warmup_ms, found.samples_ms) == ((500, 250), (1000, 2000, 4000))


def test_what_raises_ends_the_measurement():
    with pytest.raises(ZeroDivisionError):
        measure(lambda: 1 // 0, plan=Plan())


def test_json_has_the_contracts_names():
    found = Timing((9.0, 5.0), (1.0, 2.0, 3.0)).to_json()
    assert list(found) == [
        "warmup_first_ms", "warmup_avg_ms", "num_warmup_runs", "avg_ms", "min_ms", "max_ms", "median_ms", "std_ms",
        "p5_ms", "p90_ms", "p95_ms", "p99_ms", "iqr_ms", "mad_ms", "num_runs", "samples_ms",
    ]  # fmt: skip
    assert (found["warmup_first_ms"], found["warmup_avg_ms"], found["num_warmup_runs"]) == (9.0, 7.0, 2)
    assert (found["median_ms"], found["num_runs"], found["samples_ms"]) == (2.0, 3, [1.0, 2.0, 3.0])
