"""SCH215 early-horizon."""

from fractions import Fraction

from ...graph.blocks.trained import Trained
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH215", "early-horizon")
def early_horizon(stage: Trained, spec: Spec) -> Findings:
    """A learning rate that has decayed long before its stage ends.

    ## What it finds
    A last glide down that arrives before `schedule.decay-share` (90 %) of the stage, and a rate that
    then stands still.

    ## Why it matters
    The horizon was another run's: other units, another batch, a backend that fixed the iterations
    (RL #939, axolotl #3444). The rest of the stage trains at the lowest rate.

    ## Example
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki
      lr = 1e-3 ~> 1e-5 by 100 steps via cosine
    }
    ```

    ## Instead
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 ~> 1e-5 by end via cosine
    }
    ```
    """
    course = spec.course(stage)
    if course is None or not stage.lr.legs:
        return
    leg, before = stage.lr.legs[-1], stage.lr.values[-2][0]
    place = course.place(leg.point)
    falls = leg.glides and 0 < leg.value.value < before.value
    if not falls or place >= Fraction(str(spec.limits.schedule.decay_share)) * course.steps:
        return
    notes = (f"step {digits(round(place))} of {digits(course.steps)}",)
    headline = (
        f"the learning rate of `{stage.address}` has decayed after {float(place / course.steps):.0%} of it"
    )
    yield finding(leg.point_span, headline, notes=notes, help=("write `by end`",))
