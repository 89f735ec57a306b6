"""What expressions come to: quantities, timelines, references, and what calls make.

`evaluate` produces them, block schemas hold them, `phases` and `derive` read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import cos, pi, sqrt
from typing import Any

from ..text import Span
from ..units import Quantity


class _Hole:
    """The value of what failed.  It has been reported; whoever meets it stays silent."""

    def __repr__(self) -> str:
        return "HOLE"


HOLE = _Hole()


@dataclass(frozen=True, slots=True)
class Ref:
    """A block, by address; `kind` is the block's kind, `train` or `corpus`."""

    address: str
    kind: str


@dataclass(frozen=True, slots=True)
class Portion:
    """Part of some data: `human.until(2)`, `answers.filtered("easy")`."""

    of: Ref
    how: str
    argument: str | int
    whole: int = 0  # of how many parts, for `.part(i, of: n)`


@dataclass(frozen=True, slots=True)
class Pick:
    """The best `count` of some models by a judge, known once the judge has seen them."""

    count: int
    of: tuple[Any, ...]  # of Ref and Pick
    by: Ref | str


@dataclass(frozen=True, slots=True)
class Interval:
    """`low..high`, both ends included."""

    low: Quantity
    high: Quantity


@dataclass(frozen=True, slots=True)
class Score:
    """What a bench measures of a model; without a model, of the stage that asks."""

    model: Ref | None
    bench: Ref


@dataclass(frozen=True, slots=True)
class Fact:
    """A number of a block that only its run can tell: how many answers a `sample` kept."""

    of: Ref
    name: str


@dataclass(frozen=True, slots=True)
class Formula:
    """Arithmetic with something in it that only a run can tell."""

    op: str
    left: Any
    right: Any


@dataclass(frozen=True, slots=True)
class Gate:
    """`require left op right within …`: what a run must pass, measured `at` a point or each time a field moves."""

    op: str
    left: Any
    right: Any
    within: Fraction
    at: Any  # a Quantity, or the name of a field: "context"
    text: str
    span: Span
    of_profile: bool = False  # written in a profile, and so meant for it


def scores(*values: Any) -> list[Score]:
    """Every measurement in some formulas."""
    found: list[Score] = []
    for value in values:
        if isinstance(value, Score):
            found.append(value)
        elif isinstance(value, Formula):
            found += scores(value.left, value.right)
    return found


def is_open(value: Any) -> bool:
    """Whether only a run can tell the value."""
    return isinstance(value, Score | Fact | Formula)


@dataclass(frozen=True, slots=True)
class Word:
    """A bare word that a field knows, such as `rest` or `uniform`."""

    text: str


@dataclass(frozen=True, slots=True)
class Leg:
    """One arrow: to `value` at `point`, at once or gliding there along `via`."""

    glides: bool
    value: Any
    point: Any  # a Quantity, or a HOLE until its field has looked
    via: str
    span: Span
    point_span: Span


@dataclass(frozen=True, slots=True)
class Timeline:
    """A value that may change along a stage: its start and what follows, in order."""

    start: Any
    legs: tuple[Leg, ...]
    span: Span

    @property
    def moves(self) -> bool:
        return bool(self.legs)

    @property
    def values(self) -> tuple[tuple[Any, Span], ...]:
        return ((self.start, self.span), *((leg.value, leg.span) for leg in self.legs))


@dataclass(frozen=True, slots=True)
class Bound:
    """A stage's own timeline, as `pretrain.lr` gives it: `.start`, `.end` and `.at()` can read it back."""

    timeline: Timeline
    stage: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A timeline between two places on an axis: from `first` at `start` to `last` at `end`."""

    start: Fraction
    end: Fraction
    first: Fraction
    last: Fraction
    via: str

    def at(self, place: Fraction) -> Fraction:
        """The value at a place inside; exact on straight lines, a rounded float's value on other curves."""
        if self.first == self.last or place == self.start:
            return self.first
        if place == self.end:
            return self.last
        return self._along((place - self.start) / (self.end - self.start))

    def _along(self, part: Fraction) -> Fraction:
        if self.via == "linear":
            return self.first + (self.last - self.first) * part
        if self.via == "exponential":
            return Fraction(float(self.first) * (float(self.last) / float(self.first)) ** float(part))
        bend = sqrt(part) if self.via == "sqrt" else (1 - cos(pi * part)) / 2
        return self.first + (self.last - self.first) * Fraction(bend)


def pieces(start: Fraction, legs: list[tuple[bool, Fraction, Fraction, str]], end: Fraction) -> list[Piece]:
    """A timeline of numbers laid along an axis, as pieces that cover `[0, end]` without a gap.

    `legs` are (glides, value, place, via).  A glide that goes past `end` keeps its
    slope: its piece ends beyond, and whoever reads it stops at `end`.
    """
    found: list[Piece] = []
    here, value = Fraction(0), start
    for glides, target, place, via in legs:
        if glides:
            found.append(Piece(here, place, value, target, via))
        elif place > here:
            found.append(Piece(here, place, value, value, "linear"))
        here, value = place, target
    if here < end:
        found.append(Piece(here, end, value, value, "linear"))
    return found


def value_at(laid: list[Piece], place: Fraction, fallback: Fraction) -> Fraction:
    """The value reached at a place; a jump at that very place has happened."""
    for piece in reversed(laid):
        if piece.start <= place:
            return piece.at(min(place, piece.end))
    return fallback
