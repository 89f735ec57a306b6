"""SCH213 idle-steps."""

from ...graph.blocks.trained import Trained
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH213", "idle-steps")
def idle_steps(stage: Trained, spec: Spec) -> Findings:
    """Steps at a learning rate of nothing.

    ## What it finds
    A stage, or a stretch of it, during which the learning rate stands at 0.

    ## Why it matters
    Data is read, devices run, and no weight moves. A schedule in other units than the run ends at
    zero long before it (FARM #46, gpt-neox #1379).

    ## Example
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 0 by 95% }
    ```

    ## Instead
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 0 by end }
    ```
    """
    course = spec.course(stage)
    if course is None:
        return
    laid = [piece for piece in spec.graph.derived.pieces(stage.lr, course) if piece.first == piece.last == 0]
    idle = sum((min(piece.end, course.steps) - piece.start for piece in laid), start=0)
    if idle <= 1:
        return
    zeros = [span for value, span in stage.lr.values if value.value == 0]
    span = zeros[0] if laid[0].start == 0 else zeros[-1]
    headline = f"the learning rate of `{stage.address}` is 0 for {digits(idle)} steps"
    yield finding(span, headline, notes=(f"of {digits(course.steps)} steps in all",))
