import pytest

from edge_runtime import metrics
from edge_runtime.gate.estimates import Estimates
from edge_runtime.gate.pairing import pair
from tests.edge_runtime.gate.made import made

KEYS = [("accuracy", "all"), *((rate, label) for label in "ABC" for rate in ("tpr", "tnr"))]


def estimates(candidate, reference, **settings):
    return Estimates(pair(candidate, reference), **{"resamples": 1000, **settings})


@pytest.mark.parametrize("sources", [None, 20])
def test_values_are_those_of_the_reports(sources):
    mine, its = made(90, 80, 70, n=100, sources=sources), made(95, 60, 100, n=100)
    found = estimates(mine, its)
    assert found["accuracy", "all"].rate.value == pytest.approx(mine.accuracy, rel=1e-12)
    assert found["accuracy", "all"].drop.value == pytest.approx(its.accuracy - mine.accuracy, rel=1e-12)
    for label in "ABC":
        for rate in ("tpr", "tnr"):
            before, seen = (getattr(report.per_class[label], rate) for report in (its, mine))
            assert found[rate, label].rate.value == pytest.approx(seen, rel=1e-12)
            # Differences of two rates: their rounding is of the order of 1e-16.
            assert found[rate, label].drop.value == pytest.approx(before - seen, abs=1e-12)


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("sources", [None, 20, 100])
def test_intervals_hold_the_value_and_never_lack_width(key, sources):
    found = estimates(made(90, 80, 100, n=100, sources=sources), made(95, 60, 100, n=100))[key]
    for each in (found.rate, found.drop):
        assert each.ci95[0] <= each.value <= each.ci95[1]
        assert each.ci95[0] < each.ci95[1]
        assert each.sources is None or each.units == each.sources


def test_without_groups_the_rate_s_interval_is_wilson_s():
    found = estimates(made(90, 80, 70, n=100), made(95, 60, 100, n=100))
    assert found["tpr", "A"].rate.ci95 == metrics.wilson(90, 100)
    assert found["tpr", "A"].rate.sources is None
    assert found["tpr", "A"].rate.units == 100


def test_one_file_that_answers_alike_is_no_worse_than_itself_on_however_little():
    report = made(2, 1, 2, n=2)
    assert estimates(report, report)["tpr", "A"].drop.ci95 == (0.0, 0.0)
    other = made(2, 1, 2, n=2, model={"sha256": "other"})
    assert estimates(other, report)["tpr", "A"].drop.ci95[1] > 0.5
    changed = made(2, 2, 2, n=2, model={"sha256": report.model["sha256"]})
    assert all(estimates(changed, report)["tpr", label].drop.ci95[1] > 0.2 for label in "ABC")


def test_errors_of_few_sources_are_less_sure_than_as_many_of_many():
    by_source, by_image = (
        estimates(made(90, 90, 90, n=100, sources=sources), made(100, 100, 100, n=100))["tpr", "A"].drop
        for sources in (10, 100)
    )
    assert by_source.value == by_image.value
    assert by_source.ci95[1] > by_image.ci95[1]


def test_of_many_independent_sources_it_is_near_the_interval_by_image():
    pairs = made(90, 90, 90, n=100, sources=100), made(100, 100, 100, n=100)
    by_source = estimates(*pairs)["tpr", "A"].drop.ci95
    by_image = estimates(made(90, 90, 90, n=100), pairs[1])["tpr", "A"].drop.ci95
    # Two kinds of interval of 10 of 100; both ends within a hundredth, where a source of ten images moves them by 0.1.
    assert by_source == pytest.approx(by_image, abs=0.015)


def test_both_models_are_drawn_from_the_same_sources():
    """Rates that differ much between sources, and alike for both models: the drop is sure all the same."""
    mine, its = made(59, 100, 100, n=100, sources=20), made(60, 100, 100, n=100, sources=20)
    found = estimates(mine, its)["tpr", "A"]
    assert found.rate.ci95[1] - found.rate.ci95[0] > 0.3
    assert found.drop.ci95[1] < 0.06


@pytest.mark.parametrize(("hits", "interval"), [(100, "steady"), (95, "anything")])
def test_one_source_tells_nothing_unless_nothing_changed(hits, interval):
    drop = estimates(made(hits, 100, 100, n=100, sources=1), made(100, 100, 100, n=100))["tpr", "A"].drop
    if interval == "anything":
        assert drop.ci95 == (-1.0, 1.0)
        assert drop.beyond(0.03) == 1.0
    else:
        assert drop.ci95[1] == pytest.approx(3.84 / 103.84, abs=1e-3)  # Tango's, of 100 images without a change


def test_a_total_loss_in_every_source_is_beyond_doubt():
    drop = estimates(made(0, 100, 100, n=100, sources=4), made(100, 100, 100, n=100))["tpr", "A"].drop
    assert drop.beyond(0.03) < 1e-9


def test_agreement_and_what_changed():
    found = estimates(made(90, 100, 100, n=100, sources=20), made(100, 95, 100, n=100))
    assert found.agreement.value == pytest.approx(285 / 300)
    compared = found["tpr", "A"]
    assert (compared.lost, compared.won, compared.changed) == (10, 0, 10)
    assert (found["accuracy", "all"].lost, found["accuracy", "all"].won) == (10, 5)


@pytest.mark.parametrize("sources", [None, 20])
def test_calibration_is_compared(sources):
    sure, unsure = (made(80, 80, 80, n=100, sources=sources, confidence=value) for value in (1.0, 0.8))
    rise = estimates(sure, unsure, resamples=500).ece_rise()
    assert rise.value == pytest.approx(sure.ece - unsure.ece)
    assert rise.ci95[0] <= rise.value <= rise.ci95[1]
    assert rise.sources == (60 if sources else None)
    assert estimates(unsure, unsure, resamples=500).ece_rise().ci95 == (0.0, 0.0)


def test_the_same_seed_gives_the_same_interval_and_another_another():
    pairs = made(90, 80, 70, n=100, sources=20), made(95, 60, 100, n=100)
    first, again, other = (estimates(*pairs, seed=seed)["accuracy", "all"].drop.beyond(0.03) for seed in (1, 1, 2))
    assert first == again != other


def test_effective_units_lie_between_sources_and_images():
    found = estimates(made(90, 100, 100, n=100, sources=10), made(100, 100, 100, n=100))
    assert found["tpr", "A"].effective == pytest.approx(10)  # whole sources are wrong
    assert estimates(made(90, 100, 100, n=100), made(100, 100, 100, n=100))["tpr", "A"].effective is None
