"""The areas and the curves as tables."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.shifts.answers import Measured
from benchmarks.shifts.curves import MEAN, Curves, Figure
from benchmarks.shifts.kinds import GRADES, KINDS, MICROSCOPE
from edge_runtime.errors import show
from edge_runtime.files import fields_of
from edge_runtime.markdown import table


def to_json(measured: Measured, curves: Sequence[Curves]) -> dict[str, Any]:
    """All answers, and what was derived from them."""
    derived = {
        each.answers.name: {
            kind: fields_of(curve) | {"gained": each.gained[kind]} for kind, curve in each.curves.items()
        }
        for each in curves
    }
    return {**measured.to_json(), "curves": derived}


def to_markdown(measured: Measured, curves: Sequence[Curves]) -> str:
    """A row a kind, a column a model, and what the figures are of."""
    return "".join(_parts(measured, curves))


def levels() -> str:
    """What each grade of each kind is."""
    rows = [(name, kind.unit, *(f"{level:g}" for level in kind.levels)) for name, kind in KINDS.items()]
    return table(("kind", "unit", *map(str, range(GRADES + 1))), rows, align="ll" + "r" * (GRADES + 1))


def _parts(measured: Measured, curves: Sequence[Curves]) -> Iterator[str]:
    """The text, piece by piece."""
    names = [show(each.answers.name) for each in curves]
    kinds = [kind for kind in measured.kinds if kind != MICROSCOPE]
    together = {MEAN: "**mean of these**", MICROSCOPE: "**microscope**"}
    rows = [("untouched: no area", *(_whole(each.curves[measured.kinds[0]].balanced_accuracy[0]) for each in curves))]
    rows += [(kind, *(f"{each.curves[kind].area.value:.3f}" for each in curves)) for kind in kinds]
    for kind in (kind for kind in together if kind in curves[0].curves):
        rows.append((together[kind], *(_whole(each.curves[kind].area) for each in curves)))
        if len(curves) > 1:
            rows.append((f"- more than {names[0]}", "", *(_whole(each.gained[kind], "+.3f") for each in curves[1:])))
        rows.append(("- without an answer", *(f"{np.mean(each.curves[kind].unanswered[1:]):.1%}" for each in curves)))
    yield table(("area", *names), rows, align="l" + "r" * len(names))
    sources = len({(true, source) for _, true, source in measured.pictures})
    split = f" of {measured.data['split']}" if measured.data["split"] else ""
    yield (
        f"\n{len(measured.pictures)} pictures of {sources} source cells{split}, each cell and each class counted alike;"
        f" grades 0 to {GRADES}, seed {measured.seed}. In brackets 95 % intervals by drawing source cells.\n"
    )


def _whole(figure: Figure, form: str = ".3f") -> str:
    """A figure with its interval."""
    low, high = figure.ci95
    return f"{figure.value:{form}} [{low:{form}}, {high:{form}}]"
