"""What a comparison of two runs found, for people and for an exit status."""

import math
from collections.abc import Iterator, Sequence

from benchmarks.comparison import FAMILY_ERROR, LINE_ERROR, SAME, Difference
from benchmarks.latency import Suite
from benchmarks.stability import findings
from benchmarks.tabulated import name
from edge_runtime.errors import LeukoliteError, show
from edge_runtime.markdown import table

_UNIT_PACKAGES = ("ai-edge-litert", "numpy")  # which do the reference workload


def limit(percent: float | None) -> float | None:
    """A slowdown that is allowed, as a fraction; LeukoliteError for what is none."""
    if percent is None:
        return None
    if not (math.isfinite(percent) and percent >= 0):
        raise LeukoliteError(
            expected="--fail-if-slower to be at least 0 percent", found=f"{percent:g}", remedy="write 5 for 5 %"
        )
    return percent / 100


def to_markdown(differences: Sequence[Difference]) -> str:
    """A line for each measurement, and how sure they are."""
    rows = [
        (
            name(each.key),
            f"{each.old:.4g} x",
            f"{each.new:.4g} x",
            f"{each.change:+.1%}",
            f"{each.interval[0]:+.1%} to {each.interval[1]:+.1%}",
            each.verdict,
        )
        for each in differences
    ]
    sure = 1 - min(LINE_ERROR, FAMILY_ERROR / len(differences))
    header = ("measurement", "old / reference", "new / reference", "change", f"interval ({sure:.4g})", "verdict")
    unsure = sum(each.verdict == SAME for each in differences)
    return table(header, rows, align="lrrrll") + (
        f"\nOf {len(differences)} measurement(s), {unsure} without a difference that can be shown; what the intervals"
        " hold cannot be excluded.\n"
    )


def too_slow(differences: Sequence[Difference], limit: float | None) -> list[str]:
    """A line for each measurement that is shown to be slower by more than the limit; empty without one."""
    if limit is None:
        return []
    return [
        f"{name(each.key)} is slower by {each.change:.1%} (at least {each.interval[0]:.1%}), more than {limit:.1%}"
        for each in differences
        if each.is_slower_by(limit)
    ]


def unjudged(old: Suite, new: Suite, limit: float | None) -> list[str]:
    """A line for each measurement of the old run that the new one lacks; none without a limit."""
    if limit is None:
        return []
    lost = {each.key for each in old.measurements} - {each.key for each in new.measurements}
    return [f"{name(key)} was not measured anew: run it, or leave it out of OLD" for key in sorted(lost)]


def caveats(old: Suite, new: Suite) -> Iterator[str]:
    """What a reader must know beside the lines: what else differs, what is unstable, and what one run lacks."""
    cpus = [suite.provenance.get("platform", {}).get("cpu") for suite in (old, new)]
    versions = [[suite.provenance.get("packages", {}).get(name) for name in _UNIT_PACKAGES] for suite in (old, new)]
    others = zip(("processor", *_UNIT_PACKAGES), (cpus[0], *versions[0]), (cpus[1], *versions[1]), strict=True)
    for what, one, other in others:
        if one != other:
            yield f"the {what} is not the same ({show(one)}, then {show(other)}), and so may be the unit"
    keys = [{each.key for each in suite.measurements} for suite in (old, new)]
    for file, suite, only in (("OLD", old, keys[0] - keys[1]), ("NEW", new, keys[1] - keys[0])):
        if only:
            yield f"only in {file}, so not compared: {', '.join(name(key) for key in sorted(only))}"
        unstable = [each for each in suite.measurements if findings(each, cpus=suite.machine_state.get("cpus") or 1)]
        if unstable:
            yield f"{len(unstable)} of {len(suite.measurements)} measurements of {file} are unstable: `run` says why"
