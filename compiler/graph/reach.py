"""What an expression can reach through a dot or a call: fields, derived values, timelines, `min max sum`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from ..text import Span
from ..units import KINDS as UNIT_KINDS
from ..units import Misfit, Quantity, alike
from .blocks import KINDS
from .blocks.train import Train
from .derive import DERIVED, Derived
from .evaluate import Evaluator
from .letters import letter, misfit, unknown
from .schema import Block, Holds, Schema
from .values import HOLE, Bound, Ref, Timeline

_POINT = Holds(kind="point")


@dataclass(frozen=True, slots=True)
class Reach:
    """Reads values of built blocks; `get` builds a block when it is first asked for."""

    get: Callable[[str], Block | None]
    derived: Derived
    letters: list[Diagnostic]

    def of_block(self, ref: Ref, name: ast.Name) -> Any:
        """A field or a derived value of a block."""
        if ref.kind == "pipeline" and name.text == "name":
            return ref.address
        schema, block = KINDS.get(ref.kind), self.get(ref.address)
        if block is None or schema is None:
            return HOLE
        derived, fields = DERIVED.get(ref.kind, {}), schema.fields()
        if name.text in derived:
            found = derived[name.text](self.derived, block)
            return HOLE if found is None else found
        if name.text in fields:
            return self._field(block, name, fields[name.text][1])
        headline = f"a {ref.kind} has no `{name.text}`"
        return self._say(unknown("NAM102", headline, name.span, "", (*fields, *derived)))

    def _field(self, block: Block, name: ast.Name, holds: Holds) -> Any:
        value = getattr(block, _attribute(type(block), name.text))
        if value is None and isinstance(block, Train) and name.text in ("context", "rope"):
            value = self.derived.context(block) if name.text == "context" else self.derived.rope(block)
        if value is None:
            return self._say(letter("NAM102", f"`{block.address}` does not set `{name.text}`", name.span))
        if isinstance(value, Timeline):
            return Bound(value, block.address) if value.moves else value.start
        if holds.kind and isinstance(value, int | Fraction):
            return Quantity(Fraction(value), UNIT_KINDS[holds.kind].dims[0])
        return value

    def of_timeline(self, line: Bound, name: ast.Name) -> Any:
        """`.start` and `.end`: values reached."""
        points = {"start": Fraction(0), "end": Fraction(1)}
        if name.text not in points:
            return self._say(
                unknown("NAM102", f"a timeline has no `{name.text}`", name.span, "", (*points, "at"))
            )
        return self._value_at(line, Quantity(points[name.text]))

    def at(self, of: ast.Expr, node: ast.Call, evaluator: Evaluator) -> Any:
        """`.at(point)` of a stage's timeline."""
        line, argument = evaluator.value(of), node.arguments[0].value
        point = evaluator.fit(evaluator.value(argument, _POINT), _POINT, argument.span)
        if line is HOLE or point is HOLE or isinstance(line, Quantity):
            return HOLE if point is HOLE else line
        if isinstance(line, Bound):
            return self._value_at(line, point)
        return self._say(letter("NAM107", "`.at()` reads a timeline of a stage", of.span))

    def _value_at(self, line: Bound, point: Quantity) -> Any:
        stage = self.get(line.stage)
        reached = self.derived.reached(line.timeline, stage, point) if isinstance(stage, Train) else None
        return HOLE if reached is None else reached

    def reduced(self, name: str, node: ast.Call, evaluator: Evaluator) -> Any:
        """`min`, `max` and `sum` of a list or of arguments."""
        values = [evaluator.value(argument.value) for argument in node.arguments]
        items = [item for value in values for item in _items(value)]
        if HOLE in items:
            return HOLE
        if not items or not all(isinstance(item, Quantity) for item in items):
            return self._say(letter("NAM107", f"`{name}` takes numbers", node.span))
        total: Quantity = items[0]
        for item in items[1:]:
            pair = alike(total, item)
            if isinstance(pair, Misfit):
                return self._say(misfit(pair, node.span))
            total = _reduce(name, *pair)
        return total

    def nothing(self, name: ast.Name) -> Any:
        return self._say(letter("NAM102", f"this has no `{name.text}`", name.span))

    def no_call(self, span: Span, choices: tuple[str, ...]) -> Any:
        return self._say(unknown("NAM101", f"`{span.text}(…)` cannot stand here", span, "", choices))

    def _say(self, diagnostic: Diagnostic) -> Any:
        self.letters.append(diagnostic)
        return HOLE


def _items(value: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)


def _reduce(name: str, one: Quantity, other: Quantity) -> Quantity:
    if name == "sum":
        return replace(one, value=one.value + other.value)
    return (min if name == "min" else max)(one, other, key=lambda quantity: quantity.value)


def _attribute(schema: type[Schema], field: str) -> str:
    return next(name for name, info in schema.model_fields.items() if (info.alias or name) == field)
