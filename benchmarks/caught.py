"""What the gate caught of the mutants, against what they truly lose."""

from collections import Counter
from collections.abc import Sequence

from benchmarks.campaign import Trial
from edge_runtime.gate import FAIL, INCONCLUSIVE, PASS
from edge_runtime.markdown import table

_BANDS = ((float("-inf"), 0.0), (0.0, 0.01), (0.01, 0.05), (0.05, 0.2), (0.2, float("inf")))
_HEADS = ("", "mutants", "FAIL", "INCONCLUSIVE", "PASS", "half: FAIL", "half: INCONCLUSIVE", "half: PASS")


def missed(trials: Sequence[Trial]) -> list[Trial]:
    """Those that lose more than the policy allows and pass all the same; with all source cells there may be none."""
    return [trial for trial in trials if trial.loses and trial.verdict == PASS]


def accused(trials: Sequence[Trial]) -> list[Trial]:
    """Those that fail though they break no limit; there may be none either."""
    return [trial for trial in trials if not trial.loses and trial.verdict == FAIL]


def to_markdown(trials: Sequence[Trial]) -> str:
    """Detected against true loss, and by kind of damage."""
    bands = [
        _row(_band(low, high), [each for each in trials if each.excess is not None and low < each.excess <= high])
        for low, high in _BANDS
    ]
    unrun = [trial for trial in trials if trial.excess is None]
    kinds = [
        _row(kind, [trial for trial in trials if trial.kind == kind]) for kind in dict.fromkeys(t.kind for t in trials)
    ]
    losing = [trial for trial in trials if trial.loses]
    by_half = sum(trial.verdict_by_half == PASS for trial in losing)
    wrongly = sum(trial.verdict_by_half == FAIL for trial in trials if not trial.loses)
    text = [
        f"{len(trials)} mutants, {len(losing)} of which lose more than the default policy allows. With all source "
        f"cells {len(missed(trials))} of those passed, and {len(accused(trials))} of the others failed. With half "
        f"of the source cells the gate passed {by_half} that lose more over all of them, and failed {wrongly} that do "
        "not.\n",
        table(("worst figure beyond its limit", *_HEADS[1:]), [row for row in bands if row[1]], align="lrrrrrrr"),
        table(("damage", *_HEADS[1:]), kinds, align="lrrrrrrr"),
    ]
    if unrun:
        text.append(f"{len(unrun)} of them did not load: LiteRT refused them, which is caught earlier still.\n")
    return "\n".join(text)


def _row(name: str, trials: Sequence[Trial]) -> tuple[object, ...]:
    """How the gate judged some mutants."""
    whole, half = Counter(t.verdict for t in trials), Counter(t.verdict_by_half for t in trials)
    order = (FAIL, INCONCLUSIVE, PASS)
    return (name, len(trials), *(whole[each] for each in order), *(half[each] for each in order))


def _band(low: float, high: float) -> str:
    """A range of excesses in points."""
    if low == float("-inf"):
        return "none"
    return f"more than {100 * low:g} points" if high == float("inf") else f"up to {100 * high:g} points"
