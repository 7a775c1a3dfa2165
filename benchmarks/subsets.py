"""TEST as a sceptic would cut it: as published, without what TRAIN has seen, without doubtful labels, by source."""

import csv
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.disputed import Source, by_source
from edge_runtime.dataset import LabelledImage
from edge_runtime.errors import LeukoliteError, reason, show
from edge_runtime.files import read_json
from edge_runtime.groups import Groups, Origin
from edge_runtime.markdown import table
from edge_runtime.report import EvalReport, Outcome, summarize

LEARNED_FROM = "TRAIN"
Named = frozenset[tuple[str, str]]
"""Sources, each with one label: a photograph may carry two."""


@dataclass(frozen=True)
class Judgement:
    """What cross-validated networks say of the sources, none of which they had seen.

    Of those in `doubted` the label is in doubt by confident learning; those in `contradicted` got another answer than
    their label on at least half of their images.
    """

    doubted: Named
    contradicted: Named


@dataclass(frozen=True)
class Subset:
    """A part of a report's images: what it is, its figures, and its number of sources."""

    name: str
    report: EvalReport
    sources: int


def read_judgement(path: str | os.PathLike[str]) -> Judgement:
    """What a sources.csv says that `python -m train crossval` wrote."""
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        return Judgement(
            doubted=frozenset((row["source"], row["label"]) for row in rows if row["suggested"]),
            contradicted=frozenset(
                (row["source"], row["label"]) for row in rows if 2 * int(row["right"]) <= int(row["images"])
            ),
        )
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise LeukoliteError(
            expected=f"the sources.csv of a cross-validation at {show(path)}",
            found=reason(error),
            remedy="make it with `python -m train crossval`",
        ) from error


def divide(report: EvalReport, groups: Groups, *, judgement: Judgement) -> list[Subset]:
    """The subsets of a report of one split: all, without groups that TRAIN has too, and without disputed labels.

    Raises LeukoliteError when `groups` lacks an image.
    """
    rows = report.predictions
    origins = groups.assign([LabelledImage(path=row.path, name=row.path, label=row.true) for row in rows])
    learned = groups.below(LEARNED_FROM)
    fresh = [origin.group not in learned for origin in origins]
    named = [(origin.source, row.true) for origin, row in zip(origins, rows, strict=True)]
    sure = [each not in judgement.doubted for each in named]
    cuts = {
        "as published": [True] * len(rows),
        f"without groups that also occur in {LEARNED_FROM}": fresh,
        "without sources whose label is in doubt": sure,
        "without either": [one and other for one, other in zip(fresh, sure, strict=True)],
        "without sources that cross-validated networks contradict": [
            each not in judgement.contradicted for each in named
        ],
    }
    return [_subset(name, report, rows, origins, kept) for name, kept in cuts.items() if any(kept)]


def _subset(
    name: str, report: EvalReport, rows: Sequence[Outcome], origins: Sequence[Origin], kept: Sequence[bool]
) -> Subset:
    """The figures of the rows kept."""
    chosen = [index for index, keep in enumerate(kept) if keep]
    part = summarize(
        [rows[index] for index in chosen],
        labels=report.labels,
        groups=[origins[index].group for index in chosen],
        model=report.model,
        data=report.data,
        provenance=report.provenance,
    )
    return Subset(name, part, len({(origins[index].source, rows[index].true) for index in chosen}))


def to_markdown(report: EvalReport, groups: Groups, *, judgement: Judgement) -> Iterator[str]:
    """The subsets and every source as tables."""
    subsets, sources = divide(report, groups, judgement=judgement), by_source(report, groups)
    rows: list[tuple[object, ...]] = [_row(subset) for subset in subsets]
    once = float(np.mean([source.share_right for source in sources]))
    rows.append(("each source counting once", f"{report.n:,}", len(sources), f"{once:.4f}", "-", "-"))
    split, variant = report.data["split"], report.model["variant"]
    yield f"{split}, {variant} model, intervals (95 %) by resampling groups of source cells:\n\n"
    yield table(("images", "n", "sources", "accuracy", "by cell", "lowest TPR"), rows, align="lrrrll")
    yield (
        "\nDoubt is cross-validated models' (`python -m train crossval`, confident learning), not anyone's eye, and so"
        " is what they contradict: other than its label on at least half of a source's images. These labels stay in the"
        " headline figure. Figures without them estimate nothing new: they were left out for the answers that models"
        " gave.\n\n"
    )
    yield f"<details><summary>{split} by source: {len(sources)} photographs</summary>\n\n"
    yield table(
        ("source", "label", "cross-validated", "images", "right", "mostly answered"),
        [
            (*_named(source, judgement), source.images, f"{source.share_right:.2f}", source.answered)
            for source in sources
        ],
        align="lllrrl",
    )
    yield "\n</details>\n"


def describe_trial(path: str | os.PathLike[str]) -> str:
    """A sentence on a cross-validation, from the trial.json that `python -m train crossval` wrote."""
    trial = read_json(path, what="the trial.json of a cross-validation")
    try:
        network, (low, high) = trial["settings"]["network"], trial["accuracy_ci95"]
        worst = min(trial["tpr"], key=trial["tpr"].__getitem__)
        int8 = trial.get("int8")
        tuned = (
            f" Fine-tuned for int8: balanced accuracy {int8['balanced_accuracy']:.4f},"
            f" {int8['agreement']:.2%} of labels as before."
            if int8
            else ""
        )
        view = f"crops of {network['crop_px']} px" if network["crop_px"] else "whole fields"
        taught = trial["settings"].get("distillation", {})
        if taught.get("teachers_weight") and taught.get("teacher"):
            view += f", taught by a network of the preset {taught['teacher']} of its own fold"
        return (
            f"Cross-validated over {trial['splits']}, {trial['n']:,} images in {trial['n_groups']} groups of source"
            f" cells, {trial['folds']} folds, each group answered once by networks that never saw it ({view},"
            f" {trial['parameters']:,} weights, seed {trial['settings']['seed']}): balanced accuracy"
            f" **{trial['balanced_accuracy']:.4f}**, accuracy {trial['accuracy']:.4f} ({low:.3f} to {high:.3f} by"
            f" group), lowest TPR {trial['tpr'][worst]:.4f} {worst}.{tuned}\n\n"
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LeukoliteError(
            expected=f"the trial.json of a cross-validation at {show(path)}",
            found=reason(error),
            remedy="make it with `python -m train crossval`",
        ) from error


def _named(source: Source, judgement: Judgement) -> tuple[str, str, str]:
    """A source's name, label and what cross-validated networks say of that."""
    kinds = {"in doubt": judgement.doubted, "contradicted": judgement.contradicted}
    own = (source.name, source.label)
    said = [kind for kind, named in kinds.items() if own in {(Path(name).stem, label) for name, label in named}]
    return source.name, source.label, ", ".join(said)


def _row(subset: Subset) -> tuple[str, ...]:
    """One row of the table."""
    report = subset.report
    low, high = (report.groups or {})["accuracy_ci95"]
    rates = {label: own.tpr for label, own in report.per_class.items() if own.tpr is not None}
    worst = min(rates, key=rates.__getitem__)
    interval = f"{low:.3f} to {high:.3f}"
    accuracy = f"{report.accuracy:.4f}"
    return subset.name, f"{report.n:,}", str(subset.sources), accuracy, interval, f"{rates[worst]:.4f} {worst}"
