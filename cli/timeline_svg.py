"""A timeline as SVG: four panels on one axis of tokens; no scripts, no fonts of its own, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from html import escape
from math import log2

from ..compiler.plan.timeline import Moment, Stage, Timeline
from .amounts import amount, binary

_LEFT, _WIDE, _RIGHT, _GAP = 70, 760, 130, 34
_PANELS = (("context", 90), ("batch", 70), ("learning rate", 110), ("mix", 130))
_LEAST = 90
"""Units of width of the smallest stage."""
_POINTS = 120
"""Places at which a stage is looked at."""
_COLOURS = (
    "#4e79a7",
    "#f28e2b",
    "#59a14f",
    "#e15759",
    "#b07aa1",
    "#76b7b2",
    "#edc948",
    "#9c755f",
    "#ff9da7",
    "#bab0ac",
)
_STYLE = """
  text { font: 11px system-ui, sans-serif; fill: #222 }
  .name { font-weight: 600 } .quiet { fill: #666 }
  .frame { fill: none; stroke: #bbb } .border { stroke: #999; stroke-dasharray: 3 3 }
  .line { fill: none; stroke: #1f5fa8; stroke-width: 1.6 } .back { fill: #fff }
  @media (prefers-color-scheme: dark) {
    text { fill: #ddd } .quiet { fill: #999 } .back { fill: #16181c }
    .frame { stroke: #444 } .border { stroke: #666 } .line { stroke: #7db4f0 }
  }
"""

Spot = tuple[float, Moment]


def svg(line: Timeline, title: str) -> str:
    """The timeline of one lineage as a document of its own."""
    spots = list(_spots(line))
    heights = [high for _, high in _PANELS]
    whole = 40 + sum(heights) + _GAP * len(heights) + 20
    about = ", ".join(f"{one.address}: {amount(one.tokens)} tokens" for one in line.stages)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDE + _RIGHT} {whole}" role="img"'
        ' aria-labelledby="title about">',
        f'<title id="title">{escape(title)}: context, batch, learning rate and mix along the tokens</title>',
        f'<desc id="about">{escape(about)}</desc>',
        f"<style>{_STYLE}</style>",
        f'<rect class="back" width="{_LEFT + _WIDE + _RIGHT}" height="{whole}"/>',
    ]
    top = 40
    for name, high in _PANELS:
        parts += [f'<g transform="translate(0 {top})">', *_panel(name, high, spots, line), "</g>"]
        top += high + _GAP
    return "\n".join([*parts, *_borders(line, 40, top - _GAP), "</svg>"]) + "\n"


def _edges(line: Timeline) -> list[float]:
    """Where each stage begins, and where the last one ends."""
    free = max(0, _WIDE - _LEAST * len(line.stages))
    least = min(_LEAST, _WIDE / max(1, len(line.stages)))
    found = [float(_LEFT)]
    for stage in line.stages:
        found.append(found[-1] + least + free * stage.tokens / line.tokens)
    return found


def _spots(line: Timeline) -> Iterator[list[Spot]]:
    """For each stage, what holds at even steps of its tokens and at every change."""
    edges = _edges(line)
    for stage, start, end in zip(line.stages, edges, edges[1:], strict=False):
        yield [(start + (end - start) * float(part), stage.at(part * stage.tokens)) for part in _parts(stage)]


def _parts(stage: Stage) -> list[Fraction]:
    cuts = {Fraction(end, stage.tokens) for end in stage.ends[:-1]}
    just_before = {cut - Fraction(1, stage.tokens) for cut in cuts}
    even = {Fraction(place, _POINTS) for place in range(_POINTS)}
    return sorted(even | cuts | just_before | {1 - Fraction(1, stage.tokens)})


def _panel(name: str, high: int, spots: list[list[Spot]], line: Timeline) -> Iterator[str]:
    yield f'<rect class="frame" x="{_LEFT}" width="{_WIDE}" height="{high}"/>'
    yield f'<text class="name" x="{_LEFT}" y="-6">{name}</text>'
    if name == "mix":
        yield from _mix(high, spots, line)
        return
    values = [[(x, _value(name, moment)) for x, moment in some] for some in spots]
    every = [value for some in values for _, value in some]
    low, top = (0.0, max(every)) if name == "learning rate" else (min(every), max(every))
    span = (top - low) or 1.0

    def y(value: float) -> float:
        return high - 8 - (high - 16) * (value - low) / span

    for some in values:
        yield f'<polyline class="line" points="{" ".join(f"{x:.1f},{y(value):.1f}" for x, value in some)}"/>'
    for value in {low, top}:
        told = f"{value:.3g}" if name == "learning rate" else binary(round(2**value))
        yield f'<text class="quiet" x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{told}</text>'


def _value(name: str, moment: Moment) -> float:
    """Rates as they are; contexts and batches in doublings."""
    return (
        moment.lr if name == "learning rate" else log2(moment.context if name == "context" else moment.batch)
    )


def _mix(high: int, spots: list[list[Spot]], line: Timeline) -> Iterator[str]:
    """Shares stacked on each other, with their names at the right."""
    for some in spots:
        floor = [0.0] * len(some)
        for place, corpus in enumerate(line.corpora):
            shares = [float(moment.shares.get(corpus, 0)) for _, moment in some]
            if not any(shares):
                continue
            ceiling = [low + share for low, share in zip(floor, shares, strict=True)]
            upper = [f"{x:.1f},{high * (1 - value):.1f}" for (x, _), value in zip(some, ceiling, strict=True)]
            lower = [f"{x:.1f},{high * (1 - value):.1f}" for (x, _), value in zip(some, floor, strict=True)]
            colour = _COLOURS[place % len(_COLOURS)]
            yield f'<polygon fill="{colour}" points="{" ".join([*upper, *reversed(lower)])}"/>'
            floor = ceiling
    for place, corpus in enumerate(line.corpora):
        x, y = _LEFT + _WIDE + 10, 4 + 14 * place
        yield f'<rect x="{x}" y="{y}" width="9" height="9" fill="{_COLOURS[place % len(_COLOURS)]}"/>'
        yield f'<text x="{x + 14}" y="{y + 9}">{escape(corpus)}</text>'


def _borders(line: Timeline, top: int, bottom: int) -> Iterator[str]:
    """A border at every stage through all panels, stage names above and tokens done below."""
    edges = _edges(line)
    for stage, x in zip(line.stages, edges, strict=False):
        yield f'<line class="border" x1="{x:.1f}" x2="{x:.1f}" y1="{top - 22}" y2="{bottom}"/>'
        yield f'<text class="name" x="{x + 4:.1f}" y="{top - 24}">{escape(stage.address)}</text>'
        yield f'<text class="quiet" x="{x:.1f}" y="{bottom + 16}">{amount(stage.start) if stage.start else "0"}</text>'
    end = f'x="{edges[-1]:.1f}" y="{bottom + 16}" text-anchor="end"'
    yield f'<text class="quiet" {end}>{amount(line.tokens)} tokens</text>'
