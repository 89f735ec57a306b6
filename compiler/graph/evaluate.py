"""From expressions to values.

Comes after `names`; `build` calls it for every field with what the field holds.
Nothing raises: what cannot be evaluated is a letter in `letters` and a `HOLE`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol, cast

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from ..text import Span
from ..units import KINDS, Misfit, Quantity, alike, over, plus, read, settle, show, times
from .letters import letter, misfit
from .names import Scope
from .schema import MODELS, Block, Holds, Schema
from .values import (
    HOLE,
    Bound,
    Fact,
    Formula,
    Interval,
    Leg,
    Pick,
    Portion,
    Ref,
    Score,
    Timeline,
    Word,
    is_open,
)
from .wording import spell, told, wrong_kind

ANYTHING = Holds()
_POINT = Holds(kind="point")
COMPARE: dict[str, Callable[[Fraction, Fraction], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_CURVES = ("linear", "cosine", "sqrt", "exponential")


class Items(tuple[Any, ...]):
    """The values of a list as it was written, and where each stands."""

    spans: tuple[Span, ...]


class World(Protocol):
    """What an expression can reach beyond its own text."""

    letters: list[Diagnostic]
    is_torn: bool
    """Whether part of the text did not parse: then what seems missing may stand there."""

    def look_up(self, name: ast.Name, scope: Scope) -> Any:
        """The value of a name: a quantity, a timeline, a `Ref`, a `Scope` for an import."""
        ...

    def attribute(self, of: Any, name: ast.Name, scope: Scope) -> Any:
        """A field or a derived value of a block, or of a stage's timeline."""
        ...

    def call(self, node: ast.Call, holds: Holds, scope: Scope) -> Any:
        """What a built-in call or a method makes."""
        ...

    def block(self, address: str) -> Block | None:
        """The block at an address; None where it failed."""
        ...

    def element(self, of: Any, index: Any, node: ast.Element) -> Any:
        """One turn of a loop or item of a list; all of them where `index` is None."""
        ...


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Evaluates the expressions of one scope."""

    world: World
    scope: Scope

    def value(self, node: ast.Expr, holds: Holds = ANYTHING) -> Any:
        """The node's value; not yet fitted to what the field holds."""
        match node:
            case ast.Hole():
                return HOLE
            case ast.Number(value=value, suffix="", noun="") if holds.kind == "point" and value:
                number = node.span.text
                bare = Misfit("UNI101", f"a place along a stage has a unit, and {number} has none")
                return self._checked(replace(bare, instead=(f"{number} steps", f"{number}%")), node.span)
            case ast.Number():
                return self._checked(read(node.value, node.suffix, node.noun), node.span)
            case ast.Name():
                return self._name(node, holds)
            case ast.Text():
                return self._text(node)
            case ast.List(items=items):
                one = replace(holds, many=False)
                values = Items(self.value(item, one) for item in items)
                values.spans = tuple(item.span for item in items)
                return HOLE if HOLE in values else values
            case ast.Timeline():
                return self._timeline(node, holds)
            case ast.Signed(sign=sign, of=of):
                return self._signed(sign, self.value(of), node.span)
            case ast.Not(of=of):
                return self._logical(self.value(of), of.span, lambda truth: not truth)
            case ast.Binary():
                return self._binary(node)
            case ast.Choose():
                test = self.value(node.test)
                chosen = self._logical(test, node.test.span, bool)
                return HOLE if chosen is HOLE else self.value(node.then if chosen else node.otherwise, holds)
            case ast.Member(of=of, name=name):
                inner = self.value(of)
                return HOLE if inner is HOLE else self.world.attribute(inner, name, self.scope)
            case ast.Call():
                return self.world.call(node, holds, self.scope)
            case ast.Element(of=of, index=index):
                inner, at = self.value(of), None if index is None else self.value(index)
                return HOLE if HOLE in (inner, at) else self.world.element(inner, at, node)
            case ast.Range():
                return self._range(node)

    # ---- fitting a value to its field ----------------------------------------------

    def fit(self, value: Any, holds: Holds, span: Span, field: str = "") -> Any:
        """The value as the field holds it, or a letter and a HOLE."""
        if value is HOLE or holds == ANYTHING:
            return value
        if holds.many:
            return self._many(value, holds, span, field)
        if isinstance(value, Bound):
            value = value.timeline
        match value:
            case Quantity() if holds.kind:
                return self._checked(settle(value, KINDS[holds.kind]), span, field)
            case Interval() if holds.ranges:
                return self._interval(value, holds, span, field)
            case Portion(of=of) if of.kind in holds.refers:
                return value
            case Pick() if set(MODELS) <= set(holds.refers):
                return value
            case Timeline() if holds.moves:
                return self._refit(value, replace(holds, moves=False))
            case Word(text=text):
                return text
            case str() if holds.text and (not holds.words or value in holds.words):
                return value
            case bool() if holds.truth:
                return value
            case Ref(kind=kind) if kind in holds.refers:
                return value
            case Schema() if holds.calls:
                return value
            case Fact() | Score() | Formula():
                headline = f"`{field or span.text}` must be known before anything runs, and this is not"
                notes = (f"{told(value)} is known once it has been measured",)
                return self._say(letter("NAM113", headline, span, notes=notes))
            case _:
                return self._say(wrong_kind(value, holds, span, field))

    def _refit(self, value: Timeline, holds: Holds) -> Any:
        """A timeline written under `let` meets its field: its values take the field's kind."""
        start = self.fit(value.start, holds, value.span)
        legs = tuple(replace(leg, value=self.fit(leg.value, holds, leg.span)) for leg in value.legs)
        broken = start is HOLE or any(leg.value is HOLE or leg.point is HOLE for leg in legs)
        return HOLE if broken else Timeline(start, legs, value.span)

    def _many(self, value: Any, holds: Holds, span: Span, field: str) -> Any:
        if isinstance(value, tuple):
            items, one = cast("tuple[Any, ...]", value), replace(holds, many=False)
            spans = value.spans if isinstance(value, Items) else (span,) * len(items)
            fitted = tuple(self.fit(item, one, at, field) for item, at in zip(items, spans, strict=True))
            return HOLE if any(item is HOLE for item in fitted) else fitted
        one = self.fit(value, replace(holds, many=False), span, field)
        if one is not HOLE and holds.lone:
            return (one,)
        if one is not HOLE:
            what = f"`{field}` holds a list" if field else "a list is due here"
            self._say(letter("NAM107", what, span, help=(f"write `[{span.text}]`",)))
        return HOLE

    # ---- the kinds of expression ---------------------------------------------------

    def _name(self, node: ast.Name, holds: Holds) -> Any:
        if node.text in holds.words:
            bare = ast.Call(node.span, node, ())
            return self.world.call(bare, holds, self.scope) if node.text in holds.calls else Word(node.text)
        if node.text in ("true", "false"):
            return node.text == "true"
        if node.text == "end" and holds.kind == "point":
            return Quantity(Fraction(1))
        if holds.words and not (holds.kind or holds.refers) and self.scope.find(node.text) is None:
            return node
        return self.world.look_up(node, self.scope)

    def _text(self, node: ast.Text) -> Any:
        parts = [part if isinstance(part, str) else self.value(part) for part in node.parts]
        return HOLE if any(part is HOLE for part in parts) else "".join(spell(part) for part in parts)

    def _timeline(self, node: ast.Timeline, holds: Holds) -> Any:
        if not holds.moves and holds != ANYTHING:
            return self._say(
                letter("NAM107", f"this does not change along the way: {holds.describe()} is due", node.span)
            )
        one = replace(holds, moves=False)
        start = self._settled(node.start, one)
        return Timeline(start, tuple(self._leg(leg, one) for leg in node.legs), node.start.span)

    def _leg(self, leg: ast.Leg, holds: Holds) -> Leg:
        value, point = self._settled(leg.value, holds), self._settled(leg.point, _POINT)
        via = leg.via.text if leg.via else "linear"
        if leg.via and via not in _CURVES:
            curves = ", ".join(f"`{curve}`" for curve in _CURVES)
            self._say(
                letter("NAM101", f"there is no curve `{via}`", leg.via.span, notes=(f"curves: {curves}",))
            )
        return Leg(leg.glides, value, point, via, leg.value.span, leg.point.span)

    def _settled(self, node: ast.Expr, holds: Holds) -> Any:
        return self.fit(self.value(node, holds), holds, node.span)

    def _signed(self, sign: str, of: Any, span: Span) -> Any:
        if of is HOLE:
            return HOLE
        if not isinstance(of, Quantity):
            return self._say(letter("UNI103", f"`{sign}` needs a number", span))
        return replace(of, value=-of.value) if sign == "-" else of

    def _binary(self, node: ast.Binary) -> Any:
        left, right = self.value(node.left), self.value(node.right)
        if left is HOLE or right is HOLE:
            return HOLE
        left, right = measured(left), measured(right)
        if is_open(left) or is_open(right):
            return self._open(node, left, right)
        if node.op in ("and", "or"):
            truths = [self._logical(left, node.left.span, bool), self._logical(right, node.right.span, bool)]
            if any(truth is HOLE for truth in truths):
                return HOLE
            return all(truths) if node.op == "and" else any(truths)
        if not (isinstance(left, Quantity) and isinstance(right, Quantity)):
            return self._unlike(node, left, right)
        if node.op in COMPARE:
            pair = alike(left, right)
            if isinstance(pair, Misfit):
                return self._say(misfit(pair, node.span))
            return COMPARE[node.op](pair[0].value, pair[1].value)
        match node.op:
            case "+" | "-":
                result = plus(left, right, 1 if node.op == "+" else -1)
            case "/":
                result = over(left, right)
            case _:
                result = times(left, right)
        return self._checked(result, node.span)

    def _open(self, node: ast.Binary, left: Any, right: Any) -> Any:
        """Arithmetic that waits for a run."""
        op = "*" if node.op == "of" else node.op
        if op not in (*COMPARE, "+", "-", "*", "/") or not (_counts(left) and _counts(right)):
            return self._say(letter("UNI103", f"`{node.op}` needs two numbers", node.span))
        return Formula(op, left, right)

    def _range(self, node: ast.Range) -> Any:
        low, high = self.value(node.low), self.value(node.high)
        if low is HOLE or high is HOLE:
            return HOLE
        if isinstance(low, Quantity) and isinstance(high, Quantity):
            return Interval(low, high)
        return self._say(letter("NAM107", "a range runs from a number to a number", node.span))

    def _interval(self, value: Interval, holds: Holds, span: Span, field: str) -> Any:
        low, high = (settle(end, KINDS[holds.kind]) for end in (value.low, value.high))
        for end in (low, high):
            if isinstance(end, Misfit):
                return self._say(misfit(end, span, field))
        assert isinstance(low, Quantity)
        assert isinstance(high, Quantity)
        if low.value > high.value:
            return self._say(letter("UNI107", f"this range ends, at {show(high)}, before it begins", span))
        return Interval(low, high)

    def _unlike(self, node: ast.Binary, left: Any, right: Any) -> Any:
        if node.op == "+" and (isinstance(left, tuple) or isinstance(right, tuple)):
            return (*_listed(left), *_listed(right))
        if node.op in ("==", "!=") and type(left) is type(right):
            return (left == right) == (node.op == "==")
        return self._say(letter("UNI103", f"`{node.op}` needs two numbers", node.span))

    def _logical(self, value: Any, span: Span, then: Callable[[bool], bool]) -> Any:
        if value is HOLE:
            return HOLE
        if not isinstance(value, bool):
            return self._say(letter("NAM107", "this is neither true nor false", span))
        return then(value)

    def _checked(self, result: Quantity | Misfit, span: Span, field: str = "") -> Any:
        return self._say(misfit(result, span, field)) if isinstance(result, Misfit) else result

    def _say(self, diagnostic: Diagnostic) -> Any:
        self.world.letters.append(diagnostic)
        return HOLE


def measured(value: Any) -> Any:
    """A bench among numbers is what it measures."""
    return Score(None, value) if isinstance(value, Ref) and value.kind == "bench" else value


def _counts(value: Any) -> bool:
    return isinstance(value, Quantity) or is_open(value)


def _listed(value: Any) -> tuple[Any, ...]:
    return cast("tuple[Any, ...]", value) if isinstance(value, tuple) else (value,)
