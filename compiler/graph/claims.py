"""`expect`: claims that the compiler proves, or answers with a letter."""

from __future__ import annotations

import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from ..diagnostics.diagnostic import Diagnostic, Label
from ..front import ast
from ..units import KINDS, Misfit, Quantity, alike, settle, show
from .build import Builder
from .evaluate import Evaluator
from .letters import letter, misfit
from .names import Scope
from .values import HOLE

_Test = Callable[[Fraction, Fraction, Fraction], bool]
_HOLDS: dict[str, _Test] = {
    "==": lambda left, right, slack: abs(left - right) <= slack,
    "!=": lambda left, right, slack: abs(left - right) > slack,
    "<=": lambda left, right, slack: left <= right + slack,
    ">=": lambda left, right, slack: left >= right - slack,
    "<": lambda left, right, slack: left < right + slack,
    ">": lambda left, right, slack: left > right - slack,
}


def judge(claim: ast.Expect, scope: Scope, builder: Builder) -> Diagnostic | None:
    """None when the claim holds, or when something in it has already been reported."""
    evaluator = Evaluator(builder, scope)
    test = claim.claim
    if not isinstance(test, ast.Binary) or test.op not in _HOLDS:
        value = evaluator.value(test)
        if value is HOLE or value is True:
            return None
        return letter("CLM101", "this claim does not hold", test.span)
    left, right = evaluator.value(test.left), evaluator.value(test.right)
    if left is HOLE or right is HOLE:
        return None
    if not (isinstance(left, Quantity) and isinstance(right, Quantity)):
        return _plain(test, left, right)
    pair = alike(left, right)
    if isinstance(pair, Misfit):
        return letter("CLM102", f"a claim between two kinds: {pair.why}", test.span)
    within = _within(claim, evaluator)
    if within is None:
        return None
    slack = abs(pair[1].value) * within
    if _HOLDS[test.op](pair[0].value, pair[1].value, slack):
        return None
    return _false(test, pair[0], pair[1], within)


def _within(claim: ast.Expect, evaluator: Evaluator) -> Fraction | None:
    if claim.within is None:
        return Fraction(0)
    value: Any = evaluator.value(claim.within)
    if not isinstance(value, Quantity):
        return None
    settled = settle(value, KINDS["ratio"])
    if isinstance(settled, Misfit):
        evaluator.world.letters.append(misfit(settled, claim.within.span, "within"))
        return None
    return settled.value


def _plain(test: ast.Binary, left: Any, right: Any) -> Diagnostic | None:
    if test.op in ("==", "!=") and (left == right) == (test.op == "=="):
        return None
    return letter("CLM101", "this claim does not hold", test.span)


def _false(test: ast.Binary, left: Quantity, right: Quantity, within: Fraction) -> Diagnostic:
    notes: tuple[str, ...] = ()
    if right.value and operator.ne(left.value, right.value):
        apart = float(abs(left.value - right.value) / abs(right.value)) * 100
        side = "above" if left.value > right.value else "below"
        notes = (
            f"the left side is {apart:.3g}% {side} the right; the claim allows {float(within) * 100:.3g}%",
        )
    said = test.op if test.op != "==" else "equal to"
    return letter(
        "CLM101",
        f"`{test.left.span.text}` is not {said} `{test.right.span.text}`",
        test.left.span,
        show(left),
        also=(Label(test.right.span, show(right)),),
        notes=notes,
    )
