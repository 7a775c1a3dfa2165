"""The accuracy-regression gate: compare a candidate's EvalReport with a reference's under a policy.

Rates are judged on their point estimates, image by image. What cannot be judged fails: a class without
samples, a NaN, another data set or other labels.
"""

import math
import os
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeGuard

from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.metrics import Interval, wilson
from edge_runtime.report import EvalReport

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"
OVERALL = "all"

# Differences of shares such as 0.90 - 0.89 carry a rounding error of about 1e-16; no share of fewer than
# a million images can differ by as little as this.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Policy:
    """What a candidate must reach, as fractions; the first three are the user's success criteria.

    `inconclusive` says what a verdict INCONCLUSIVE does to the exit status. The rules of this version judge
    point estimates and never give that verdict.
    """

    min_accuracy: float = 0.90
    min_tpr: float = 0.80
    min_tnr: float = 0.80
    max_accuracy_drop: float = 0.01
    max_tpr_drop: float = 0.03
    max_tnr_drop: float = 0.02
    inconclusive: str = "fail"

    def __post_init__(self) -> None:
        """Refuse limits that no rate can meet or miss."""
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "inconclusive":
                valid, wanted = value in ("fail", "pass", "report"), "fail, pass or report"
            else:
                valid = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
                wanted = "a fraction from 0 to 1"
            if not valid:
                raise LeukoliteError(
                    expected=f"{field.name} to be {wanted}", found=repr(value), remedy="correct the policy"
                )


@dataclass(frozen=True)
class Rule:
    """One limit on one rate of one class (or of `all`), and how it was met.

    `observed` is the rate for a floor and the drop against the reference for a drop; None where there was
    nothing to observe. `ci95` is the candidate's interval of the rate itself.
    """

    name: str
    label: str
    limit: float
    observed: float | None
    ci95: Interval | None
    verdict: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """The gate's answer: FAIL when any rule fails, with every rule's own answer, worst first."""

    verdict: str
    rules: tuple[Rule, ...]

    def to_json(self) -> dict[str, Any]:
        """The contract's JSON object."""
        return asdict(self)


