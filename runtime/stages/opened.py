"""Lay out a stage whose length only a run can tell, now that what it passes over has a size.

A plan says so many passes, with so many sequences or tokens a step; here they become whole steps, and the
learning rate a curve over these, as the compiler lays out a length that it knows.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TypeVar

from ...compiler.plan.model import Average, Leg, Open, OpenAverage, Phase, Segment, Share, TrainedWork

Work = TypeVar("Work", bound=TrainedWork)


def laid_out(work: Work, count: int) -> Work:
    """The work with its one phase, after `count` examples or tokens were found; as it was, if it is not open."""
    known = work.open
    if known is None:
        return work
    steps = max(1, ceil(Fraction(ceil(known.epochs * count * known.answers), _each(known))))
    shares = (
        {} if known.answers > 1 or _asks(work) else {known.of: Share(first=Fraction(1), last=Fraction(1))}
    )
    phase = Phase(
        steps=steps, context=known.context, sequences=known.sequences, rope=known.rope, shares=shares
    )
    found = {"phases": (phase,), "lr": _curve(known, steps), "average": _average(known, steps), "open": None}
    return work.model_copy(update=found)


def _each(known: Open) -> int:
    """Of what is counted, how much a step takes."""
    return known.sequences * (known.context if known.counts == "tokens" else 1)


def _asks(work: TrainedWork) -> bool:
    """Whether the stage passes over prompts, of which no share moves."""
    return work.kind == "rl" or getattr(work, "on_policy", None) is not None  # pyright: ignore[reportAttributeAccessIssue]


def _curve(known: Open, steps: int) -> tuple[Segment, ...]:
    found: list[Segment] = []
    value, start = known.lr, 0
    for leg in known.legs:
        end = _place(leg, steps)
        if leg.glides:
            if end > start:
                found.append(Segment(start=start, end=end, first=value, last=leg.value, via=leg.via))
        elif end > start:
            found.append(Segment(start=start, end=end, first=value, last=value))
        value, start = leg.value, max(start, end)
    if start < steps:
        found.append(Segment(start=start, end=steps, first=value, last=value))
    return tuple(segment for segment in found if segment.start < steps)


def _average(known: Open, steps: int) -> Average | None:
    wanted = known.average
    if wanted is None:
        return None
    first = _place(wanted, steps) or wanted.every
    return Average(first=first, every=wanted.every, rate=wanted.rate)


def _place(leg: Leg | OpenAverage, steps: int) -> int:
    """The step of a point, the nearest whole one."""
    place = leg.place if leg.of == "steps" else leg.place * steps
    return int(place + Fraction(1, 2))
