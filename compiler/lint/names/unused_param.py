"""NAM201 unused-param."""

from ...diagnostics.diagnostic import Fix
from ...front import ast
from ..rule import Findings, finding, removal, rule
from ..spec import Spec, names_in


@rule("NAM201", "unused-param")
def unused_param(file: ast.File, spec: Spec) -> Findings:
    """A `param` that nothing reads.

    ## What it finds
    A parameter of the spec whose name stands in no expression, no profile and no text.

    ## Why it matters
    Whoever sets it with `--set` believes that it does something, and the run is as it was.

    ## Example
    ```lehr
    param seed: count = 7
    ```

    ## Instead
    ```lehr
    param seed: count = 7
    init other { arch = small;  tokenizer = words;  rng = seed }
    ```
    """
    params = [one for one in file.body if isinstance(one, ast.Param)]
    if not params:
        return
    read = {name for one in file.body if not isinstance(one, ast.Param) for name in names_in(one)}
    read |= {name for one in params for name in names_in(one.default)}
    for one in params:
        if one.name.text not in read:
            fix = Fix("take it out", (removal(one.span),), "unsafe")
            yield finding(one.name.span, f"nothing reads `{one.name.text}`", fix=fix)
