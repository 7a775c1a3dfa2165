"""How often the gate errs, by simulation: true drops of one class, on few and on many source cells.

The reference is right on 95 % of the images. What the candidate loses of these is spread over images alike, or over
source cells unevenly: an intraclass correlation of 1 spoils some sources wholly and leaves the others alone. Of what
the reference has wrong, the candidate has a fifth right.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edge_runtime.files import write_atomic
from edge_runtime.gate import FAIL, INCONCLUSIVE, PASS, Policy
from edge_runtime.gate.estimates import TPR, Estimates
from edge_runtime.gate.pairing import Pairs
from edge_runtime.gate.rules import Drop
from edge_runtime.markdown import table

_RIGHT, _MENDED = 0.95, 0.2
_TESTED = 9  # drops in a gate of four classes: what Holm allows for
_COLORS = ("#1a7f37", "#57a773", "#222222", "#e08e45", "#cf222e", "#7a0019")


@dataclass(frozen=True)
class Settings:
    """What is simulated; drops in shares, of which the policy permits `limit`. Each case is drawn `repeats` times."""

    drops: tuple[float, ...] = (0.0, 0.01, 0.03, 0.06, 0.1, 0.2)
    sources: tuple[int, ...] = (4, 8, 16, 32, 64, 128)
    correlations: tuple[float, ...] = (0.0, 0.1, 1.0)
    images_per_source: int = 40
    repeats: int = 200
    resamples: int = 1000
    seed: int = 1
    limit: float = Policy().max_tpr_drop


@dataclass(frozen=True)
class Case:
    """How often each verdict came, in shares, for a true drop on so many sources that correlate so much."""

    drop: float
    sources: int
    correlation: float
    passed: float
    failed: float
    inconclusive: float


def simulate(settings: Settings, *, advance: Callable[[], None] = lambda: None) -> list[Case]:
    """All cases, in order; `advance` is called after each."""
    random, cases = np.random.default_rng(settings.seed), []
    for correlation in settings.correlations:
        for sources in settings.sources:
            for drop in settings.drops:
                found = Counter(
                    _verdict(_drawn(drop, sources, correlation, settings, random), settings)
                    for _ in range(settings.repeats)
                )
                shares = (found[verdict] / settings.repeats for verdict in (PASS, FAIL, INCONCLUSIVE))
                cases.append(Case(drop, sources, correlation, *shares))
                advance()
    return cases


def to_json(settings: Settings, cases: Sequence[Case]) -> dict[str, Any]:
    """Everything."""
    return {"schema_version": 1, "settings": asdict(settings), "cases": [asdict(case) for case in cases]}


def from_json(fields: Mapping[str, Any]) -> list[Case]:
    """The cases of `to_json`."""
    return [Case(**case) for case in fields["cases"]]


def to_markdown(cases: Sequence[Case], *, limit: float, repeats: int) -> str:
    """Both kinds of error, at the limit and where there is no drop, by how many sources there are."""
    return f"Each share is of {repeats} draws.\n\n" + table(
        ("sources", "correlation", "PASS at the limit", "PASS without a drop", "FAIL at the limit", "FAIL at 0.1"),
        _rows({(case.correlation, case.sources, case.drop): case for case in cases}, limit),
        align="rrrrrr",
    )


def draw(cases: Sequence[Case], path: str | os.PathLike[str], *, limit: float) -> None:
    """How often PASS and FAIL come by the number of sources, a line a true drop, a column a correlation."""
    from edge_runtime.figures import new_figure, to_png

    correlations = list(dict.fromkeys(case.correlation for case in cases))
    drops = list(dict.fromkeys(case.drop for case in cases))
    figure = new_figure(3.8 * len(correlations), 6.2)
    panels = figure.subplots(2, len(correlations), sharex=True, sharey=True, squeeze=False)
    for column, correlation in enumerate(correlations):
        for row, verdict in enumerate(("passed", "failed")):
            axes = panels[row][column]
            for drop, color in zip(drops, _COLORS, strict=False):
                chosen = [case for case in cases if (case.correlation, case.drop) == (correlation, drop)]
                values = [getattr(case, verdict) for case in chosen]
                label = f"true drop {drop:g}{' (the limit)' if drop == limit else ''}"
                axes.plot([case.sources for case in chosen], values, "o-", color=color, label=label, markersize=4)
            axes.axhline(0.025, color="black", linestyle=":", linewidth=1, label="2.5 %")
            axes.set_xscale("log", base=2)
            axes.set_xticks([case.sources for case in chosen], [str(case.sources) for case in chosen])
            axes.grid(alpha=0.3)
            axes.set(ylim=(-0.03, 1.03))
        panels[0][column].set(title=f"correlation within a source {correlation:g}")
        panels[1][column].set(xlabel="source cells of the class")
    panels[0][0].set(ylabel="share of PASS")
    panels[1][0].set(ylabel="share of FAIL")
    handles, names = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=4, fontsize=8.5, frameon=False)
    write_atomic(path, [to_png(figure)])


def _rows(cases: Mapping[tuple[float, int, float], Case], limit: float) -> Iterator[tuple[object, ...]]:
    """A row for each correlation and number of sources."""
    for correlation, sources in dict.fromkeys((key[0], key[1]) for key in cases):
        at_limit, none, worse = (cases[correlation, sources, drop] for drop in (limit, 0.0, 0.1))
        shares = (at_limit.passed, none.passed, at_limit.failed, worse.failed)
        yield (sources, f"{correlation:g}", *(f"{share:.3f}" for share in shares))


def _drawn(drop: float, sources: int, correlation: float, settings: Settings, random: np.random.Generator) -> Pairs:
    """One data set: a class of so many sources, and one image of another class, so that there are two."""
    mean = (drop + (1 - _RIGHT) * _MENDED) / _RIGHT  # of what the reference has right, the candidate loses this share
    if correlation in (0.0, 1.0):
        lost = np.full(sources, mean) if correlation == 0 else (random.random(sources) < mean).astype(float)
    else:
        weight = (1 - correlation) / correlation
        lost = random.beta(mean * weight, (1 - mean) * weight, sources)
    shape = (sources, settings.images_per_source)
    reference = random.random(shape) < _RIGHT
    candidate = np.where(reference, random.random(shape) >= lost[:, np.newaxis], random.random(shape) < _MENDED)
    n = reference.size
    return Pairs(
        labels=("cell", "other"),
        paths=(),
        classes=np.append(np.zeros(n, np.int64), 1),
        candidate=np.append((~candidate).ravel().astype(np.int64), 1),
        reference=np.append((~reference).ravel().astype(np.int64), 1),
        candidate_confidence=np.ones(n + 1),
        reference_confidence=np.ones(n + 1),
        groups=np.append(np.repeat(np.arange(sources), settings.images_per_source), sources),
        same_model=False,
    )


def _verdict(pairs: Pairs, settings: Settings) -> str:
    """The gate's on the class's drop."""
    figure = Estimates(pairs, resamples=settings.resamples)[TPR, "cell"].drop
    adjusted = min(1.0, _TESTED * figure.beyond(settings.limit))
    return Drop("max_tpr_drop", "cell", settings.limit, figure, adjusted, _TESTED).judge().verdict
