"""A comparison as Markdown: what a reader needs to judge whether QAT is worth its time."""

import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from edge_runtime.files import write_atomic, write_json
from edge_runtime.paired import Difference
from edge_runtime.provenance import collect
from train.comparable import FLOAT, PTQ, read_run
from train.compare import CHOSEN, ONCE, Comparison, Figures, Row, compare

NOTES = """\
Differences are in points (hundredths), with 95 % intervals from drawing whole groups of source cells, the same for
both networks. Same labels: share of images with the float network's label. McNemar's exact test takes every image
for an independent one; many show the same cell, so that its p is optimistic (too small). The strength is how often
the class prior is taken out; "as chosen" is by one rule for all rows, on these same images, which flatters all rows
alike. The best of several settings looks better than it is: it was the best on these images too. All images are of
TRAIN, each answered by the tower that never saw its source."""


def compare_runs(directories: Sequence[Path], *, out: Path | None, page: Path | None) -> Comparison:
    """Compare the QAT runs in these directories; writes JSON to `out` and Markdown to `page` where they are given."""
    started = time.time()
    comparison = compare([read_run(directory) for directory in directories])
    if out is not None:
        write_json(out, comparison.to_json() | {"provenance": collect(packages=("numpy",), started=started)})
    if page is not None:
        write_atomic(page, [markdown(comparison).encode("utf-8", "backslashreplace")])
    return comparison


def markdown(comparison: Comparison) -> str:
    """The comparison's verdicts, tables and notes."""
    seeds = ", ".join(str(seed) for seed in comparison.seeds)
    head = (
        f"Float, post-training quantisation (PTQ) and quantisation-aware training (QAT, learning rate x epochs) on "
        f"{comparison.n:,} held-out TRAIN images of {comparison.groups} groups of source cells; "
        f"rates are means over the float networks of seed {seeds}."
    )
    parts = [head, "\n".join(f"- {verdict}" for verdict in comparison.verdicts)]
    for point in (CHOSEN, ONCE):
        parts += [f"Class prior taken out {point}:", _main(comparison.rows, point)]
        parts.append(_rates(comparison.rows, comparison.labels, point))
    parts += ["Images that only one of two networks has right:", _mcnemar(comparison), NOTES]
    return "\n\n".join(parts) + "\n"


def _main(rows: Sequence[Row], point: str) -> str:
    """Figures of each network and what lies between it and the two that need no fine-tuning."""
    names = ("network", "strength", "accuracy", "balanced", "lowest TPR", "same labels")
    titles = (*names, "balanced - float", "balanced - PTQ", "lowest TPR - PTQ")
    return _table(titles, ([row.name, *_cells(row.figures[point])] for row in rows))


def _cells(figures: Figures) -> list[str]:
    """One network's figures."""
    floats, ptq = (figures.against.get(name) for name in (FLOAT, PTQ))
    return [
        f"{figures.strength:.1f}",
        f"{figures.accuracy:.4f}",
        f"{figures.balanced_accuracy:.4f}",
        f"{figures.lowest_tpr:.4f}",
        f"{figures.agreement:.4f}",
        _points(floats.differences.balanced_accuracy) if floats else "",
        _points(ptq.differences.balanced_accuracy) if ptq else "",
        _points(ptq.differences.lowest_tpr) if ptq else "",
    ]


def _rates(rows: Sequence[Row], labels: Sequence[str], point: str) -> str:
    """TPR and TNR of each class."""

    def cell(figures: Figures, label: str) -> str:
        tpr, tnr = figures.tpr[label], figures.tnr[label]
        return " / ".join("none" if rate is None else f"{rate:.4f}" for rate in (tpr, tnr))

    titles = ("TPR / TNR", *labels)
    return _table(titles, ([row.name, *(cell(row.figures[point], label) for label in labels)] for row in rows))


def _mcnemar(comparison: Comparison) -> str:
    """The test of every run against the two networks that need no fine-tuning."""
    lines = [
        [name, other, point, str(seed), str(test.first_only), str(test.second_only), f"{test.p:.2g}"]
        for name, other, point, seed, test in (
            (row.name, other, point, seed, test)
            for row in comparison.rows
            for point in (CHOSEN, ONCE)
            for other, against in row.figures[point].against.items()
            for seed, test in zip(comparison.seeds, against.mcnemar, strict=True)
        )
    ]
    return _table(("network", "against", "prior out", "seed", "only the other", "only this", "McNemar's p"), lines)


def _points(difference: Difference) -> str:
    """A difference in points with its interval."""
    low, high = difference.ci95
    return f"{100 * difference.value:+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, all columns but the first to the right."""
    rule = ["---", *["---:"] * (len(titles) - 1)]
    lines = [[cell.replace("|", r"\|") for cell in row] for row in (titles, *rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (lines[0], rule, *lines[1:]))
