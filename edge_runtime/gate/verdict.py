"""The gate's answer, as other programs read it."""

from dataclasses import asdict, dataclass, field
from typing import Any

from edge_runtime.command import DONE, FAILED
from edge_runtime.command import INCONCLUSIVE as UNDECIDED
from edge_runtime.gate.policy import FAILS, PASSES, REPORTS, Policy
from edge_runtime.metrics import Interval

PASS, FAIL, INCONCLUSIVE = "PASS", "FAIL", "INCONCLUSIVE"
WORST_FIRST = (FAIL, INCONCLUSIVE, PASS)


@dataclass(frozen=True)
class Rule:
    """One limit on one figure of one class (or of `all`), and how it was met.

    `observed` is what the limit is on: the rate for a floor, the drop against the reference for a drop, and `ci95` its
    interval, None for what is measured once. `further` is how many more source cells (images, where no source is
    known) would settle a rule that is INCONCLUSIVE, None where no number would or nothing is to be settled.
    """

    name: str
    label: str
    limit: float
    observed: float
    ci95: Interval | None
    verdict: str
    reason: str
    further: int | None = None


@dataclass(frozen=True)
class Behind:
    """What stands behind a class's rules (or `all` rules), and how the two models differ there.

    `effective` is how many independent images are worth as much; `sources` and it are None where no source is known.
    `lost` are images that only the reference has right, `won` those that only the candidate has, `changed` those with
    another label. `mcnemar_p` is exact and two-sided and takes images for independent; `mcnemar_holm` allows for there
    being one a class. `blind` is the chance that a change which spoils as many source cells wholly as the policy's
    drop allows would have touched none of these.
    """

    label: str
    images: int
    sources: int | None
    effective: float | None
    changed: int
    lost: int
    won: int
    mcnemar_p: float
    mcnemar_holm: float
    blind: float | None


@dataclass(frozen=True)
class Verdict:
    """The gate's answer, with every rule's own, worst first. FAIL when a rule fails, else INCONCLUSIVE when one is."""

    verdict: str
    rules: tuple[Rule, ...]
    behind: tuple[Behind, ...] = ()
    policy: Policy = field(default_factory=Policy)

    @property
    def status(self) -> int:
        """The exit status: the policy says what INCONCLUSIVE does to it."""
        undecided = {FAILS: FAILED, PASSES: DONE, REPORTS: UNDECIDED}[self.policy.inconclusive]
        return {PASS: DONE, FAIL: FAILED, INCONCLUSIVE: undecided}[self.verdict]

    def count(self, verdict: str) -> int:
        """How many rules have that verdict."""
        return sum(rule.verdict == verdict for rule in self.rules)

    def to_json(self) -> dict[str, Any]:
        """The contract's JSON object."""
        return asdict(self)
