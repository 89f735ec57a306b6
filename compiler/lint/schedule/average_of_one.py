"""SCH206 average-of-one."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...graph.phases import nearest_step
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec

_STEPS = 2
"""A stage of a single step has nothing to average whatever is asked; that it is so short is said elsewhere."""


@rule("SCH206", "average-of-one")
def average_of_one(stage: Trained, spec: Spec) -> Findings:
    """An average over a single sample, or over none.

    ## What it finds
    An `average` whose `every` and `start` leave fewer than two samples in its stage.

    ## Why it matters
    The stage ends with the weights of one moment, and perhaps not of the last one.

    ## Example
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      average { every = 200 steps }
    }
    ```

    ## Instead
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      average { every = 20 steps }
    }
    ```
    """
    course, wanted = spec.course(stage), stage.average
    if course is None or wanted is None or course.steps < _STEPS:
        return
    every = course.interval(wanted.every)
    first = nearest_step(course.place(wanted.start)) or every
    if course.steps >= first + every:
        return
    also = (Label(wanted.span("start"), "from here on"),) if "start" in wanted.spans else ()
    notes = (f"one each {digits(every)} steps, from step {digits(first)} of {digits(course.steps)}",)
    yield finding(
        wanted.span("every"),
        f"the average of `{stage.address}` has nothing to average",
        also=also,
        notes=notes,
    )
