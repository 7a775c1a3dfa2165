"""What a finished run amounts to: how good, how sure, what the gate says, and where each figure comes from.

How fast is the report's (benchmarks/report).
"""

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks import disputed
from benchmarks.evidence import Evidence
from benchmarks.figures import draw_rates
from benchmarks.report.content import REHEARSAL
from edge_runtime.errors import show
from edge_runtime.figures import draw_confusion
from edge_runtime.files import write_atomic
from edge_runtime.markdown import table
from edge_runtime.metrics import wilson
from edge_runtime.page import NOTICE
from edge_runtime.report import EvalReport

SUMMARY_NAME, CONFUSION_NAME, RATES_NAME = "summary.md", "confusion.png", "rates.png"
NONE = "none"

_INTERVALS = (
    "Intervals are at 95 %. Those by image (Wilson) take every image for an independent one and are optimistic:"
    " many images are augmented copies of one cell. Those by cell (cluster bootstrap) resample all images of a source"
    " photograph together; `cells` counts these. Resampling cannot show what no cell shows: where all n cells of a"
    " class are right, the interval has no width, though 3/n of such cells could still be wrong (the rule of three)."
)
_NO_CELLS = " There are none here: give `leukolite evaluate` the data set's groups file with `--groups`."


def write(evidence: Evidence, *, out_dir: str | os.PathLike[str]) -> Path:
    """Write the summary and its pictures into `out_dir`; returns the path of the summary."""
    folder = Path(out_dir)
    draw_confusion({str(r.model["variant"]): r for r in evidence.reports.values()}, folder / CONFUSION_NAME)
    draw_rates(evidence.reports, evidence.verdict, folder / RATES_NAME)
    write_atomic(folder / SUMMARY_NAME, [to_markdown(evidence).encode("utf-8", "backslashreplace")])
    return folder / SUMMARY_NAME


def figures(evidence: Evidence) -> dict[str, str]:
    """What a README shows, by the names of its markers."""
    accuracy = (headline(evidence), accuracy_table(evidence), class_table(evidence.int8), _remark(evidence))
    return {"accuracy": "\n".join(accuracy), "disputed": _disputed(evidence)}


def to_markdown(evidence: Evidence) -> str:
    """All of it."""
    sections = [
        "# leukolite: summary\n",
        f"{NOTICE}\n",
        *([f"**{REHEARSAL}**\n"] if evidence.suite.rehearsal else []),
        headline(evidence),
        "## Accuracy\n",
        accuracy_table(evidence),
        _remark(evidence),
        "## Each class against the rest\n",
        *(f"{report.model['variant']}:\n\n{class_table(report)}" for report in evidence.reports.values()),
        f"![TPR and TNR of each class with their intervals]({RATES_NAME})\n",
        f"![Confusion matrices]({CONFUSION_NAME})\n",
        "## Disputed source cells\n",
        _disputed(evidence),
        f"## Gate: {evidence.verdict.verdict}\n",
        gate_table(evidence),
    ]
    if evidence.history:
        sections += [f"## Training: {len(evidence.history)} epochs\n", history_table(evidence)]
    return "\n".join([*sections, "## Where these figures come from\n", origin_table(evidence)])


def headline(evidence: Evidence) -> str:
    """The accuracy that counts, in one sentence with its n."""
    report = evidence.int8
    split = f" of {report.data['split']}" if report.data.get("split") else ""
    unread = (
        f"; {report.n_errors} of them got no answer (unreadable, or no stained cell) and count as missed"
        if report.n_errors
        else ""
    )
    return (
        f"**Accuracy of the {report.model['variant']} model: {rate(report.accuracy)}"
        f" on {report.n:,} images{split}**, none left out{unread}.\n"
    )


def accuracy_table(evidence: Evidence) -> str:
    """Both models side by side."""
    reports = list(evidence.reports.values())
    rows = [
        ("accuracy", *(rate(report.accuracy) for report in reports)),
        ("by image", *(interval(_by_image(report)) for report in reports)),
        ("by cell", *(interval(report.groups["accuracy_ci95"] if report.groups else None) for report in reports)),
        ("images", *(f"{report.n:,}" for report in reports)),
        ("cells", *(report.groups["n"] if report.groups else NONE for report in reports)),
        ("balanced accuracy", *(rate(report.balanced_accuracy) for report in reports)),
        ("macro F1", *(rate(report.macro_f1) for report in reports)),
        ("calibration error (ECE)", *(rate(report.ece) for report in reports)),
    ]
    return table(("", *(report.model["variant"] for report in reports)), rows, align="lrr")


