"""The verdict as JUnit XML, which every CI shows: one test case for each rule and class."""

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as Xml

from edge_runtime.gate import columns
from edge_runtime.gate.policy import FAILS
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, Rule, Verdict

SUITE = "leukolite gate"


def to_junit(verdict: Verdict, *, about: Mapping[str, Any]) -> bytes:
    """The document, UTF-8.

    A rule that fails is a failure. One that is inconclusive is a failure too where the policy makes it one, and is
    skipped otherwise. `about` becomes the suite's properties, and `started` in it its time stamp.
    """
    undecided_fails = verdict.policy.inconclusive == FAILS
    failures = verdict.count(FAIL) + undecided_fails * verdict.count(INCONCLUSIVE)
    counts = {
        "tests": str(len(verdict.rules)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(verdict.count(FAIL) + verdict.count(INCONCLUSIVE) - failures),
        "time": "0",
    }
    started = str(about["started"]).rstrip("Z")
    suite = Xml.Element("testsuite", {"name": SUITE, "timestamp": started, **counts})
    properties = Xml.SubElement(suite, "properties")
    for name, value in {**about, "verdict": verdict.verdict}.items():
        Xml.SubElement(properties, "property", name=name, value=_text(value))
    for rule in verdict.rules:
        _add(suite, rule, undecided_fails=undecided_fails)
    Xml.SubElement(suite, "system-out").text = columns.summary(verdict)
    del counts["skipped"]  # the schemas know it of a suite only
    whole = Xml.Element("testsuites", {"name": SUITE, **counts})
    whole.append(suite)
    Xml.indent(whole, " ")
    return bytes(Xml.tostring(whole, encoding="utf-8", xml_declaration=True)) + b"\n"


def _add(suite: Xml.Element, rule: Rule, *, undecided_fails: bool) -> None:
    """One rule's test case, by the names that viewers group by."""
    case = Xml.SubElement(suite, "testcase", classname=f"gate.{rule.name}", name=_text(rule.label), time="0")
    if rule.verdict == FAIL or (rule.verdict == INCONCLUSIVE and undecided_fails):
        failure = Xml.SubElement(case, "failure", type=rule.verdict, message=_text(rule.reason))
        failure.text = _text(f"{rule.name} of {rule.label}: {rule.reason}")
    elif rule.verdict == INCONCLUSIVE:
        Xml.SubElement(case, "skipped", message=_text(f"{INCONCLUSIVE}: {rule.reason}"))
    else:
        Xml.SubElement(case, "system-out").text = _text(rule.reason)


def _text(value: object) -> str:
    """What XML can hold: no control characters, no halves of a surrogate pair."""
    text = str(value)
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
