"""SCH302 no-checkpoint."""

from ...graph.blocks.trained import Trained
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH302", "no-checkpoint")
def no_checkpoint(stage: Trained, spec: Spec) -> Findings:
    """A long stage that cannot go on where it was killed.

    ## What it finds
    A stage of more than `schedule.unsaved-steps` (20 000) steps without a `checkpoint`.

    ## Why it matters
    Half of the interval between two checkpoints is what a fault costs on average; without any, it is
    half of the stage.

    ## Example
    ```lehr
    train more { from = grown;  data = diet;  tokens = 100M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 100M;  batch = 4Ki;  lr = 1e-3
      checkpoint { every = 10M }
    }
    ```
    """
    course = spec.course(stage)
    if course is None or stage.checkpoint or course.steps <= spec.limits.schedule.unsaved_steps:
        return
    headline = f"`{stage.address}` takes {digits(course.steps)} steps and saves none of them"
    yield finding(stage.header, headline, help=("`checkpoint { every = … }` lets it go on after a fault",))
