"""Lines on a plane, as SVG: no script, no font of its own, light and dark, told apart by dash and by name too."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from html import escape
from math import floor, log10

from .told import Curve

_WIDE, _HIGH, _LEFT, _RIGHT, _TOP, _BOTTOM = 760, 220, 56, 150, 14, 34
_COLOURS = ("#1f5fa8", "#c4561a", "#2f7d3b", "#8a3fa0", "#9a7400", "#0f7f86", "#b3294e", "#5b5b5b")
_DASHES = ("", "7 4", "2 3", "9 3 2 3", "1 4", "12 4", "5 2", "3 6")
Spot = tuple[float, float]
_LEAST_GAP = 13
"""Between the names of two lines, so that both can be read."""


def plot(curves: Sequence[Curve], across: str, up: str, title: str) -> str:
    """The curves on common axes, each named where it ends."""
    xs = [x for curve in curves for x, _ in curve.points]
    ys = [y for curve in curves for _, y in curve.points]
    low_x, high_x = min(xs), max(xs)
    low_y, high_y = min(ys), max(ys)
    span_x, span_y = (high_x - low_x) or 1.0, (high_y - low_y) or 1.0

    def place(point: Spot) -> Spot:
        x, y = point
        wide, high = _WIDE - _LEFT - _RIGHT, _HIGH - _TOP - _BOTTOM
        return _LEFT + wide * (x - low_x) / span_x, _TOP + high * (high_y - y) / span_y

    parts = [
        f'<svg class="plot" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title>",
        *_axes((low_x, high_x), (low_y, high_y), place, across, up),
    ]
    ends = _apart([place(curve.points[-1])[1] for curve in curves])
    for number, (curve, end) in enumerate(zip(curves, ends, strict=True)):
        colour, dash = _COLOURS[number % len(_COLOURS)], _DASHES[number % len(_DASHES)]
        spots = [place(point) for point in curve.points]
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts += [
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.7" stroke-dasharray="{dash}" points="{points}"/>',
            f'<text x="{_WIDE - _RIGHT + 8}" y="{end + 4:.1f}" style="fill:{colour}">{escape(curve.stage)}</text>',
        ]
    return "\n".join([*parts, "</svg>"])


def _axes(x_range: Spot, y_range: Spot, place: Callable[[Spot], Spot], across: str, up: str) -> Iterator[str]:
    bottom, right = _HIGH - _BOTTOM, _WIDE - _RIGHT
    for y in _ticks(*y_range):
        _, at = place((x_range[0], y))
        yield f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>'
        yield f'<text class="quiet" x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{y:g}</text>'
    for x in _ticks(*x_range):
        at, _ = place((x, y_range[0]))
        yield f'<text class="quiet" x="{at:.1f}" y="{bottom + 15}" text-anchor="middle">{x:g}</text>'
    yield f'<line class="axis" x1="{_LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}"/>'
    yield f'<text class="quiet" x="{right}" y="{_HIGH - 4}" text-anchor="end">{escape(across)}</text>'
    yield f'<text class="quiet" x="4" y="{_TOP - 3}">{escape(up)}</text>'


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers within a range, about as many as wanted."""
    if high <= low:
        return [low]
    raw = (high - low) / wanted
    size = 10 ** floor(log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw)
    first = -floor(-low / step)
    found: list[float] = []
    while (value := first * step) <= high + step * 1e-9:
        found.append(round(value, 10))
        first += 1
    return found


def _apart(heights: Sequence[float]) -> list[float]:
    """The heights, moved so that no two are nearer than a line of text."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    found, free = list(heights), float("-inf")
    for at in order:
        found[at] = free = max(heights[at], free)
        free += _LEAST_GAP
    over = max(0.0, (max(found) if found else 0.0) - (_HIGH - 8))
    return [height - over for height in found]
