"""SCH209 checkpoint-beyond-end."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH209", "checkpoint-beyond-end")
def checkpoint_beyond_end(stage: Trained, spec: Spec) -> Findings:
    """Checkpoints that would be written after the stage has ended.

    ## What it finds
    A `checkpoint` whose `every` is at least as long as its stage.

    ## Why it matters
    None is ever written, and a killed stage begins anew. An interval of 1 000 in a run of 800 has
    left people with nothing at all (tensorflow/models #9650).

    ## Example
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      checkpoint { every = 1k steps }
    }
    ```

    ## Instead
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      checkpoint { every = 50 steps }
    }
    ```
    """
    course, wanted = spec.course(stage), stage.checkpoint
    if course is None or wanted is None or course.interval(wanted.every) < course.steps:
        return
    field = next((one for one in ("tokens", "steps", "epochs") if one in stage.spans), "from")
    also = (Label(stage.span(field), f"{digits(course.steps)} steps"),)
    yield finding(wanted.span("every"), f"no checkpoint of `{stage.address}` is ever written", also=also)
