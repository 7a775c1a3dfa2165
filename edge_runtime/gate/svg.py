"""The intervals of a verdict, drawn."""

from collections.abc import Callable, Sequence

from edge_runtime import svg
from edge_runtime.gate.verdict import FAIL, INCONCLUSIVE, PASS, Rule

COLORS = {PASS: "#1a7f37", INCONCLUSIVE: "#9a6700", FAIL: "#cf222e"}  # green, amber, red; the sign says it as well
SIGNS = {PASS: "pass", INCONCLUSIVE: "?", FAIL: "FAIL"}

_ROW_PX, _LEFT_PX, _PLOT_PX, _RIGHT_PX = 26, 250, 560, 70


def draw_intervals(rules: Sequence[Rule], *, title: str) -> str:
    """A line a rule: its interval, the figure as a point, the limit as an upright stroke, grey on its bad side."""
    low, high = _range(rules)

    def across(value: float) -> float:
        return _LEFT_PX + _PLOT_PX * (min(high, max(low, value)) - low) / (high - low)

    height = _ROW_PX * (len(rules) + 1) + 8
    parts = [_axis(low, high, across=across, bottom=_ROW_PX * len(rules) + 4)]
    parts += [_row(rule, across=across, top=_ROW_PX * number) for number, rule in enumerate(rules)]
    width = _LEFT_PX + _PLOT_PX + _RIGHT_PX
    return svg.picture(parts, width=width, height=height, title=title)


def _range(rules: Sequence[Rule]) -> tuple[float, float]:
    """From a little below everything that is drawn to a little above."""
    values = [value for rule in rules for value in (rule.limit, rule.observed, *(rule.ci95 or ()))]
    margin = 0.05 * (max(values) - min(values)) or 0.01
    return min(values) - margin, max(values) + margin


def _row(rule: Rule, *, across: Callable[[float], float], top: float) -> str:
    """One rule."""
    middle, color = top + _ROW_PX / 2, COLORS[rule.verdict]
    limit, seen = across(rule.limit), across(rule.observed)
    worse = (_LEFT_PX, limit - _LEFT_PX) if rule.name.startswith("min_") else (limit, _LEFT_PX + _PLOT_PX - limit)
    low, high = (across(end) for end in rule.ci95 or (rule.observed, rule.observed))
    return (
        f"{svg.text(_LEFT_PX - 10, middle + 4, f'{rule.name} {rule.label}', anchor='end')}"
        f'<rect x="{worse[0]:.1f}" y="{top + 2}" width="{worse[1]:.1f}" height="{_ROW_PX - 4}" fill="#eee"/>'
        f'<path d="M{limit:.1f} {top + 2}v{_ROW_PX - 4}" stroke="#222" stroke-width="2"/>'
        f'<path d="M{low:.1f} {middle}H{high:.1f}" stroke="{color}" stroke-width="3"/>'
        f'<circle cx="{seen:.1f}" cy="{middle}" r="4.5" fill="{color}"/>'
        f"{svg.text(_LEFT_PX + _PLOT_PX + 8, middle + 4, SIGNS[rule.verdict], fill=color)}"
    )


def _axis(low: float, high: float, *, across: Callable[[float], float], bottom: float) -> str:
    """Round numbers below the lines."""
    return "".join(
        f'<path d="M{across(v):.1f} 0v{bottom}" stroke="#ddd"/>'
        f"{svg.text(round(across(v), 1), bottom + 16, f'{v:.6g}', anchor='middle')}"
        for v in svg.ticks(low, high)
    )
