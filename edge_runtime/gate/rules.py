"""The rules: small objects that look at one figure of one class and say how it meets its limit."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from edge_runtime.gate.columns import number
from edge_runtime.gate.estimates import ACCURACY, ECE, OVERALL, TNR, TPR, Estimate, Estimates
from edge_runtime.gate.policy import INTERVAL, Policy
from edge_runtime.gate.statistics import TAIL, further_units, holm
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, PASS, Rule

# Differences of shares such as 0.90 - 0.89 carry a rounding error of about 1e-16; no share of fewer than
# a million images can differ by as little as this.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Floor:
    """A figure must be at least the limit: as it was seen or, by its `whole_interval`, beyond doubt."""

    name: str
    label: str
    limit: float
    figure: Estimate
    whole_interval: bool = False

    def judge(self) -> Rule:
        """The verdict; INCONCLUSIVE only where the whole interval counts."""
        value, (low, high) = self.figure.value, self.figure.ci95
        met, seen = value + _ROUNDING >= self.limit, f"{value:.4f} ({low:.4f} to {high:.4f})"
        further = None
        if not self.whole_interval:
            verdict, text = (PASS, "is at least") if met else (FAIL, "is below")
        elif low + _ROUNDING >= self.limit:
            verdict, text = PASS, "lies wholly at or above"
        elif high + _ROUNDING < self.limit:
            verdict, text = FAIL, "lies wholly below"
        else:
            verdict, text = INCONCLUSIVE, "cannot be told from"
            further = further_units(value, self.limit, self.figure.ci95, units=self.figure.units)
        reason = f"{seen} {text} {self.limit:.4f}" + _tail(verdict, self.figure, further)
        return Rule(self.name, self.label, self.limit, value, self.figure.ci95, verdict, reason, further)


@dataclass(frozen=True)
class Drop:
    """A figure may be at most the limit worse than the reference's: a margin of non-inferiority.

    PASS where the whole interval is within the limit. FAIL where the drop is beyond it at the 2.5 % level, after Holm's
    allowance (`adjusted`, a p-value) for as many drops being tested. Anything else is INCONCLUSIVE, and so is a drop
    with fewer than `min_sources` sources behind it.
    """

    name: str
    label: str
    limit: float
    figure: Estimate
    adjusted: float
    tested: int
    min_sources: int = 0

    def judge(self) -> Rule:
        """The verdict."""
        value, (low, high) = self.figure.value, self.figure.ci95
        further, sources = None, self.figure.sources or 0
        seen = f"{value:+.4f} ({low:+.4f} to {high:+.4f})"
        if self.adjusted <= TAIL and value > self.limit + _ROUNDING:
            verdict, text = (
                FAIL,
                f"is beyond {self.limit:.4f}, p {_small(self.adjusted)} (Holm, {self.tested} drops)",
            )
        elif high - _ROUNDING <= self.limit and sources >= self.min_sources:
            verdict, text = PASS, f"is within {self.limit:.4f}"
        else:
            verdict, text = INCONCLUSIVE, f"cannot be told from {self.limit:.4f}"
            further = further_units(value, self.limit, self.figure.ci95, units=self.figure.units)
            if sources < self.min_sources:
                text = f"has {sources} sources behind it, fewer than {self.min_sources}"
                further = max(further or 0, self.min_sources - sources)
        kind = "rise" if self.name.endswith("_rise") else "drop"
        reason = f"{kind} {seen} {text}" + _tail(verdict, self.figure, further)
        return Rule(self.name, self.label, self.limit, value, self.figure.ci95, verdict, reason, further)


@dataclass(frozen=True)
class Budget:
    """What a model costs may be at most the limit; measured once, so that it has no interval."""

    name: str
    limit: float
    cost: float
    unit: str

    def judge(self) -> Rule:
        """The verdict."""
        met = self.cost <= self.limit
        relation = "at most" if met else "more than"
        reason = f"{number(self.cost)} {self.unit} is {relation} {self.limit:,.10g} {self.unit}"
        return Rule(self.name, OVERALL, self.limit, self.cost, None, PASS if met else FAIL, reason)


class Judging(Protocol):
    """What every rule can."""

    def judge(self) -> Rule:
        """The verdict on one figure of one class."""


def rules(
    policy: Policy, estimates: Estimates, *, labels: Sequence[str], costs: Mapping[str, float]
) -> Iterator[Judging]:
    """The rules that a policy asks for. `costs` are by the budgets' names in the policy, all that it asks for."""
    whole = policy.floors == INTERVAL
    keys = [(ACCURACY, OVERALL), *((rate, label) for label in labels for rate in (TPR, TNR))]
    for rate, label in keys:
        name = f"min_{rate}"
        yield Floor(name, label, getattr(policy, name), estimates[rate, label].rate, whole)
    if policy.min_agreement is not None:
        yield Floor("min_agreement", OVERALL, policy.min_agreement, estimates.agreement, whole)
    drops = [(f"max_{rate}_drop", label, estimates[rate, label].drop) for rate, label in keys]
    if policy.max_ece_rise is not None:
        drops.append((f"max_{ECE}_rise", OVERALL, estimates.ece_rise()))
    limits = [float(getattr(policy, name)) for name, *_ in drops]
    adjusted = holm([figure.beyond(limit) for limit, (*_, figure) in zip(limits, drops, strict=True)])
    for (name, label, figure), limit, p in zip(drops, limits, adjusted, strict=True):
        yield Drop(name, label, limit, figure, p, len(drops), policy.min_sources)
    for name, unit in (("max_size_bytes", "bytes"), ("max_latency_ms", "ms")):
        if name in costs:
            yield Budget(name, getattr(policy, name), costs[name], unit)


def _small(p: float) -> str:
    """A p-value; below what 10,000 resamples can tell apart it is not written as 0."""
    return f"{p:.2g}" if p >= 1e-4 else "< 0.0001"


def _tail(verdict: str, figure: Estimate, further: int | None) -> str:
    """What else a reader must know: how far an interval can be trusted, and what would settle the rule."""
    kind = "images" if figure.sources is None else "sources"
    optimistic = "; by image, which is optimistic" if figure.sources is None else ""
    if verdict != INCONCLUSIVE:
        return optimistic
    more = "no number of further ones would settle it" if further is None else f"about {further:,} more would settle it"
    return f"{optimistic}; {figure.units:,} {kind} are behind it, {more}"
