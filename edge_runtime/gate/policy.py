"""What a candidate must reach, as a TOML file that a project keeps beside its code."""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from edge_runtime.errors import LeukoliteError, reason, show

ESTIMATE, INTERVAL = "estimate", "interval"
FAILS, PASSES, REPORTS = "fail", "pass", "report"

_CHOICES = {"inconclusive": (FAILS, PASSES, REPORTS), "floors": (ESTIMATE, INTERVAL)}
_COUNTS = ("min_sources", "max_size_bytes")
_OPTIONAL = ("min_agreement", "max_ece_rise", "max_size_bytes", "max_latency_ms")


@dataclass(frozen=True)
class Policy:
    """The limits, fractions where nothing else is said; the first three are the user's success criteria.

    `max_..._drop` are margins of non-inferiority against the reference. `inconclusive` says what a verdict
    INCONCLUSIVE does to the exit status. By `floors = "interval"` a rate's whole interval must lie above its floor, by
    `"estimate"` the rate itself. A drop that fewer than `min_sources` source cells stand behind is inconclusive.
    What is None is not asked for: `min_agreement` of the labels of both models, `max_ece_rise` of the calibration
    error, the size of the model's file in bytes, the median latency in milliseconds.
    """

    min_accuracy: float = 0.90
    min_tpr: float = 0.80
    min_tnr: float = 0.80
    max_accuracy_drop: float = 0.01
    max_tpr_drop: float = 0.03
    max_tnr_drop: float = 0.02
    inconclusive: str = FAILS
    floors: str = ESTIMATE
    min_sources: int = 0
    min_agreement: float | None = None
    max_ece_rise: float | None = None
    max_size_bytes: int | None = None
    max_latency_ms: float | None = None

    def __post_init__(self) -> None:
        """Refuse limits that nothing can meet or miss."""
        for field in fields(self):
            value = getattr(self, field.name)
            if not (value is None and field.name in _OPTIONAL) and not _fits(field.name, value):
                raise LeukoliteError(
                    expected=f"{field.name} to be {_wanted(field.name)}", found=repr(value), remedy="correct the policy"
                )


def _fits(name: str, value: object) -> bool:
    """Whether a value can be that key's."""
    if name in _CHOICES:
        return value in _CHOICES[name]
    if isinstance(value, bool) or not isinstance(value, int if name in _COUNTS else int | float):
        return False
    if name in _COUNTS or name == "max_latency_ms":
        return 0 < value < float("inf") or (name == "min_sources" and value == 0)
    return 0 <= value <= 1


def _wanted(name: str) -> str:
    """That in words."""
    if name in _CHOICES:
        *others, last = _CHOICES[name]
        return f"{', '.join(others)} or {last}"
    if name in _COUNTS:
        return f"a whole number from {0 if name == 'min_sources' else 1}"
    return "a number above 0" if name == "max_latency_ms" else "a fraction from 0 to 1"


def load_policy(path: str | os.PathLike[str] | None) -> Policy:
    """Read a policy from TOML; defaults for what it leaves out, LeukoliteError for a key that is unknown."""
    if path is None:
        return Policy()
    try:
        settings: dict[str, Any] = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LeukoliteError(
            expected=f"a gate policy (TOML) at {show(path)}", found=reason(error), remedy="check the file"
        ) from error
    known = [field.name for field in fields(Policy)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise LeukoliteError(
            expected=f"only the keys {', '.join(known)} in {show(path)}",
            found=", ".join(show(name) for name in unknown),
            remedy="correct or remove them",
        )
    return Policy(**settings)
