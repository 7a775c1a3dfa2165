"""The report's pictures. Colours are classes, so that the page decides them for light, dark and paper."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Self

from edge_runtime import svg
from edge_runtime.errors import show

COLORS = 8
"""So many are told apart; more series begin again, with their names beside them."""

_ROW_PX, _LEFT_PX, _PLOT_PX, _RIGHT_PX, _AXIS_PX = 24, 170, 440, 300, 38
_DOTS = 60  # of a row, evenly over its samples: more hide one another
_FAR = 3.0  # the axis ends at so many times the longest bar: a tail that is longer gets an arrow
_SIDE_PX, _HIGH_PX = 64, 300  # of a scatter plot
_LEGEND_PX, _PART_PX, _LETTER_PX = 20, 135, 6.5
_SMALL_PX = 250  # the width of a course

Across = Callable[[float], float]


@dataclass(frozen=True)
class Bar:
    """One row: a bar to `value`, a line from `low` to `high`, a dot for each of `dots`, and `said` beside it."""

    name: str
    value: float
    low: float
    high: float
    said: str
    color: int
    dots: Sequence[float] = ()
    marked: bool = False


@dataclass(frozen=True)
class Stack:
    """One row: `parts` laid end to end, an upright stroke at `total`, and `said` beside it."""

    name: str
    parts: Mapping[str, float]
    total: float
    said: str


@dataclass(frozen=True)
class Spot:
    """A point of a scatter plot with the interval of its y."""

    name: str
    x: float
    y: float
    low: float
    high: float


@dataclass(frozen=True)
class Moment:
    """A point of a course: its commit, the figure with its ends, and `said` where it is the first or last."""

    name: str
    value: float
    low: float
    high: float
    said: str
    changed: bool
    marked: bool


@dataclass(frozen=True)
class Scale:
    """From values between 0 and `limit` to pixels, beginning at `left`, with _PLOT_PX between."""

    left: float
    limit: float

    def __call__(self, value: float) -> float:
        """Where a value lies; what is above the limit lies at it."""
        return self.left + _PLOT_PX * min(value, self.limit) / self.limit

    @classmethod
    def beside(cls, names: Iterable[str], limit: float) -> Self:
        """To the right of these names."""
        return cls(max(_LEFT_PX, 16 + _LETTER_PX * max(map(len, names))), limit)


def bars(rows: Sequence[Bar], *, title: str, unit: str, meaning: str) -> str:
    """A bar a row."""
    longest = max(row.value for row in rows)
    limit = min(max([longest, *(row.high for row in rows)]), _FAR * longest) * 1.02
    across = Scale.beside((row.name for row in rows), limit)
    drawn = [_bar(row, across=across, top=_ROW_PX * at) for at, row in enumerate(rows)]
    return _rows(drawn, across=across, height=_ROW_PX * len(rows), title=title, unit=unit, meaning=meaning)


def stacks(rows: Sequence[Stack], names: Sequence[str], *, title: str, unit: str, meaning: str) -> str:
    """A stacked bar a row; below them which colour is which of the parts' `names`."""
    limit = max(max(row.total, sum(row.parts.values())) for row in rows) * 1.02
    across = Scale.beside((row.name for row in rows), limit)
    height = _ROW_PX * len(rows)
    used = {part for row in rows for part in row.parts}
    legend = _legend({names.index(name): name for name in names if name in used}, x=across(0), y=height + _AXIS_PX)
    drawn = [_stack(row, names, across=across, top=_ROW_PX * at) for at, row in enumerate(rows)]
    return _rows([*drawn, legend], across=across, height=height, title=title, unit=unit, meaning=meaning)


