"""BRK203 lr-changed."""

from ...diagnostics.diagnostic import Label
from ...graph.same import wording
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("BRK203", "lr-changed", breaks="WEIGHTS")
def lr_changed(pair: Pair, spec: Spec) -> Findings:
    """A stage with another learning rate.

    ## What it finds
    Stages whose `lr` came to other values anywhere along the stage, if only because the stage before
    ends with another one.

    ## Why it matters
    Its weights are others. Of all numbers in a recipe, this one decides most about them.

    ## Before
    ```lehr
    train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 1e-5 by end }
    ```

    ## Example
    ```lehr
    train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 0 by end }
    ```

    ## Instead
    ```lehr
    train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 0.001 ~> 1e-5 by end }
    ```
    """
    for old, new in pair.stages():
        if "lr" in pair.differ(old, new):
            at, was = new.span("lr"), old.span("lr")
            follows = wording(at) == wording(was)
            also = () if follows else (Label(was, "it was this"),)
            notes = ("it is written as it was, and follows what it names",) if follows else ()
            headline = f"the learning rate of `{new.address}` changed"
            yield finding(at, headline, also=also, notes=notes, stage=new.address)
