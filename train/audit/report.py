"""What an audit leaves: groups.csv for all that splits or resamples, audit.json for programs, audit.html for people."""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge_runtime.errors import show
from edge_runtime.files import write_atomic, write_json
from edge_runtime.groups import COLUMNS
from train.audit import duplicates
from train.audit.survey import Finding, Survey

SCHEMA_VERSION = 1
GROUPS_NAME, JSON_NAME, PAGE_NAME = "groups.csv", "audit.json", "audit.html"
CONFIDENCE = "confidence"


@dataclass(frozen=True)
class Group:
    """Images of one field: how many of each split and class."""

    name: str
    counts: dict[tuple[str, str], int]
    sources: tuple[str, ...]

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits it occurs in."""
        return tuple(sorted({split for split, _ in self.counts}))

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels it carries."""
        return tuple(sorted({label for _, label in self.counts}))

    def to_json(self) -> dict[str, Any]:
        """For audit.json."""
        images: dict[str, dict[str, int]] = defaultdict(dict)
        for (split, label), count in sorted(self.counts.items()):
            images[split][label] = count
        return {"group": self.name, "sources": list(self.sources), "images": images}


class Audit:
    """A survey and what follows from it."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self.groups = _groups(survey.findings)
        self.straddling = [group for group in self.groups if len(group.splits) > 1]
        self.two_labels = [group for group in self.groups if len(group.labels) > 1]
        self.unknown = [finding for finding in survey.findings if finding.source is None and not finding.error]
        self.unreadable = [finding for finding in survey.findings if finding.error]
        self.without_cell = [finding for finding in survey.findings if not finding.error and not finding.cells]
        self.other_label = _other_label(survey)
        self.same_content = duplicates.exact([finding.digest for finding in survey.findings])
        self.contradicting = [
            same for same in self.same_content if len({survey.findings[index].image.label for index in same}) > 1
        ]
        used = {finding.source for finding in survey.findings}
        readable = (each for each in survey.originals if each.name not in survey.unreadable_originals)
        self.several_labels = [each.name for each in survey.originals if len(set(each.labels)) > 1]
        self.without_label = [each.name for each in survey.originals if not each.labels]
        labels = {finding.image.label for finding in survey.findings}
        self.only_class = next(iter(labels)) if len(labels) == 1 else None
        self.unused_originals = [original.name for original in readable if original.name not in used]

    def splits(self) -> dict[str, dict[str, dict[str, int]]]:
        """Images, of how many the source is known, sources and groups, of each split and class."""
        found: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for finding in self.survey.findings:
            found[finding.split, finding.image.label].append(finding)
        table: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
        for (split, label), own in sorted(found.items()):
            known = [finding for finding in own if finding.source is not None]
            table[split][label] = {
                "images": len(own),
                "assigned": len(known),
                "sources": len({finding.source for finding in known}),
                "groups": len({finding.group for finding in known}),
            }
        return dict(table)

    def to_json(self, *, provenance: dict[str, Any]) -> dict[str, Any]:
        """All that was found, as audit.json holds it."""
        survey = self.survey
        name = [finding.image.name for finding in survey.findings]
        return {
            "schema_version": SCHEMA_VERSION,
            "compared_with": "originals" if survey.originals else "one another",
            "n": len(survey.findings),
            "n_assigned": sum(finding.source is not None for finding in survey.findings),
            "splits": self.splits(),
            "only_class": self.only_class,
            "originals": {
                "n": len(survey.originals),
                "without_images": self.unused_originals,
                "unreadable": survey.unreadable_originals,
                "several_labels": self.several_labels,
                "without_label": self.without_label,
            },
            "n_groups": len(self.groups),
            "overlapping_photographs": [
                {"photographs": list(each.photos), "correlation": each.correlation} for each in survey.overlaps
            ],
            "groups_in_several_splits": [group.to_json() for group in self.straddling],
            "groups_with_several_labels": [group.to_json() for group in self.two_labels],
            "images_of_unknown_source": [finding.image.name for finding in self.unknown],
            "images_labelled_unlike_their_source": [
                {"path": finding.image.name, "source": finding.source} for finding in self.other_label
            ],
            "images_without_a_stained_cell": [finding.image.name for finding in self.without_cell],
            "unreadable_images": {finding.image.name: finding.error for finding in self.unreadable},
            "same_content": [[name[index] for index in same] for same in self.same_content],
            "same_content_other_label": [[name[index] for index in same] for same in self.contradicting],
            "near_duplicates": [
                {"paths": [name[one], name[other]], "correlation": round(likeness, 5)}
                for one, other, likeness in survey.near_duplicates
            ],
            "provenance": provenance,
        }

    def lines(self) -> list[str]:
        """What was found, a line each, for a terminal and for the page."""
        survey = self.survey
        known = sum(finding.source is not None for finding in survey.findings)
        total = len(survey.findings)
        what = f"{len(survey.originals)} originals" if survey.originals else "one another"
        alone = [] if self.only_class is None else [f"one class only: {show(self.only_class) or 'without a label'}"]
        return [
            f"{known} of {total} images ({known / max(1, total):.2%}) assigned by comparing them with {what}",
            f"{len(self.groups)} groups of images that show the same field",
            f"{len(self.straddling)} groups in several splits, {len(self.two_labels)} with several labels",
            f"{len(survey.overlaps)} pairs of photographs that overlap",
            f"{len(self.unknown)} images of unknown source, {len(self.unreadable)} unreadable",
            f"{len(self.other_label)} images labelled unlike their source",
            f"{len(self.without_cell)} images without a stained cell in sight",
            f"{len(self.same_content)} sets of images with the same content, {len(self.contradicting)} of them "
            f"with several labels; {len(survey.near_duplicates)} pairs of near duplicates",
            f"{len(self.unused_originals)} originals without images, {len(survey.unreadable_originals)} unreadable, "
            f"{len(self.several_labels)} with several labels, {len(self.without_label)} without a label",
            *alone,
        ]


def groups_csv(findings: Sequence[Finding]) -> bytes:
    """The groups file: path, source (empty where unknown), group, confidence; in the data set's order."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*COLUMNS, CONFIDENCE])
    for finding in findings:
        confidence = f"{finding.confidence:.4f}"
        writer.writerow([finding.image.name, finding.source or "", finding.group, confidence])
    return buffer.getvalue().encode("utf-8", "surrogateescape")


def save(audit: Audit, out: Path, *, provenance: dict[str, Any], page: bytes) -> None:
    """Write the three files into a folder, each atomically, groups.csv last."""
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / JSON_NAME, audit.to_json(provenance=provenance))
    write_atomic(out / PAGE_NAME, [page])
    write_atomic(out / GROUPS_NAME, [groups_csv(audit.survey.findings)])


def _groups(findings: Sequence[Finding]) -> list[Group]:
    """The groups of known sources, by name."""
    counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    sources: dict[str, set[str]] = defaultdict(set)
    for finding in findings:
        if finding.source is not None:
            counts[finding.group][finding.split, finding.image.label] += 1
            sources[finding.group].add(finding.source)
    return [Group(name, dict(counts[name]), tuple(sorted(sources[name]))) for name in sorted(counts)]


def _other_label(survey: Survey) -> list[Finding]:
    """Images whose label is none of their photograph's, where that is said to have any."""
    labels = {original.name: {label.casefold() for label in original.labels} for original in survey.originals}
    return [
        finding
        for finding in survey.findings
        if finding.image.label
        and (own := labels.get(finding.source or "", set()))
        and finding.image.label.casefold() not in own
    ]
