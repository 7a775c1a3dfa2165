from dataclasses import replace

import junitparser
import pytest

from edge_runtime.gate import columns
from edge_runtime.gate.junit import to_junit
from tests.edge_runtime.gate.conftest import ABOUT


def parsed(verdict):
    """As a real parser reads it: the one suite, and its cases by rule and class."""
    whole = junitparser.JUnitXml.fromstring(to_junit(verdict, about=ABOUT))
    (suite,) = whole
    return suite, {(case.classname.removeprefix("gate."), case.name): case for case in suite}


def test_one_test_case_for_each_rule_and_class(failed):
    suite, cases = parsed(failed)
    assert set(cases) == {(rule.name, rule.label) for rule in failed.rules}
    assert suite.tests == len(failed.rules)
    assert (suite.failures, suite.skipped, suite.errors) == (failed.count("FAIL") + failed.count("INCONCLUSIVE"), 0, 0)
    assert suite.timestamp == "2024-05-01T00:00:00"
    assert {each.name: each.value for each in suite.properties()} == {**ABOUT, "verdict": "FAIL"}


def test_a_rule_that_is_not_met_says_why(failed):
    _, cases = parsed(failed)
    for rule in failed.rules:
        case = cases[rule.name, rule.label]
        if rule.verdict == "PASS":
            assert case.is_passed
        else:
            (result,) = case.result
            assert isinstance(result, junitparser.Failure)
            assert (result.type, result.message) == (rule.verdict, rule.reason)


def test_what_is_inconclusive_is_skipped_where_the_policy_lets_it(lenient):
    suite, cases = parsed(lenient)
    assert (suite.failures, suite.skipped) == (lenient.count("FAIL"), lenient.count("INCONCLUSIVE"))
    for rule in lenient.rules:
        if rule.verdict == "INCONCLUSIVE":
            (result,) = cases[rule.name, rule.label].result
            assert isinstance(result, junitparser.Skipped)
            assert rule.reason in result.message


@pytest.mark.parametrize("label", ["\x00\x1b[31m", "\udcff", '<&">', "ü ❔"])
def test_any_label_can_be_written(failed, label):
    verdict = replace(failed, rules=tuple(replace(rule, label=label) for rule in failed.rules[:1]))
    _, cases = parsed(verdict)
    ((_, name),) = cases
    assert name == (label if label.isprintable() else ascii(label)[1:-1])


def test_the_suite_ends_with_the_verdict(failed):
    assert f"<system-out>{columns.summary(failed)}</system-out>" in to_junit(failed, about=ABOUT).decode()