def scatter(spots: Sequence[Spot], *, title: str, unit: str, meaning: str) -> str:
    """Points above an axis that begins at 0; which is which stands beside them."""
    across = Scale(_SIDE_PX, max(spot.x for spot in spots) * 1.05)
    low, high = min(spot.low for spot in spots), max(spot.high for spot in spots)
    low, high = low - 0.01, min(1.0, high + 0.01)

    def up(value: float) -> float:
        return _HIGH_PX * (high - value) / (high - low) + 6

    parts = [_axis(across.limit, across=across, bottom=_HIGH_PX + 6, unit=unit)]
    for tick in svg.ticks(low, high):
        parts.append(f'<path class="grid" d="M{_SIDE_PX} {up(tick):.1f}h{_PLOT_PX}"/>')
        parts.append(svg.text(_SIDE_PX - 6, up(tick) + 4, f"{tick:.3g}", anchor="end"))
    parts += [_spot(each, at, x=across(each.x), up=up) for at, each in enumerate(spots)]
    x = _SIDE_PX + _PLOT_PX + 18
    for at, each in enumerate(spots):
        y = 18 + _LEGEND_PX * at
        parts.append(f"{_mark(at, x, y)}{svg.text(x + 12, y + 4, f'{each.name}: {each.y:.3f}')}")
    height = max(_HIGH_PX + 6, _LEGEND_PX * len(spots) + 18) + _AXIS_PX
    size = {"width": _SIDE_PX + _PLOT_PX + _RIGHT_PX, "height": height}
    return _figure(svg.picture(parts, title=title, meaning=meaning, **size), title)


def course(points: Sequence[Moment], *, title: str, meaning: str) -> str:
    """A small line from the first commit to the last; a pale point is unstable, a square another model than before."""
    values = [end for point in points for end in (point.low, point.high)]
    middle = (min(values) + max(values)) / 2
    # At least as high as 2 % of the value, so that the noise of a thousandth of counts looks as flat as it is.
    half = max((max(values) - min(values)) / 2, 0.01 * middle) * 1.15

    def across(at: int) -> float:
        return 12 + (_SMALL_PX - 24) * (at / (len(points) - 1) if len(points) > 1 else 0.5)

    def up(value: float) -> float:
        return 18 + 44 * (middle + half - value) / (2 * half)

    line = "L".join(f"{across(at):.1f} {up(point.value):.1f}" for at, point in enumerate(points))
    drawn = "".join(_moment(point, x=across(at), up=up) for at, point in enumerate(points))
    first, last = points[0], points[-1]
    parts = [f'<path class="course" d="M{line}"/>{drawn}']
    parts += [svg.text(6, 12, first.said), svg.text(6, 80, first.name, kind="quiet")] if len(points) > 1 else []
    parts.append(svg.text(_SMALL_PX - 6, 12, last.said, anchor="end"))
    parts.append(svg.text(_SMALL_PX - 6, 80, last.name, anchor="end", kind="quiet"))
    return _figure(svg.picture(parts, width=_SMALL_PX, height=86, title=title, meaning=meaning), title, kind="small")


def _rows(drawn: Iterable[str], *, across: Scale, height: float, title: str, unit: str, meaning: str) -> str:
    """A picture of rows with their axis below, and room for a legend."""
    parts = [_axis(across.limit, across=across, bottom=height + 2, unit=unit), *drawn]
    size = {"width": across(across.limit) + _RIGHT_PX, "height": height + _AXIS_PX + _LEGEND_PX}
    return _figure(svg.picture(parts, title=title, meaning=meaning, **size), title)


def _figure(drawn: str, title: str, *, kind: str = "wide") -> str:
    """A picture under its name."""
    return f'<figure class="{kind}"><figcaption>{escape(show(title))}</figcaption>{drawn}</figure>'


def _moment(point: Moment, *, x: float, up: Across) -> str:
    """One point of `course`."""
    y, spread = up(point.value), f"M{x:.1f} {up(point.low):.1f}V{up(point.high):.1f}"
    sign = _mark(1, x, y) if point.changed else _mark(0, x, y)
    return f'<path class="spread" d="{spread}"/><g class="{"marked" if point.marked else ""}">{sign}</g>'