def load_policy(path: str | os.PathLike[str] | None) -> Policy:
    """Read a policy from TOML; defaults for what it leaves out, LeukoliteError for a key that is unknown."""
    if path is None:
        return Policy()
    try:
        settings = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LeukoliteError(
            expected=f"a gate policy (TOML) at {show(path)}", found=reason(error), remedy="check the file"
        ) from error
    known = [field.name for field in fields(Policy)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise LeukoliteError(
            expected=f"only the keys {', '.join(known)} in {show(path)}",
            found=", ".join(unknown),
            remedy="correct or remove them",
        )
    return Policy(**settings)


def judge(candidate: EvalReport, reference: EvalReport, *, policy: Policy | None = None) -> Verdict:
    """Apply every rule of `policy` to `candidate` (the default policy for None)."""
    policy = policy or Policy()
    rules = [*_comparable(candidate, reference), *_rates(candidate, reference, policy)]
    rules.sort(key=lambda rule: (rule.verdict == PASS, _margin(rule)))
    failed = any(rule.verdict == FAIL for rule in rules)
    return Verdict(verdict=FAIL if failed else PASS, rules=tuple(rules))


def assert_no_regression(candidate: EvalReport, reference: EvalReport, *, policy: Policy | None = None) -> None:
    """For use in pytest: raise AssertionError with one line for each rule that fails."""
    verdict = judge(candidate, reference, policy=policy)
    if verdict.verdict != PASS:
        lines = [f"{rule.name} of {rule.label}: {rule.reason}" for rule in verdict.rules if rule.verdict != PASS]
        raise AssertionError("\n".join([f"gate: {verdict.verdict}", *lines]))


def _comparable(candidate: EvalReport, reference: EvalReport) -> Iterator[Rule]:
    """Fail when the two reports are not about the same images and the same classes."""
    pairs = (
        ("same_labels", list(candidate.labels), list(reference.labels)),
        ("same_data", candidate.data.get("sha256"), reference.data.get("sha256")),
    )
    for name, found, wanted in pairs:
        if not found or found != wanted:
            text = f"expected the reference's {wanted}, got {found}; evaluate both on the same images"
            yield Rule(name, OVERALL, 0.0, None, None, FAIL, text)


def _rates(candidate: EvalReport, reference: EvalReport, policy: Policy) -> Iterator[Rule]:
    """Floors and drops of accuracy, and of tpr and tnr of each label in either report."""
    seen, before = (report.accuracy if report.n else None for report in (candidate, reference))
    overall = wilson(round(seen * candidate.n), candidate.n) if _is_rate(seen) else None
    yield _floor("min_accuracy", OVERALL, policy.min_accuracy, seen, overall)
    yield _drop("max_accuracy_drop", OVERALL, policy.max_accuracy_drop, seen, before, overall)
    for label in dict.fromkeys((*reference.labels, *candidate.labels)):
        for rate in ("tpr", "tnr"):
            seen, before = _rate(candidate, label, rate), _rate(reference, label, rate)
            interval = getattr(candidate.per_class.get(label), f"{rate}_ci95", None)
            yield _floor(f"min_{rate}", label, getattr(policy, f"min_{rate}"), seen, interval)
            yield _drop(f"max_{rate}_drop", label, getattr(policy, f"max_{rate}_drop"), seen, before, interval)


def _rate(report: EvalReport, label: str, rate: str) -> float | None:
    """A class's rate; None where the report has no such class, or no samples behind the rate."""
    rates = report.per_class.get(label)
    if rates is None:
        return None
    if rate == "tpr":
        return rates.tpr if rates.tp + rates.fn else None
    return rates.tnr if rates.tn + rates.fp else None


def _floor(name: str, label: str, limit: float, seen: float | None, interval: Interval | None) -> Rule:
    """The rate must be at least the limit."""
    if not _is_rate(seen):
        return _unknown(name, label, limit, "the candidate has no samples of it")
    met = seen + _ROUNDING >= limit
    text = f"{seen:.4f} is {'at least' if met else 'below'} {limit:.4f}"
    return Rule(name, label, limit, seen, interval, PASS if met else FAIL, text)


def _drop(
    name: str, label: str, limit: float, seen: float | None, before: float | None, interval: Interval | None
) -> Rule:
    """The rate may be at most the limit below the reference's."""
    if not _is_rate(seen) or not _is_rate(before):
        return _unknown(name, label, limit, "the candidate or the reference has no samples of it")
    drop = before - seen
    met = drop - _ROUNDING <= limit
    text = f"{before:.4f} to {seen:.4f} is a drop of {drop:+.4f}, {'at most' if met else 'more than'} {limit:.4f}"
    return Rule(name, label, limit, drop, interval, PASS if met else FAIL, text)


def _is_rate(value: float | None) -> TypeGuard[float]:
    """A number that can be a rate; NaN and values outside 0 to 1 are not."""
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1


def _unknown(name: str, label: str, limit: float, why: str) -> Rule:
    """What cannot be judged fails."""
    text = f"expected a rate from 0 to 1, got none: {why}; evaluate on images of every class"
    return Rule(name, label, limit, None, None, FAIL, text)


def _margin(rule: Rule) -> float:
    """How far inside its limit a rule is, for the order of the table; what could not be observed comes first."""
    if rule.observed is None:
        return -math.inf
    return rule.limit - rule.observed if rule.name.startswith("max_") else rule.observed - rule.limit


def table(verdict: Verdict) -> Iterator[str]:
    """The verdict as text for a terminal, a line a rule, failures first."""
    names = max((len(rule.name) for rule in verdict.rules), default=0)
    labels = max((len(rule.label) for rule in verdict.rules), default=0)
    for rule in verdict.rules:
        interval = "" if rule.ci95 is None else f"  95 % interval of the rate {rule.ci95[0]:.4f} to {rule.ci95[1]:.4f}"
        yield f"{rule.verdict:<4}  {rule.name:<{names}}  {rule.label:<{labels}}  {rule.reason}{interval}\n"
    failures = sum(rule.verdict != PASS for rule in verdict.rules)
    yield f"gate: {verdict.verdict} ({len(verdict.rules)} rules, {failures} failed)\n"
