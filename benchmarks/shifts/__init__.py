"""Graded synthetic shifts of a picture, and how a model's accuracy falls along them (docs/shifts.md)."""

from benchmarks.shifts.kinds import GRADES, KINDS, Kind, shift

__all__ = ["GRADES", "KINDS", "Kind", "shift"]
