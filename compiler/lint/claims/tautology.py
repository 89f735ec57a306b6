"""CLM201 tautology."""

from ...front import ast
from ...graph.claims import Claim, Verdict
from ...graph.values import Ref
from ..rule import Findings, finding, rule
from ..spec import Spec, walk


@rule("CLM201", "tautology")
def tautology(claim: Claim, spec: Spec) -> Findings:
    """A claim that cannot fail.

    ## What it finds
    An `expect` with the same expression on both sides, with nothing but numbers on both, with a size
    that is at least 0, or with a field beside the very expression that it is set by.

    ## Why it matters
    It looks like a guard and guards nothing.

    ## Example
    ```lehr
    expect grown.tokens == grown.tokens
    ```

    ## Instead
    ```lehr
    expect grown.tokens == 1M tokens
    ```
    """
    test = claim.node.claim
    if not isinstance(test, ast.Binary) or claim.verdict is Verdict.FALSE:
        return
    why = _why(test, spec)
    if why:
        yield finding(test.span, f"this claim cannot fail: {why}")


def _why(test: ast.Binary, spec: Spec) -> str:
    if test.left == test.right:
        return "both sides are the same"
    if not any(isinstance(one, ast.Name) for one in walk(test)):
        return "there is nothing of the spec in it"
    is_size = isinstance(test.left, ast.Name | ast.Member)
    if test.op == ">=" and is_size and isinstance(test.right, ast.Number) and test.right.value == 0:
        return "no size is less than 0"
    if test.op == "==" and (
        _is_set_by(test.left, test.right, spec) or _is_set_by(test.right, test.left, spec)
    ):
        return "one side is how the other is defined"
    return ""


def _is_set_by(side: ast.Expr, other: ast.Expr, spec: Spec) -> bool:
    """Whether a side is a field that is written as the other side; a literal is no definition but a check."""
    if not (isinstance(side, ast.Member) and isinstance(side.of, ast.Name)) or isinstance(other, ast.Number):
        return False
    block = spec.get(Ref(side.of.text, ""))
    return (
        block is not None
        and side.name.text in block.spans
        and block.span(side.name.text).text == other.span.text
    )
