"""`expect`: claims that the compiler proves, or answers with a letter.

A claim is judged at full scale.  Under a profile it is judged again where its
literals are pure ratios and nothing that it reads was replaced; what fails there
only because of a floor is bent, and what cannot be judged is not asked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from ..diagnostics.diagnostic import Diagnostic, Label
from ..front import ast
from ..text import Span
from ..units import Misfit, Quantity, alike, show
from .build import Builder
from .evaluate import Evaluator, measured
from .gates import within
from .letters import letter
from .names import Scope
from .values import HOLE, Formula, Ref, is_open, scores

_Test = Callable[[Fraction, Fraction, Fraction], bool]
_HOLDS: dict[str, _Test] = {
    "==": lambda left, right, slack: abs(left - right) <= slack,
    "!=": lambda left, right, slack: abs(left - right) > slack,
    "<=": lambda left, right, slack: left <= right + slack,
    ">=": lambda left, right, slack: left >= right - slack,
    "<": lambda left, right, slack: left < right + slack,
    ">": lambda left, right, slack: left > right - slack,
}


class Verdict(StrEnum):
    HOLDS = "holds"
    FALSE = "false"
    BENT = "bent"
    NOT_ASKED = "not asked"
    AT_RUN_TIME = "measured at run time"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Claim:
    """An `expect` and what became of it.

    `sides` are its two values; where it waits for a run, `op` compares them within `slack`.
    """

    node: ast.Expect
    scope: Scope
    verdict: Verdict
    sides: tuple[Any, ...] = ()
    said: Diagnostic | None = None
    slack: Fraction = Fraction(0)
    op: str = ""


def judge(node: ast.Expect, scope: Scope, builder: Builder) -> Claim:
    """Prove a claim with the values of one elaboration."""
    evaluator, test = Evaluator(builder, scope), node.claim
    if not isinstance(test, ast.Binary) or test.op not in _HOLDS:
        value = evaluator.value(test)
        return _settled(node, scope, value, value is True)
    left, right = measured(evaluator.value(test.left)), measured(evaluator.value(test.right))
    slack = within(node.within, evaluator)
    if left is HOLE or right is HOLE or slack is None:
        return Claim(node, scope, Verdict.BROKEN)
    if is_open(left) or is_open(right):
        return _measured(node, scope, (left, right), slack, test.op)
    if not (isinstance(left, Quantity) and isinstance(right, Quantity)):
        return _settled(node, scope, None, (left == right) == (test.op == "=="))
    pair = alike(left, right)
    if isinstance(pair, Misfit):
        said = letter("CLM102", f"a claim between two kinds: {pair.why}", test.span)
        return Claim(node, scope, Verdict.FALSE, said=said)
    if _HOLDS[test.op](pair[0].value, pair[1].value, abs(pair[1].value) * slack):
        return Claim(node, scope, Verdict.HOLDS, pair)
    return Claim(node, scope, Verdict.FALSE, pair, _false(test, *pair, slack, evaluator))


def _settled(node: ast.Expect, scope: Scope, value: Any, holds: bool) -> Claim:
    """A claim without two numbers: it is true as a whole, or waits for a run as a whole."""
    if value is HOLE:
        return Claim(node, scope, Verdict.BROKEN)
    if isinstance(value, Formula) and value.op in _HOLDS:
        return _measured(node, scope, (value.left, value.right), op=value.op)
    if is_open(value):
        help = ("say what it should be: `… >= 90%`",)
        said = letter("CLM105", "this is a number that a run tells, and no claim", node.claim.span, help=help)
        return Claim(node, scope, Verdict.FALSE, said=said)
    if holds:
        return Claim(node, scope, Verdict.HOLDS)
    said = letter("CLM101", "this claim does not hold", node.claim.span)
    return Claim(node, scope, Verdict.FALSE, said=said)


def _measured(
    node: ast.Expect, scope: Scope, sides: tuple[Any, ...], slack: Fraction = Fraction(0), op: str = ""
) -> Claim:
    """A claim that needs a run is a gate; it must say whose scores it means."""
    lonely = [score for score in scores(*sides) if score.model is None]
    if not lonely:
        return Claim(node, scope, Verdict.AT_RUN_TIME, sides, slack=slack, op=op)
    bench = lonely[0].bench.address
    headline = f"`{bench}` of which model?"
    help = (f"write `model.scores.{bench.split('.')[-1]}`, or `require` it in a stage",)
    return Claim(node, scope, Verdict.FALSE, said=letter("CLM104", headline, node.claim.span, help=help))


def judge_again(first: Claim, edited: Builder, scaled: Builder, unfloored: Callable[[], Builder]) -> Claim:
    """A claim that holds at full scale, or waits for a run, under a profile."""
    node, scope = first.node, first.scope
    if first.verdict not in (Verdict.HOLDS, Verdict.AT_RUN_TIME):
        return first
    heard = len(edited.letters)
    at_full_scale = judge(node, scope, edited)
    if at_full_scale.verdict is Verdict.AT_RUN_TIME:
        return at_full_scale
    if _is_absolute(first) or (at_full_scale.verdict, at_full_scale.sides) != (first.verdict, first.sides):
        del edited.letters[heard:]  # a claim that is not asked says nothing
        return Claim(node, scope, Verdict.NOT_ASKED, first.sides)
    found = judge(node, scope, scaled)
    if found.verdict is not Verdict.FALSE or found.said is None:
        return found
    if judge(node, scope, unfloored()).verdict is not Verdict.HOLDS:
        return found
    at, *others = found.said.labels
    notes = (*found.said.notes, "it would hold without the floors")
    bent = letter("PRF301", "this claim is bent by a floor", at.span, at.text, also=others, notes=notes)
    return Claim(node, scope, Verdict.BENT, found.sides, bent)


_DEEPEST = 50


def unasked(claims: Sequence[Claim]) -> list[Diagnostic]:
    """One note for all claims of the spec that a profile does not ask."""
    silent = {id(one.node): one for one in claims if one.verdict is Verdict.NOT_ASKED}
    if not silent:
        return []
    labels = [
        Label(one.node.claim.span, "names amounts" if _is_absolute(one) else "was replaced")
        for one in silent.values()
    ]
    headline = f"{len(labels)} claims are not asked" if len(labels) > 1 else "a claim is not asked"
    notes = ("it is judged at full scale; a profile keeps ratios, and not amounts or what it replaces",)
    return [letter("PRF302", headline, labels[0].span, labels[0].text, also=labels[1:], notes=notes)]


def _is_absolute(claim: Claim) -> bool:
    """Whether an amount is written in the claim, or in a `let` that it reads."""
    node, scope = claim.node, claim.scope
    if any(_amounts(part, scope, 0) for part in (node.claim, node.within) if part):
        return True
    test = node.claim
    if not isinstance(test, ast.Binary) or len(claim.sides) != 2:
        return False
    # A plain number beside a quantity is one of its kind: `steps >= 10_000`.
    written = zip((test.left, test.right), claim.sides, strict=True)
    return any(
        isinstance(value, Quantity) and value.dims and value.value and _is_written_out(side, scope, 0)
        for side, value in written
    )


def _is_written_out(node: Any, scope: Scope, depth: int) -> bool:
    """Whether an expression is made of numbers alone, lets resolved."""
    if isinstance(node, ast.Name):
        found = scope.find(node.text)
        if found is None or not isinstance(found[0], ast.Let) or depth >= _DEEPEST:
            return False
        return _is_written_out(found[0].value, found[1], depth + 1)
    if isinstance(node, ast.Member | ast.Element | ast.Call):
        return False
    return all(_is_written_out(part, scope, depth) for part in _parts(node))


def _amounts(node: Any, scope: Scope, depth: int) -> bool:
    if isinstance(node, ast.Number):
        return bool(node.noun) or node.suffix not in ("", "%")
    if isinstance(node, ast.Name):
        found = scope.find(node.text)
        if found is None or not isinstance(found[0], ast.Let) or depth >= _DEEPEST:
            return False
        return _amounts(found[0].value, found[1], depth + 1)
    return any(_amounts(part, scope, depth) for part in _parts(node))


def _parts(node: Any) -> Iterator[Any]:
    """The expressions directly inside one."""
    match node:
        case ast.Binary(left=left, right=right) | ast.Range(low=left, high=right):
            yield from (left, right)
        case ast.Signed(of=of) | ast.Not(of=of) | ast.Member(of=of):
            yield of
        case ast.Element(of=of):
            yield of
        case ast.Call(of=of, arguments=arguments):
            yield of
            yield from (argument.value for argument in arguments)
        case ast.List(items=items):
            yield from items
        case ast.Choose(test=test, then=then, otherwise=otherwise):
            yield from (test, then, otherwise)
        case _:
            pass


# ---- the letter of a false claim ---------------------------------------------------------


def _false(
    test: ast.Binary, left: Quantity, right: Quantity, slack: Fraction, evaluator: Evaluator
) -> Diagnostic:
    """Every value stands under the part of the claim that it is the value of; fields, where they were written."""
    notes: tuple[str, ...] = ()
    if right.value and operator.ne(left.value, right.value):
        apart = float(abs(left.value - right.value) / abs(right.value)) * 100
        side = "above" if left.value > right.value else "below"
        notes = (
            f"the left side is {apart:.3g}% {side} the right; the claim allows {float(slack) * 100:.3g}%",
        )
    said = test.op if test.op != "==" else "equal to"
    parts, origins = _parts_with_values(test, evaluator)
    return letter(
        "CLM101",
        f"`{test.left.span.text}` is not {said} `{test.right.span.text}`",
        test.left.span,
        show(left),
        also=(Label(test.right.span, show(right)), *parts, *origins),
        notes=notes,
    )


def _parts_with_values(test: ast.Binary, evaluator: Evaluator) -> tuple[list[Label], list[Label]]:
    """The values inside the two sides, and the places that they come from."""
    parts: dict[Span, Label] = {}
    origins: dict[Span, Label] = {}
    for node in (leaf for side in (test.left, test.right) for leaf in _leaves(side)):
        value = evaluator.value(node)
        if isinstance(value, Quantity) and node not in (test.left, test.right):
            parts[node.span] = Label(node.span, show(value))
        origin = _origin(node, evaluator)
        if origin and origin.source is node.span.source:
            origins[origin] = Label(origin, "comes from here")
    return list(parts.values())[:_MOST_PARTS], list(origins.values())[:_MOST_PARTS]


_MOST_PARTS = 4


def _origin(node: Any, evaluator: Evaluator) -> Span | None:
    """Where the field that a name reads was written."""
    if not isinstance(node, ast.Member):
        return None
    of = evaluator.value(node.of)
    block = evaluator.world.block(of.address) if isinstance(of, Ref) else None
    return block.spans.get(node.name.text) if block else None


def _leaves(node: Any) -> Iterator[Any]:
    """Names and calls, and what stands between the brackets of a call."""
    if isinstance(node, ast.Member | ast.Name | ast.Element | ast.Call):
        yield node
    if isinstance(node, ast.Call):
        for argument in node.arguments:
            yield from _leaves(argument.value)
    elif not isinstance(node, ast.Member | ast.Element):
        for part in _parts(node):
            yield from _leaves(part)
