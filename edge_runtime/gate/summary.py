"""The verdict as Markdown: the summary of a job, or a comment below a change."""

from collections.abc import Mapping
from typing import Any

from edge_runtime.gate import columns
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, PASS, Verdict
from edge_runtime.markdown import table

MARKS = {PASS: "✅", INCONCLUSIVE: "❔", FAIL: "❌"}


def to_markdown(verdict: Verdict, *, about: Mapping[str, Any]) -> str:
    """What failed and what is open first; the rest folded away."""
    rows = [(f"{MARKS[row[0]]} {row[0]}", *row[1:]) for row in columns.rule_rows(verdict)]
    open_rules = len(verdict.rules) - verdict.count(PASS)
    parts = [
        f"## {MARKS[verdict.verdict]} {columns.summary(verdict)}\n",
        "\n".join(f"- {name}: {_code(value)}" for name, value in about.items()) + "\n",
    ]
    if open_rules:
        parts.append(_rules(rows[:open_rules]))
    parts += [
        f"<details><summary>{verdict.count(PASS)} rules passed</summary>\n",
        _rules(rows[open_rules:]),
        "</details>\n",
        table(columns.BEHIND, columns.behind_rows(verdict), align="lrrrrrrrrr"),
        " ".join(columns.notes(verdict)) + "\n",
        "Research use only; not a medical device.\n",
    ]
    return "\n".join(parts)


def _rules(rows: list[tuple[str, ...]]) -> str:
    """A table of rules."""
    return table(columns.RULES, rows, align="lllrrll")


def _code(value: object) -> str:
    """A value that Markdown leaves as it is."""
    return "`" + " ".join(str(value).replace("`", "'").split()) + "`"