def class_table(report: EvalReport) -> str:
    """TPR and TNR of each class, with how many images and source cells stand behind them."""
    header = ["class", "images", "cells", "TPR", "by image", "by cell", "TNR", "by image", "by cell"]
    rows = []
    for label in report.labels:
        rates = report.per_class[label]
        group = report.groups["per_class"][label] if report.groups else {}
        sensitivity = (rate(rates.tpr), interval(rates.tpr_ci95), interval(group.get("tpr_ci95")))
        specificity = (rate(rates.tnr), interval(rates.tnr_ci95), interval(group.get("tnr_ci95")))
        rows.append((label, f"{rates.n:,}", group.get("n", NONE), *sensitivity, *specificity))
    return table(header, rows, align="lrrrrrrrr")


def gate_table(evidence: Evidence) -> str:
    """Every rule of the gate, in the verdict's order: failures first, then the narrowest."""
    rows = [(rule.verdict, rule.name, rule.label, rule.reason) for rule in evidence.verdict.rules]
    return table(("verdict", "rule", "class", "reason"), rows, align="llll")


def history_table(evidence: Evidence) -> str:
    """The training's first and last epoch."""
    first, last = evidence.history[0], evidence.history[-1]
    rows = [(name, _short(first[name]), _short(last[name])) for name in first]
    return table(("", "first", "last"), rows, align="lrr")


def origin_table(evidence: Evidence) -> str:
    """Code, data, models, seed and machine."""
    report, suite = evidence.int8, evidence.suite
    data = (report.data.get("root"), report.data.get("split"), f"SHA-256 {report.data['sha256']}")
    seeds = {role: suite.seed(role) for role in evidence.reports}
    rows = [
        ("data", ", ".join(str(part) for part in data if part)),
        *(
            (f"{role} model", f"{made.model.get('file')}, SHA-256 {made.model['sha256']}")
            for role, made in evidence.reports.items()
        ),
        ("training seed", ", ".join(f"{role}: {NONE if seed is None else seed}" for role, seed in seeds.items())),
    ]
    for name, provenance in (("evaluated", report.provenance), ("timed", suite.provenance)):
        rows += _made(name, provenance)
    return table(("", ""), rows, align="ll")


def rate(value: float | None) -> str:
    """A share with four digits."""
    return NONE if value is None else f"{value:.4f}"


def interval(value: Sequence[float] | None) -> str:
    """The two ends of an interval."""
    return NONE if value is None else f"{value[0]:.3f} to {value[1]:.3f}"


def _disputed(evidence: Evidence) -> str:
    """The sources whose label the int8 model disputes."""
    if evidence.groups is None:
        return "Not known which images show the same cell: give the data set's groups file with `--groups`.\n"
    return disputed.to_markdown(disputed.by_source(evidence.int8, evidence.groups))


def _by_image(report: EvalReport) -> tuple[float, float] | None:
    """Wilson's interval of the accuracy."""
    return None if report.accuracy is None else wilson(round(report.accuracy * report.n), report.n)


def _remark(evidence: Evidence) -> str:
    """What the intervals mean."""
    return _INTERVALS + ("" if evidence.int8.groups else _NO_CELLS) + "\n"


def _made(name: str, provenance: object) -> list[tuple[str, str]]:
    """When, by which code and on what machine something was made."""
    if not isinstance(provenance, dict):
        return [(name, NONE)]
    platform, packages = provenance.get("platform") or {}, provenance.get("packages") or {}
    commit = f"{provenance.get('commit') or NONE}{' with changes' if provenance.get('dirty') else ''}"
    machine = (platform.get("cpu"), platform.get("machine"), platform.get("system"), f"Python {platform.get('python')}")
    return [
        (name, f"{provenance.get('started')}, commit {commit}"),
        (f"{name} on", ", ".join(show(part) for part in machine if part)),
        (f"{name} with", ", ".join(f"{package} {version}" for package, version in packages.items() if version)),
    ]


def _short(text: str) -> str:
    """A number of the history with at most four digits behind the point; anything else as it is."""
    try:
        return f"{float(text):.4g}"
    except ValueError:
        return text
