"""The table of versions that the runtime was tried with, for the page about devices."""

from collections.abc import Mapping, Sequence
from typing import Any

from edge_runtime.markdown import table
from edge_runtime.trial import PACKAGES


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """A line for each combination, as `edge_runtime.trial.combinations` gives them."""
    names = ("cpu", "machine", "python", *PACKAGES, "tried")
    shown = [(*(row[name] for name in names), _yes(row["uses_delegate"]), _yes(row["golden"])) for row in rows]
    return table((*names, "XNNPACK", "golden"), shown, align="l" * (len(names) + 2))


def _yes(good: bool) -> str:
    """A table's word."""
    return "ok" if good else "fail"
