"""CLM202 tolerance-wider-than-claim."""

from ...front import ast
from ...graph.claims import Claim
from ..rule import Findings, finding, rule
from ..spec import Spec

_PERCENT = 100


@rule("CLM202", "tolerance-wider-than-claim")
def tolerance_wider_than_claim(claim: Claim, spec: Spec) -> Findings:
    """A tolerance under which nothing would be wrong.

    ## What it finds
    An `expect` whose `within` is 100 % or more: then even 0 equals the right side.

    ## Why it matters
    A tolerance was widened until the claim held.

    ## Example
    ```lehr
    expect grown.tokens == 2M tokens within 100%
    ```

    ## Instead
    ```lehr
    expect grown.tokens == 1M tokens within 1%
    ```
    """
    width = claim.node.within
    if isinstance(width, ast.Number) and width.value >= (_PERCENT if width.suffix == "%" else 1):
        yield finding(width.span, "within this, nothing at all is equal too")