def _bar(row: Bar, *, across: Scale, top: float) -> str:
    """One row of `bars`."""
    middle, left, end, right = top + _ROW_PX / 2, across(0), across(row.value), across(across.limit)
    arrow = f"M{right - 5:.1f} {middle - 4:g}l5 4l-5 4" if row.high > across.limit else ""
    low, high = across(row.low), across(row.high)
    every = max(1, len(row.dots) // _DOTS)
    heights = ((at * 7 % 11 - 5) * 1.3 for at in range(len(row.dots)))  # side by side rather than on one another
    shown = zip(row.dots[::every], heights, strict=False)
    dots = "".join(f"M{across(dot):.0f} {middle + height:.0f}h0" for dot, height in shown if dot <= across.limit)
    return (
        f'<g class="c{row.color % COLORS}{" marked" if row.marked else ""}">'
        f"{svg.text(left - 8, middle + 4, row.name, anchor='end')}"
        f'<rect class="bar" x="{left:g}" y="{top + 4:g}" width="{end - left:.1f}" height="{_ROW_PX - 8}"/>'
        + (f'<path class="dots" d="{dots}"/>' if dots else "")
        + f'<path class="spread" d="M{low:.1f} {middle:g}H{high:.1f}M{low:.1f} {middle - 4:g}v8{arrow}'
        + ("" if arrow else f"M{high:.1f} {middle - 4:g}v8")
        + f'"/>{svg.text(right + 8, middle + 4, row.said)}</g>'
    )


def _stack(row: Stack, names: Sequence[str], *, across: Scale, top: float) -> str:
    """One row of `stacks`."""
    middle, so_far = top + _ROW_PX / 2, 0.0
    parts = [svg.text(across(0) - 8, middle + 4, row.name, anchor="end")]
    for name, value in row.parts.items():
        begin, end = across(so_far), across(so_far + value)
        shape = f'x="{begin:.1f}" y="{top + 4:g}" width="{end - begin:.1f}" height="{_ROW_PX - 8}"'
        parts.append(f'<rect class="bar c{names.index(name) % COLORS}" {shape}/>')
        so_far += value
    parts.append(f'<path class="spread" d="M{across(row.total):.1f} {top + 1:g}v{_ROW_PX - 2}"/>')
    parts.append(svg.text(across(across.limit) + 8, middle + 4, row.said))
    return "".join(parts)


def _legend(names: Mapping[int, str], *, x: float, y: float) -> str:
    """Which colour is which part."""
    return "".join(
        f'<rect class="bar c{color % COLORS}" x="{x + _PART_PX * at:g}" y="{y:g}" width="11" height="11"/>'
        f"{svg.text(x + _PART_PX * at + 16, y + 10, name)}"
        for at, (color, name) in enumerate(names.items())
    )


def _axis(high: float, *, across: Across, bottom: float, unit: str) -> str:
    """Round numbers from 0 below, with lines up from them, and what they are."""
    parts = [
        f'<path class="grid" d="M{across(tick):.1f} 0v{bottom:g}"/>'
        f"{svg.text(round(across(tick), 1), bottom + 15, f'{tick:.6g}', anchor='middle')}"
        for tick in svg.ticks(0, high)
    ]
    return "".join([*parts, svg.text(round(across(high), 1), bottom + 31, unit, anchor="end", kind="quiet")])


def _spot(spot: Spot, at: int, *, x: float, up: Across) -> str:
    """One point with its interval."""
    low, high = up(spot.low), up(spot.high)
    ends = "".join(f"M{x - 4:.1f} {end:.1f}h8" for end in (low, high))
    return f'<path class="interval c{at % COLORS}" d="M{x:.1f} {low:.1f}V{high:.1f}{ends}"/>{_mark(at, x, up(spot.y))}'


def _mark(at: int, x: float, y: float) -> str:
    """A sign of its own shape as well as its own colour: circle, square, two triangles, diamond."""
    shape = (
        f"M{x - 5:.1f} {y:.1f}a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
        f"M{x - 4.5:.1f} {y - 4.5:.1f}h9v9h-9z",
        f"M{x:.1f} {y - 6:.1f}l6 10h-12z",
        f"M{x:.1f} {y - 6.5:.1f}l6.5 6.5l-6.5 6.5l-6.5 -6.5z",
        f"M{x:.1f} {y + 6:.1f}l6 -10h-12z",
    )[at % 5]
    return f'<path class="bar c{at % COLORS}" d="{shape}"/>'
