"""A field that has two values: which parts of it changed, and how each is told."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from ...graph.same import Names, one_line, plain, wording
from ...graph.schema import Holds, Schema
from ...graph.values import Ref, Timeline
from ...text import Span
from ...units import CONTEXT, EXAMPLES, TOKENS, Quantity, digits, name, show
from ..drawing import gathered
from ..stage import spell
from .model import Change

_DECIMAL = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
_BINARY = ((2**40, "Ti"), (2**30, "Gi"), (2**20, "Mi"), (2**10, "Ki"))
_CONTEXT = ((2**20, "M"), (2**10, "k"))
_MANY = 10**7
"""From here on, what is no short number is rounded to four digits."""


@dataclass(frozen=True, slots=True)
class Side:
    """A field on one side: its value, and where it was written; None where it was left out."""

    value: Any
    span: Span | None

    def part(self, value: Any, span: Span | None) -> Side:
        """A part of it, which was written only if the whole was."""
        return Side(value, span if self.span else None)


def compare(field: str, old: Side, new: Side, holds: Holds, names: Names) -> Iterator[Change]:
    """The parts of a field that differ."""
    if plain(old.value, names) == plain(new.value):
        return
    before, after = old.value, new.value
    if isinstance(before, Timeline) and isinstance(after, Timeline) and _are_alike(before, after):
        yield from _along(field, old, new, holds, names)
    elif isinstance(before, Schema) and isinstance(after, Schema) and type(before) is type(after):
        for inner, (_, held) in type(after).fields().items():
            one, other = (Side(each.value(inner), each.spans.get(inner)) for each in (before, after))
            yield from compare(f"{field}.{inner}", one, other, held, names)
    else:
        yield from _change(field, old, new, holds)


def _are_alike(before: Timeline, after: Timeline) -> bool:
    """Whether two timelines have the same arrows, so that their values can be told apart."""
    arrows = [[(leg.glides, leg.via) for leg in line.legs] for line in (before, after)]
    return arrows[0] == arrows[1]


def _along(field: str, old: Side, new: Side, holds: Holds, names: Names) -> Iterator[Change]:
    before, after = old.value, new.value
    last = len(after.legs)
    pairs = [(0, "", (before.start, before.span), (after.start, after.span))]
    for place, (one, other) in enumerate(zip(before.legs, after.legs, strict=True), start=1):
        pairs.append((place, "", (one.value, one.span), (other.value, other.span)))
        pairs.append((place, ".by", (one.point, one.point_span), (other.point, other.point_span)))
    for place, part, one, other in pairs:
        ends = {0: f"{field}.start", last: f"{field}.end"} if last else {0: field}
        called = ends.get(place, f"{field}[{place}]") + part
        held = Holds(kind="point") if part else holds
        yield from compare(called, old.part(*one), new.part(*other), held, names)


def _change(field: str, old: Side, new: Side, holds: Holds) -> Iterator[Change]:
    typed = [wording(side.span) if side.span else None for side in (old, new)]
    words = [told(side.value, holds) for side in (old, new)]
    if words[0] == words[1]:
        words = [one_line(side.span) if side.span else None for side in (old, new)]
    if words[0] == words[1]:
        words = [exact(side.value) for side in (old, new)]
    if words[0] == words[1]:
        return  # what a block that is named here has changed is told there
    noun = field.partition("_")[0]
    before, after = (word and word.removesuffix(f" {noun}") for word in words)
    follows = typed[0] == typed[1]
    yield Change(
        field=field, before=before, after=after, grown=_grown(old.value, new.value), follows=follows
    )  # fmt: skip


def _grown(before: Any, after: Any) -> float | None:
    """By what share a quantity of something is larger."""
    one, other = (
        line.start if isinstance(line, Timeline) and not line.legs else line for line in (before, after)
    )
    if not (isinstance(one, Quantity) and isinstance(other, Quantity)) or one.dims != other.dims:
        return None
    return float(other.value / one.value - 1) if one.dims and one.value else None


# ---- in words ------------------------------------------------------------------------------


def told(value: Any, holds: Holds) -> str | None:
    """A value as short as it can be told exactly: `15.6T`, `4Mi`, `42% ~> 34% by 100%`."""
    match value:
        case None:
            return None
        case Quantity():
            return _quantity(value, holds)
        case Fraction() if holds.kind == "ratio":
            return f"{float(value * 100):.6g}%"
        case Fraction() if value.denominator != 1:
            return _short(value)
        case Timeline(start=start, legs=legs):
            parts = [told(start, holds) or ""]
            for leg in legs:
                arrow, word = ("~>", "by") if leg.glides else ("->", "at")
                point = told(leg.point, Holds(kind="point"))
                curve = "" if leg.via == "linear" else f" via {leg.via}"
                parts.append(f"{arrow} {told(leg.value, holds)} {word} {point}{curve}")
            return " ".join(parts)
        case tuple():
            items = [told(item, holds) or "" for item in cast("tuple[Any, ...]", value)]
            is_named = all(isinstance(item, Ref) for item in cast("tuple[Any, ...]", value))
            return ", ".join(gathered(items) if is_named else items)
        case _:
            return spell(value, holds)


def _quantity(value: Quantity, holds: Holds) -> str:
    number = value.value
    match value.dims:
        case () if holds.kind in ("ratio", "point"):
            return f"{float(number * 100):.6g}%"
        case ():
            return digits(number) + value.prefix if number.denominator == 1 else _short(number)
        case _ if value.dims == CONTEXT:
            return _whole(number, _CONTEXT)
        case _ if value.dims == TOKENS:
            return _whole(number, _BINARY) if holds.kind == "batch" else _rounded(number)
        case _ if value.dims == EXAMPLES and holds.kind == "batch":
            return f"{digits(number)} sequences"
        case _ if number < _MANY and number.denominator == 1:
            return show(value)
        case _:
            return f"{_rounded(number) if number < 10**15 else _short(number)} {name(value.dims)}"


def _whole(number: Fraction, units: tuple[tuple[int, str], ...]) -> str:
    """In the largest unit of which it is whole."""
    size, sign = next(((size, sign) for size, sign in units if number and number % size == 0), (1, ""))
    return digits(number / size) + sign


def _rounded(number: Fraction) -> str:
    """In the largest unit that it holds: exactly where two places after the point are enough, else to four digits."""
    size, sign = next(((size, sign) for size, sign in _DECIMAL if number >= size), (1, ""))
    part = number / size
    if (part * 100).denominator == 1:
        return f"{float(part):g}{sign}"
    return f"{float(part):.4g}{sign}" if number >= _MANY else digits(number)


def _short(number: Fraction) -> str:
    """`8e-7`, `3.8e25`."""
    return re.sub(r"e([-+])0*", lambda found: "e" + found[1].strip("+"), f"{float(number):.6g}")


def exact(value: Any) -> str | None:
    """A number to the last digit, where the short form of two is the same."""
    return (
        str(value.value)
        if isinstance(value, Quantity)
        else f"{value}"
        if isinstance(value, Fraction)
        else None
    )
