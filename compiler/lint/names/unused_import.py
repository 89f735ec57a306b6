"""NAM202 unused-import."""

from ...diagnostics.diagnostic import Fix
from ...front import ast
from ..rule import Findings, finding, removal, rule
from ..spec import Spec, names_in


@rule("NAM202", "unused-import")
def unused_import(file: ast.File, spec: Spec) -> Findings:
    """An import that nothing reads.

    ## What it finds
    An `import … as name` whose name stands nowhere else in the file.

    ## Why it matters
    What it brings is checked and shown with every plan, and does nothing.

    ## Example
    ```lehr
    import "lib/house.lehr" as house
    ```

    ## Instead
    ```lehr
    import "lib/house.lehr" as house
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3;  optimizer = house.adamw
    }
    ```
    """
    read = {name for one in file.body if not isinstance(one, ast.Import) for name in names_in(one)}
    for one in file.body:
        found = isinstance(one, ast.Import) and one.alias.text in spec.root.imports
        if isinstance(one, ast.Import) and found and one.alias.text not in read:
            fix = Fix("take it out", (removal(one.span),))
            yield finding(one.alias.span, f"nothing reads `{one.alias.text}`", fix=fix)
