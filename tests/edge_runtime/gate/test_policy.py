from dataclasses import asdict

import pytest

from edge_runtime.gate.policy import Policy, load_policy


def test_defaults_are_the_contracts_and_what_was_added_is_off():
    assert asdict(Policy()) == {
        "min_accuracy": 0.90,
        "min_tpr": 0.80,
        "min_tnr": 0.80,
        "max_accuracy_drop": 0.01,
        "max_tpr_drop": 0.03,
        "max_tnr_drop": 0.02,
        "inconclusive": "fail",
        "floors": "estimate",
        "min_sources": 0,
        **dict.fromkeys(("min_agreement", "max_ece_rise", "max_size_bytes", "max_latency_ms")),
    }


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
    ("text", "name", "value"),
    [
        ("min_agreement = 0.99", "min_agreement", 0.99),
        ("max_ece_rise = 0.02", "max_ece_rise", 0.02),
        ("max_size_bytes = 300000", "max_size_bytes", 300_000),
        ("max_latency_ms = 2.5", "max_latency_ms", 2.5),
        ("floors = 'interval'", "floors", "interval"),
        ("min_sources = 10", "min_sources", 10),
    ],
)
def test_what_is_off_by_default_can_be_asked_for(policy_file, text, name, value):
    assert getattr(load_policy(policy_file(text)), name) == value


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
        ("min_agreement = 99", "min_agreement to be a fraction"),
        ("max_ece_rise = -1", "max_ece_rise to be a fraction"),
        ("max_size_bytes = 0", "max_size_bytes to be a whole number from 1"),
        ("max_size_bytes = 2.5", "max_size_bytes to be a whole number from 1"),
        ("min_sources = -1", "min_sources to be a whole number from 0"),
        ("min_sources = true", "min_sources to be a whole number from 0"),
        ("max_latency_ms = 0", "max_latency_ms to be a number above 0"),
        ("max_latency_ms = inf", "max_latency_ms to be a number above 0"),
        ("max_latency_ms = nan", "max_latency_ms to be a number above 0"),
        ("inconclusive = 'maybe'", "inconclusive to be fail, pass or report"),
        ("inconclusive = 1", "inconclusive to be fail, pass or report"),
        ("floors = 'ceiling'", "floors to be estimate or interval"),
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
