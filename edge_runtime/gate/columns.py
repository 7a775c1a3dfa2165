"""What every format shows, as rows of text: the rules, what stands behind them, and the sentences that go with them."""

from collections.abc import Sequence

from edge_runtime.errors import show
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, Behind, Rule, Verdict
from edge_runtime.metrics import Interval

RULES = ("verdict", "rule", "class", "limit", "seen", "95 % interval", "reason")
BEHIND = ("class", "images", "sources", "effective", "changed", "lost", "won", "McNemar p", "Holm", "blind")
NONE = "-"

MEANINGS = (
    "effective: as many independent images are worth as much.",
    "changed: images with another label than before; lost, won: right before only, now only.",
    "McNemar p: exact, by image, which is optimistic; Holm: the same for as many classes tested.",
    "blind: the chance that a change which spoils the permitted share of source cells touched none of these.",
)
NO_SOURCES = (
    "No source cell is known: every image was taken for an independent one, which is optimistic for copies of one cell;"
    " evaluate with --groups."
)


def rule_rows(verdict: Verdict) -> list[Sequence[str]]:
    """A row a rule, worst first, under RULES."""
    return [_rule(rule) for rule in verdict.rules]


def behind_rows(verdict: Verdict) -> list[Sequence[str]]:
    """A row a class, all first, under BEHIND."""
    return [_behind(each) for each in verdict.behind]


def summary(verdict: Verdict) -> str:
    """The verdict in one line, and what the policy makes of it where it is inconclusive."""
    counts = f"{len(verdict.rules)} rules, {verdict.count(FAIL)} failed, {verdict.count(INCONCLUSIVE)} inconclusive"
    rule = f"; by the policy that is to {verdict.policy.inconclusive}" if verdict.verdict == INCONCLUSIVE else ""
    return f"gate: {verdict.verdict} ({counts}{rule})"


def notes(verdict: Verdict) -> Sequence[str]:
    """What a reader of the table must know."""
    known = any(each.sources is not None for each in verdict.behind)
    return MEANINGS if known else (*MEANINGS, NO_SOURCES)


def number(value: float) -> str:
    """Four digits behind the point, but a whole number above 1, such as one of bytes, as it is."""
    return f"{value:,.0f}" if abs(value) > 1 and value == round(value) else f"{value:.4f}"


def interval(ends: Interval | None) -> str:
    """The two ends of an interval."""
    return NONE if ends is None else f"{ends[0]:.4f} to {ends[1]:.4f}"


def _rule(rule: Rule) -> Sequence[str]:
    """One rule's row."""
    seen = (f"{rule.limit:,.10g}", number(rule.observed), interval(rule.ci95))
    return (rule.verdict, rule.name, show(rule.label), *seen, rule.reason)


def _behind(each: Behind) -> Sequence[str]:
    """One class's row."""
    return (
        show(each.label),
        f"{each.images:,}",
        NONE if each.sources is None else f"{each.sources:,}",
        NONE if each.effective is None else f"{each.effective:.1f}",
        *(f"{count:,}" for count in (each.changed, each.lost, each.won)),
        f"{each.mcnemar_p:.2g}",
        f"{each.mcnemar_holm:.2g}",
        NONE if each.blind is None else f"{each.blind:.2f}",
    )
