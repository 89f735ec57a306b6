"""BRK204 param-removed."""

from ...diagnostics.diagnostic import Label
from ...front import ast
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("BRK204", "param-removed", breaks="SPEC")
def param_removed(pair: Pair, spec: Spec) -> Findings:
    """A param that can no longer be set.

    ## What it finds
    Params of the spec as it was that the spec as it is does not declare.

    ## Why it matters
    Scripts say `--set NAME=…`, and other specs' profiles do; both end in an error now.

    ## Before
    ```lehr
    param longest: tokens = 1M
    train last { from = grown;  data = web;  tokens = longest;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Example
    ```lehr
    train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    param longest: tokens = 1M
    train last { from = grown;  data = web;  batch = 4Ki;  lr = 1e-3;  tokens = longest }
    ```
    """
    named = spec.root.names.named
    for name, statement in pair.before.root.names.named.items():
        if isinstance(statement, ast.Param) and not isinstance(named.get(name), ast.Param):
            also = (Label(statement.name.span, "it was declared here"),)
            yield finding(spec.graph.pipeline.header, f"the param `{name}` is gone", also=also)
