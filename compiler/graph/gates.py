"""`require`: what a run must pass, made ready for the plan."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

from ..front import ast
from ..units import KINDS, Misfit, Quantity, settle
from .blocks.trained import Trained
from .evaluate import COMPARE, Evaluator, World
from .fill import Nested
from .letters import letter, misfit
from .names import Scope
from .schema import Block, Holds
from .values import HOLE, Formula, Gate, Timeline

_POINT = Holds(kind="point")
_MOVING = ("context", "batch", "rope", "data")


def gates(
    required: list[tuple[ast.Statement | Nested, Scope]], block: Block, world: World, profiles_own: set[int]
) -> tuple[Gate, ...]:
    """The gates of one stage; a faulty one is a letter.  `profiles_own` are statements that a profile wrote."""
    written = [(one, scope) for one, scope in required if isinstance(one, ast.Require)]
    made = [(_gate(one, block, Evaluator(world, scope)), id(one) in profiles_own) for one, scope in written]
    return tuple(replace(gate, of_profile=own) for gate, own in made if gate)


def _gate(node: ast.Require, block: Block, evaluator: Evaluator) -> Gate | None:
    at = _at(node, block, evaluator)
    value, slack = evaluator.value(node.claim), within(node.within, evaluator)
    if value is HOLE or at is HOLE or slack is None:
        return None
    if not (isinstance(value, Formula) and value.op in COMPARE):
        headline = "a gate compares something that is measured: `bench >= 90%`"
        help = ("what can be proved beforehand is a claim: `expect …`",)
        evaluator.world.letters.append(letter("CLM103", headline, node.claim.span, help=help))
        return None
    return Gate(value.op, value.left, value.right, slack, at, node.claim.span.text, node.span)


def _at(node: ast.Require, block: Block, evaluator: Evaluator) -> Any:
    """When it is measured: each time a field moves, or at a point of the stage."""
    at, letters = node.at, evaluator.world.letters
    if not isinstance(block, Trained):
        if isinstance(at, ast.Name) and at.text == "end":
            return Quantity(Fraction(1))
        letters.append(letter("CLM103", f"a {block.kind} is measured when it is there: `at end`", at.span))
        return HOLE
    if isinstance(at, ast.Name) and at.text in _MOVING:
        line = block.reads if at.text == "data" else block.value(at.text)
        if isinstance(line, Timeline) and line.moves:
            return at.text
        headline = f"`{at.text}` of `{block.address}` never moves, so this is never measured"
        letters.append(letter("CLM103", headline, at.span, help=("write `at end`",)))
        return HOLE
    point = evaluator.fit(evaluator.value(at, _POINT), _POINT, at.span)
    if isinstance(point, Quantity) and point.dims == () and point.value > 1:
        letters.append(letter("CLM103", "this lies behind the end of the stage", at.span))
        return HOLE
    return point


def within(node: ast.Expr | None, evaluator: Evaluator) -> Fraction | None:
    """The tolerance of a claim or gate, as a share of its right side."""
    if node is None:
        return Fraction(0)
    value: Any = evaluator.value(node)
    if value is HOLE:
        return None
    settled = (
        settle(value, KINDS["ratio"])
        if isinstance(value, Quantity)
        else Misfit("UNI103", "a share is due here")
    )
    if isinstance(settled, Misfit):
        evaluator.world.letters.append(misfit(settled, node.span, "within"))
        return None
    return settled.value
