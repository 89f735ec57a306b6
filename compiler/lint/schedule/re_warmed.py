"""SCH301 re-warmed."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ..rates import before, peak, warms_up
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH301", "re-warmed")
def re_warmed(stage: Trained, spec: Spec) -> Findings:
    """A stage that warms up again what the stage before had cooled down.

    ## What it finds
    A `train` or `distill` stage that glides up past the rate at which the stage before it ended.

    ## Why it matters
    It is often meant -- AFM's continued stage does it -- and it costs some of what the decay won; the
    loss rises first and has to come down again (Gupta et al. 2023).

    ## Example
    ```lehr
    train slower { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 1e-4 by end }
    train again {
      from = slower;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 0 ~> 1e-3 by 10% ~> 1e-4 by end
    }
    ```

    ## Instead
    ```lehr
    train slower { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 1e-4 by end }
    train again {
      from = slower;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = slower.lr.end ~> 1e-5 by end
    }
    ```
    """
    found = before(stage, spec)
    if found is None or not warms_up(stage) or peak(stage) <= found[1]:
        return
    above, rate = found
    also = (Label(above.span("lr"), f"ends at {float(rate):g}"),)
    headline = f"`{stage.address}` warms up again, to {float(peak(stage)):g}"
    yield finding(stage.lr.span, headline, also=also)
