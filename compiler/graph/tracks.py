"""What `phases` walks along: a stage's timelines on their way, and what a profile does to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from ..text import Span
from .values import Leg


@dataclass(frozen=True, slots=True)
class Scaling:
    """What a profile does to courses: its factors, and the fewest steps that a phase keeps.

    `lines` are where the factors were written, for letters.
    """

    factors: dict[str, Fraction] = field(default_factory=dict[str, Fraction])
    floor: int = 0
    lines: dict[str, Span] = field(default_factory=dict[str, Span])

    @property
    def is_scaled(self) -> bool:
        return bool(self.factors)

    def factor(self, kind: str) -> Fraction:
        return self.factors.get(kind, Fraction(1))


UNSCALED = Scaling()


@dataclass(slots=True)
class Track:
    """One timeline on its way: the value that holds now, and the legs to come."""

    field: str
    value: Any
    span: Span
    legs: list[Leg]

    def advance(self) -> None:
        leg = self.legs.pop(0)
        self.value, self.span = leg.value, leg.span
