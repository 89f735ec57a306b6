"""`repeat` and `each` unrolled: a scope for every turn, and what a `repeat` carries from one to the next.

Comes after `names`; `build` opens a loop when it first meets its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, cast

from ..diagnostics.diagnostic import Diagnostic, Label
from ..front import ast
from ..units import Quantity, digits
from .evaluate import Evaluator, World
from .letters import letter, unknown
from .names import Scope
from .values import HOLE, Interval


@dataclass(frozen=True, slots=True)
class Unrolled:
    """A loop as the graph remembers it: its word, `repeat` or `each`, and how many turns it has."""

    word: Literal["repeat", "each"]
    turns: int


MOST = 10_000
"""Blocks that the loops of a spec may unroll to, all together."""


@dataclass(eq=False, slots=True)
class Loop:
    """A loop that has been opened.  `carried[i]` is what round i + 1 starts with."""

    statement: ast.Repeat | ast.Each
    scope: Scope
    turns: list[Scope] = field(default_factory=list[Scope])
    carried: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    is_busy: bool = False

    @property
    def name(self) -> str:
        return self.statement.name.text

    @property
    def address(self) -> str:
        return self.scope.prefix + self.name


@dataclass(eq=False, slots=True)
class Loops:
    """The loops of one spec, each opened once."""

    world: World
    letters: list[Diagnostic]
    opened: dict[tuple[int, str], Loop | None] = field(default_factory=dict[tuple[int, str], Loop | None])
    unrolled: int = 0

    def open(self, statement: ast.Repeat | ast.Each, scope: Scope) -> Loop | None:
        """The loop with a scope for every turn; None where that cannot be."""
        key = (id(scope), statement.name.text)
        if key not in self.opened:
            self.opened[key] = None  # a loop that runs over itself is a hole the second time
            self.opened[key] = self._unroll(statement, scope)
        return self.opened[key]

    def found(self) -> dict[str, Unrolled]:
        """The loops by address."""
        return {
            loop.address: Unrolled(
                "repeat" if isinstance(loop.statement, ast.Repeat) else "each", len(loop.turns)
            )
            for loop in self.opened.values()
            if loop
        }

    def _unroll(self, statement: ast.Repeat | ast.Each, scope: Scope) -> Loop | None:
        over = Evaluator(self.world, scope).value(statement.over)
        body = scope.names.loops[statement.name.text]
        count = self._count(over, statement)
        if count is None or self._is_too_much(count * max(1, len(body.named)), statement):
            return None
        loop = Loop(statement, scope)
        for number in range(count):
            prefix = f"{loop.address}[{number + 1}]."
            values = {statement.variable.text: _item(over, number)}
            loop.turns.append(
                Scope(scope.path, prefix, body, scope, scope.imports, values, turn=(loop, number))
            )
        return loop

    def _count(self, over: Any, statement: ast.Repeat | ast.Each) -> int | None:
        """How many turns there are."""
        match over:
            case tuple():
                return len(cast("tuple[Any, ...]", over))
            case Interval(low=low, high=high) if low.dims == () == high.dims and not low.prefix + high.prefix:
                if low.value.denominator == 1 == high.value.denominator:
                    return max(0, int(high.value - low.value) + 1)
            case _ if over is HOLE:
                return None
            case _:
                pass
        help = ("write `1..6`, or a list",)
        headline = f"`{statement.name.text}` runs over whole numbers or a list"
        self.letters.append(letter("NAM107", headline, statement.over.span, help=help))
        return None

    def _is_too_much(self, blocks: int, statement: ast.Repeat | ast.Each) -> bool:
        self.unrolled += blocks
        if self.unrolled <= MOST:
            return False
        headline = (
            f"`{statement.name.text}` unrolls to {digits(self.unrolled)} blocks with what came before it"
        )
        notes = (f"a spec unrolls to {digits(MOST)} blocks at most",)
        self.letters.append(letter("LIN108", headline, statement.over.span, notes=notes))
        self.unrolled -= blocks
        return True

    # ---- what is carried -----------------------------------------------------------------

    def carried(self, loop: Loop, turn: int, name: ast.Name) -> Any:
        """A carried value as turn number `turn` (from 0) finds it; at the number of turns, as the loop leaves it."""
        if loop.is_busy and turn >= len(loop.carried):
            headline = f"what `{loop.name}` carries on depends on itself"
            self.letters.append(letter("LIN101", headline, name.span))
            return HOLE
        loop.is_busy = True
        while len(loop.carried) <= turn:
            loop.carried.append(self._next(loop))
        loop.is_busy = False
        return loop.carried[turn].get(name.text, HOLE)

    def _next(self, loop: Loop) -> dict[str, Any]:
        assert isinstance(loop.statement, ast.Repeat)
        if not loop.carried:
            first = Evaluator(self.world, loop.scope)
            return {one.name.text: first.value(one.value) for one in loop.statement.carries}
        scope = loop.turns[len(loop.carried) - 1]
        evaluator = Evaluator(self.world, scope)
        return {name: evaluator.value(one.value) for name, one in scope.names.nexts.items()}

    # ---- from outside ----------------------------------------------------------------------

    def attribute(self, loop: Loop, name: ast.Name) -> Any:
        """`post.policy`: what a `repeat` carried last."""
        statement = loop.statement
        carries = [one.name.text for one in statement.carries] if isinstance(statement, ast.Repeat) else []
        if name.text in carries:
            return self.carried(loop, len(loop.turns), name)
        inside = loop.scope.names.loops[loop.name].named
        if name.text in inside:
            help = (
                f"say of which turn: `{loop.name}[1].{name.text}`, or `{loop.name}[*].{name.text}` for all",
            )
            headline = f"`{name.text}` is made anew in every turn of `{loop.name}`"
            self.letters.append(letter("LIN104", headline, name.span, help=help))
            return HOLE
        headline = f"`{loop.name}` carries no `{name.text}`"
        self.letters.append(unknown("NAM102", headline, name.span, "", [*carries, *inside]))
        return HOLE

    def inside(self, name: ast.Name, scope: Scope) -> Diagnostic | None:
        """A letter when a name that is not known here is one of a loop's own."""
        at: Scope | None = scope
        while at:
            for loop, names in at.names.loops.items():
                statement = names.named.get(name.text)
                if statement:
                    help = (f"say of which turn: `{loop}[1].{name.text}`",)
                    also = (Label(_name_span(statement), f"one in every turn of `{loop}`"),)
                    return letter(
                        "LIN104", f"`{name.text}` lives inside `{loop}`", name.span, also=also, help=help
                    )
            at = at.parent
        return None


def _name_span(statement: Any) -> Any:
    return statement.name.span


def _item(over: Any, number: int) -> Any:
    if isinstance(over, Interval):
        return Quantity(over.low.value + Fraction(number))
    return over[number]
