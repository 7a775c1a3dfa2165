"""Pictures as SVG text, which an HTML page holds without another file."""

import math
from collections.abc import Iterable
from html import escape

from edge_runtime.errors import show

_MOST_TICKS = 6


def picture(parts: Iterable[str], *, width: float, height: float, title: str, meaning: str = "") -> str:
    """An `svg` element of that many pixels. `title` is its name; `meaning` says what it shows to who cannot see it."""
    described = f"<desc>{escape(meaning)}</desc>" if meaning else ""
    head = f'<svg role="img" viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}">'
    return f"{head}<title>{escape(title)}</title>{described}{''.join(parts)}</svg>"


def text(x: float, y: float, words: object, *, anchor: str = "start", kind: str = "", fill: str = "") -> str:
    """A line of text; `anchor` is start, middle or end, `kind` a CSS class, `fill` a colour of its own."""
    more = f' text-anchor="{anchor}"' * (anchor != "start")
    more += f' class="{kind}"' * bool(kind) + f' fill="{fill}"' * bool(fill)
    return f'<text x="{x:g}" y="{y:.1f}"{more}>{escape(show(words))}</text>'


def ticks(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high` (above it), seven at most, in steps of 1, 2 or 5 times a power of ten."""
    power = 10 ** math.floor(math.log10((high - low) / _MOST_TICKS))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * _MOST_TICKS >= high - low)
    return [step * number for number in range(math.ceil(low / step), math.floor(high / step) + 1)]
