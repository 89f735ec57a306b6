"""What an expression can reach through a dot or a call: fields, derived values, timelines, `min max sum`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, cast

from ..diagnostics.diagnostic import Diagnostic
from ..front import ast
from ..text import Span
from ..units import EXAMPLES, TOKENS, Misfit, Quantity, alike
from ..units import KINDS as UNIT_KINDS
from .attributes import DERIVED
from .blocks import KINDS
from .blocks.trained import Trained
from .derive import Derived
from .evaluate import Evaluator
from .letters import letter, misfit, unknown
from .names import Scope
from .schema import Block, Holds, Schema
from .sizes import examples, tokens
from .values import HOLE, Bound, Fact, Portion, Ref, Score, Timeline, is_open

_POINT = Holds(kind="point")


@dataclass(frozen=True, slots=True)
class Scores:
    """`model.scores`, on its way to a bench; `scope` is where the bench's name is looked for."""

    model: Ref
    scope: Scope


@dataclass(frozen=True, slots=True)
class Drawn:
    """`stage.drawn`, on its way to a corpus."""

    by_corpus: dict[str, Quantity]


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
        is_set = name.text in fields and block.value(name.text) is not None
        if name.text in derived and not is_set:
            found = derived[name.text](self.derived, block)
            if isinstance(found, dict):
                return Drawn(cast("dict[str, Quantity]", found))
            return HOLE if found is None else found
        if name.text in fields:
            return self._field(block, name, fields[name.text][1])
        headline = f"a {ref.kind} has no `{name.text}`"
        return self._say(unknown("NAM102", headline, name.span, "", (*fields, *derived)))

    def _field(self, block: Block, name: ast.Name, holds: Holds) -> Any:
        value = block.value(name.text)
        if value is None and isinstance(block, Trained) and name.text in ("context", "rope"):
            value = self.derived.context(block) if name.text == "context" else self.derived.rope(block)
        if value is None:
            return self._say(letter("NAM102", f"`{block.address}` does not set `{name.text}`", name.span))
        if isinstance(value, Timeline):
            return Bound(value, block.address) if value.moves else value.start
        return _as_quantity(value, holds)

    def of_value(self, of: Any, name: ast.Name) -> Any:
        """A field of what a call made, or of a block inside a block: `core.target.label`."""
        if isinstance(of, Drawn):
            if name.text in of.by_corpus:
                return of.by_corpus[name.text]
            headline = f"nothing is drawn from `{name.text}`"
            return self._say(unknown("NAM102", headline, name.span, "", of.by_corpus))
        if isinstance(of, Portion) and name.text in ("examples", "tokens"):
            found = (examples if name.text == "examples" else tokens)(of, self.get)
            dims = EXAMPLES if name.text == "examples" else TOKENS
            return Quantity(found, dims) if isinstance(found, Fraction) else found or Fact(of.of, name.text)
        if isinstance(of, Timeline) and name.text in ("start", "end"):
            return of.start if name.text == "start" else of.values[-1][0]
        fields = type(of).fields() if isinstance(of, Schema) else {}
        if not isinstance(of, Schema) or name.text not in fields:
            return self._say(unknown("NAM102", f"this has no `{name.text}`", name.span, "", fields))
        value = of.value(name.text)
        if value is None:
            return self._say(letter("NAM102", f"`{name.text}` is not set", name.span))
        return _as_quantity(value, fields[name.text][1])

    def of_scores(self, of: Scores, name: ast.Name) -> Any:
        """`pretrain.scores.short`: a bench of this file, or the one of that name in an import."""
        if name.text in of.scope.imports:
            return Scores(of.model, of.scope.imports[name.text])
        root = of.scope
        while root.parent:
            root = root.parent
        benches = {
            scope.prefix + bench: bench
            for scope in (root, *root.imports.values())
            for bench, one in scope.names.named.items()
            if isinstance(one, ast.Block) and one.kind.text == "bench"
        }
        found = [address for address, bench in benches.items() if bench == name.text]
        if root.prefix + name.text in benches:
            found = [root.prefix + name.text]
        if len(found) == 1:
            return Score(of.model, Ref(found[0], "bench"))
        what = f"several benches are called `{name.text}`" if found else f"there is no bench `{name.text}`"
        help = tuple(f"write `.scores.{address}`" for address in found[:2])
        if help:
            return self._say(letter("NAM101", what, name.span, help=help))
        return self._say(unknown("NAM101", what, name.span, "", benches.values()))

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
        reached = self.derived.reached(line.timeline, stage, point) if isinstance(stage, Trained) else None
        return HOLE if reached is None else reached

    def reduced(self, name: str, node: ast.Call, evaluator: Evaluator) -> Any:
        """`min`, `max` and `sum` of a list or of arguments."""
        values = [evaluator.value(argument.value) for argument in node.arguments]
        items = [item for value in values for item in _items(value)]
        if HOLE in items:
            return HOLE
        if any(is_open(item) for item in items):
            return self._say(letter("NAM113", f"`{name}` takes numbers that are known now", node.span))
        if not items or not all(isinstance(item, Quantity) for item in items):
            return self._say(letter("NAM107", f"`{name}` takes numbers", node.span))
        total: Quantity = items[0]
        for item in items[1:]:
            pair = alike(total, item)
            if isinstance(pair, Misfit):
                return self._say(misfit(pair, node.span))
            total = _reduce(name, *pair)
        return total

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


def _as_quantity(value: Any, holds: Holds) -> Any:
    """A field's number with its dimensions again."""
    if holds.kind and isinstance(value, int | Fraction) and not isinstance(value, bool):
        return Quantity(Fraction(value), UNIT_KINDS[holds.kind].dims[0])
    if isinstance(value, tuple):
        return tuple(_as_quantity(item, holds) for item in cast("tuple[Any, ...]", value))
    return value
