"""Judge a candidate against a reference under a policy."""

import math
import os
import warnings
from collections.abc import Iterator

from edge_runtime.command import DONE
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.files import read_json
from edge_runtime.gate.estimates import ACCURACY, OVERALL, TPR, Estimates
from edge_runtime.gate.pairing import Pairs, pair
from edge_runtime.gate.policy import REPORTS, Policy
from edge_runtime.gate.rules import rules
from edge_runtime.gate.statistics import holm
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, PASS, WORST_FIRST, Behind, Rule, Verdict
from edge_runtime.paired import mcnemar
from edge_runtime.report import EvalReport, load_report

StrPath = str | os.PathLike[str]


def judge(
    candidate: EvalReport, reference: EvalReport, *, policy: Policy | None = None, latency_ms: float | None = None
) -> Verdict:
    """Apply every rule of `policy` to `candidate` (the default policy for None).

    `latency_ms` is the candidate's median, for a policy with `max_latency_ms`. Raises LeukoliteError when the reports
    cannot be compared, or lack what the policy asks for.
    """
    policy = policy or Policy()
    pairs = pair(candidate, reference)
    estimates = Estimates(pairs)
    asked = rules(policy, estimates, labels=pairs.labels, costs=_costs(candidate, policy, latency_ms))
    judged = sorted((rule.judge() for rule in asked), key=lambda rule: (WORST_FIRST.index(rule.verdict), _margin(rule)))
    worst = judged[0].verdict if judged else FAIL
    return Verdict(worst, tuple(judged), tuple(_behind(pairs, estimates, policy)), policy)


def assert_no_regression(
    candidate: EvalReport | StrPath, reference: EvalReport | StrPath, *, policy: Policy | None = None
) -> None:
    """For use in pytest: raise AssertionError with one line for each rule that does not pass.

    Takes EvalReports or the paths of their files. What is inconclusive raises by the policy's `inconclusive = "fail"`,
    warns by `"report"` and is let pass by `"pass"`.
    """
    verdict = judge(_opened(candidate), _opened(reference), policy=policy)
    lines = [
        f"{rule.verdict} {rule.name} of {rule.label}: {rule.reason}" for rule in verdict.rules if rule.verdict != PASS
    ]
    text = "\n".join([f"gate: {verdict.verdict}", *lines])
    if verdict.status == DONE:
        return
    if verdict.verdict == INCONCLUSIVE and verdict.policy.inconclusive == REPORTS:
        warnings.warn(text, stacklevel=2)
        return
    raise AssertionError(text)


def read_latency_ms(path: StrPath, *, candidate: EvalReport) -> float:
    """The median of a benchmark's JSON, as `leukolite bench --result-json` writes it.

    Raises LeukoliteError when there is none, when the benchmark calls itself invalid, or the file names another model
    than the candidate's.
    """
    fields = read_json(path, what="a benchmark")
    latency, model = fields.get("latency"), fields.get("model")
    value = latency.get("median_ms") if isinstance(latency, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise LeukoliteError(
            expected=f"latency.median_ms, a number above 0, in {show(path)}",
            found=repr(value),
            remedy="make it with `leukolite bench --result-json`",
        )
    if fields.get("valid") is False:
        raise LeukoliteError(
            expected=f"a valid benchmark in {show(path)}",
            found=f"one that is not: {show(fields.get('invalid_because'))}",
            remedy="measure again as it says",
        )
    timed = model.get("sha256") if isinstance(model, dict) else None
    if timed is not None and timed != candidate.model.get("sha256"):
        raise LeukoliteError(
            expected=f"the latency of the candidate, model {str(candidate.model.get('sha256'))[:12]}, in {show(path)}",
            found=f"that of {str(timed)[:12]}",
            remedy="time the model that was evaluated",
        )
    return float(value)


def _opened(report: EvalReport | StrPath) -> EvalReport:
    """A report, read where it was named."""
    return report if isinstance(report, EvalReport) else load_report(report, must_be_sealed=True)


def _costs(candidate: EvalReport, policy: Policy, latency_ms: float | None) -> dict[str, float]:
    """What the policy's budgets are on; LeukoliteError where one is asked for and nobody measured."""
    measured = {
        "max_size_bytes": (candidate.model.get("size_bytes"), "evaluate the candidate again"),
        "max_latency_ms": (latency_ms, "give --latency with what `leukolite bench --result-json` wrote"),
    }
    costs = {}
    for name, (value, remedy) in measured.items():
        if getattr(policy, name) is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
            raise LeukoliteError(expected=f"a measurement for the policy's {name}", found=repr(value), remedy=remedy)
        costs[name] = float(value)
    return costs


def _margin(rule: Rule) -> float:
    """How far inside its limit a rule is, in limits, for the order of the table."""
    inside = rule.observed - rule.limit if rule.name.startswith("min_") else rule.limit - rule.observed
    return inside / max(abs(rule.limit), 1e-3)


def _behind(pairs: Pairs, estimates: Estimates, policy: Policy) -> Iterator[Behind]:
    """What stands behind the rules, overall and class by class."""
    keys = [(ACCURACY, OVERALL), *((TPR, label) for label in pairs.labels)]
    masks = [pairs.classes >= 0, *(pairs.classes == number for number in range(len(pairs.labels)))]
    tests = [mcnemar(pairs.classes[mask], pairs.reference[mask], pairs.candidate[mask]) for mask in masks]
    adjusted = holm([test.p for test in tests])
    for key, test, p in zip(keys, tests, adjusted, strict=True):
        compared = estimates[key]
        sources = compared.rate.sources
        drop = policy.max_accuracy_drop if key[1] == OVERALL else policy.max_tpr_drop
        yield Behind(
            label=key[1],
            images=compared.rate.images,
            sources=sources,
            effective=compared.effective,
            changed=compared.changed,
            lost=compared.lost,
            won=compared.won,
            mcnemar_p=test.p,
            mcnemar_holm=p,
            blind=None if sources is None else (1 - drop) ** sources,
        )
