"""SCH202 warmup-dominates."""

from fractions import Fraction

from ...graph.blocks.trained import Trained
from ...units import digits
from ..rates import warms_up
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH202", "warmup-dominates")
def warmup_dominates(stage: Trained, spec: Spec) -> Findings:
    """A warm-up that takes most of a stage.

    ## What it finds
    A first glide up that ends after more than `schedule.warmup-share` (25 %) of the stage, or after
    its end.

    ## Why it matters
    The peak is reached late or never, and the stage trains at rates that nobody chose. Recipes
    copied from larger runs keep their 2 000 steps of warm-up in runs of 1 000.

    ## Example
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 0 ~> 1e-3 by 200 steps }
    ```

    ## Instead
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 0 ~> 1e-3 by 20 steps }
    ```
    """
    course = spec.course(stage)
    if course is None or not warms_up(stage):
        return
    leg = stage.lr.legs[0]
    place, most = course.place(leg.point), Fraction(str(spec.limits.schedule.warmup_share))
    if place <= most * course.steps or place > course.steps:
        return
    share = float(place / course.steps)
    notes = (f"{digits(round(place))} of {digits(course.steps)} steps",)
    yield finding(leg.point_span, f"`{stage.address}` warms up for {share:.0%} of its length", notes=notes)
