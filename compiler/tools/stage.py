"""A block of a spec, field by field: what each came to, where it was written, what changed it.

Called by `explain`, with the views that a journey made.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

from ..graph.attributes import DERIVED
from ..graph.blocks.trained import Trained
from ..graph.phases import Course
from ..graph.schema import Block, Holds, Schema
from ..graph.values import Fact, Formula, Interval, Pick, Portion, Ref, Score, Timeline
from ..graph.views import View
from ..units import KINDS, Quantity, digits, show

Row = tuple[str, str, str]
"""A name, its value, and where that comes from."""


def stage(view: View, address: str) -> list[Row] | None:
    """Every field that is set, then what follows from them; None where there is no such block."""
    block = view.graph.blocks.get(address) if view.graph else None
    if block is None or view.graph is None:
        return None
    rows = [
        row
        for name, (info, holds) in type(block).fields().items()
        for row in [_field(block, name, block.value(name), holds, info.default)]
        if row
    ]
    return [*rows, *_derived(view, block), *_phases(view, block)]


def _field(block: Block, name: str, value: Any, holds: Holds, default: Any) -> Row | None:
    is_written = name in block.spans
    if value is None or (
        not is_written and value == default and not isinstance(value, bool | int | str | Fraction)
    ):
        return None
    if not is_written:
        return name, spell(value, holds), "default"
    span = block.spans[name]
    written = f"{span.source.path}:{span.line}"
    told = [
        written,
        *block.changes.get(name, ()),
        *([f"# {block.remarks[name]}"] if name in block.remarks else []),
    ]
    return name, spell(value, holds), ", ".join(told)


def _derived(view: View, block: Block) -> list[Row]:
    assert view.graph
    rows: list[Row] = []
    for name, value in DERIVED.get(block.kind, {}).items():
        found = value(view.graph.derived, block)
        if isinstance(found, dict):
            amounts = cast("dict[str, Quantity]", found)
            told = ", ".join(f"{corpus} {digits(amount.value)}" for corpus, amount in amounts.items())
            rows += [(name, told, "derived")] if told else []
        elif isinstance(found, Fact):
            rows.append((name, f"known after {found.of.address}", "derived"))
        elif found is not None and name not in block.spans:
            rows.append((name, show(found), "derived"))
    return rows


def _phases(view: View, block: Block) -> list[Row]:
    assert view.graph
    course = view.graph.derived.course(block) if isinstance(block, Trained) else None
    if not isinstance(course, Course) or len(course.stretches) < 2:
        return []
    return [
        (
            "phase",
            f"{digits(one.steps)} steps of {digits(one.sequences)} × {digits(one.context)}",
            f"from step {digits(one.start + 1)}" + (f", {one.source}" if one.source else ""),
        )
        for one in course.stretches
    ]


def spell(value: Any, holds: Holds | None = None) -> str:
    """A value of a field as a person writes it."""
    match value:
        case Timeline():
            legs = [_leg(leg) for leg in value.legs]
            return " ".join([spell(value.start, holds), *legs])
        case Interval(low=low, high=high):
            return f"{digits(low.value)} to {show(high)}"
        case Quantity():
            return show(value)
        case Ref():
            return value.address
        case Portion():
            of = f", of: {value.whole}" if value.how == "part" else ""
            return f"{value.of.address}.{value.how}({value.argument}{of})"
        case Pick():
            return f"the best {value.count} of {spell(value.of)} by {spell(value.by)}"
        case Score() | Formula() | Fact():
            return "known after a run"
        case bool():
            return str(value).lower()
        case int() | Fraction():
            noun = KINDS[holds.kind].noun if holds and holds.kind in KINDS else ""
            number = (
                f"{float(value):g}"
                if isinstance(value, Fraction) and value.denominator != 1
                else digits(value)
            )
            return f"{number} {noun}".rstrip()
        case tuple():
            return ", ".join(spell(item, holds) for item in cast("tuple[Any, ...]", value))
        case Schema():
            return _schema(value)
        case _:
            return str(value)


def _schema(of: Schema) -> str:
    said = [
        f"{name} {spell(of.value(name), holds)}"
        for name, (_, holds) in type(of).fields().items()
        if name in of.spans
    ]
    kind = type(of).__name__.lower()
    return f"{kind}({', '.join(said)})"


def _leg(leg: Any) -> str:
    arrow, word = ("~>", "by") if leg.glides else ("->", "at")
    point = leg.point
    place = f"{float(point.value) * 100:.4g}%" if point.dims == () else show(point)
    curve = "" if leg.via == "linear" else f" via {leg.via}"
    return f"{arrow} {spell(leg.value)} {word} {place}{curve}"
