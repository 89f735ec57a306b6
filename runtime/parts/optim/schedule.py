"""Learning rates: the value of a plan's segments at a step."""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, pi, sqrt

from ....compiler.plan.model import Segment


def rate(segments: Sequence[Segment], step: int) -> float:
    """The value with which step `step`, counted from 0, is taken."""
    segment = next((one for one in segments if one.start <= step < one.end), segments[-1])
    if segment.first == segment.last or step >= segment.end:
        return segment.last
    part = (step - segment.start) / (segment.end - segment.start)
    if segment.via == "exponential":
        return segment.first * (segment.last / segment.first) ** part
    return segment.first + (segment.last - segment.first) * _bend(segment.via, part)


def _bend(via: str, part: float) -> float:
    match via:
        case "cosine":
            return (1 - cos(pi * part)) / 2
        case "sqrt":
            return sqrt(part)
        case _:
            return part
