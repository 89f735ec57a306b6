"""SCH204 short-window."""

from ...diagnostics.diagnostic import Edit, Fix, Label
from ...graph.blocks.trained import Trained
from ...graph.phases import Course
from ...units import TOKENS, digits
from ..rule import Findings, finding, rule
from ..spec import Spec

_ABOVE = {"k": "M", "M": "B", "B": "T"}


@rule("SCH204", "short-window")
def short_window(stage: Trained, spec: Spec) -> Findings:
    """A training window of fewer than ten optimizer steps.

    ## What it finds
    A stage, or one phase of its timelines, whose length buys fewer than `schedule.min-steps` (10)
    optimizer steps.

    ## Why it matters
    Nothing is learnt in three steps and averages have nothing to average. The number was usually
    meant in another unit: 40M for 40B.

    ## Example
    ```lehr
    train anneal { from = grown;  data = diet;  tokens = 40k;  batch = 16Ki;  lr = 1e-4 }
    ```

    ## Instead
    ```lehr
    train anneal { from = grown;  data = diet;  tokens = 40M;  batch = 16Ki;  lr = 1e-4 }
    ```
    """
    course, least = spec.course(stage), spec.limits.schedule.min_steps
    if course is None:
        return
    field = next(name for name in ("tokens", "steps", "epochs") if stage.value(name) is not None)
    if course.steps < least:
        exact = _exact(course)
        also = [Label(stage.span("batch"), f"{digits(course.stretches[0].step_tokens)} tokens a step")]
        if stage.average:
            also.append(Label(stage.average.span("every"), "averages along it"))
        headline = f"`{stage.address}` is {exact} optimizer step{'s' if exact != '1' else ''} long"
        yield finding(stage.span(field), headline, also=also, fix=_fix(stage, field))
        return
    for number, stretch in enumerate(course.stretches):
        if stretch.steps < least:
            headline = f"phase {number + 1} of `{stage.address}` is {stretch.steps} optimizer steps long"
            notes = (f"steps {digits(stretch.start)} to {digits(stretch.end)} of {digits(course.steps)}",)
            yield finding(stage.span(field), headline, notes=notes)


def _exact(course: Course) -> str:
    """The steps that the length buys, with a digit after the point where they are not whole."""
    last = course.stretches[-1]
    if course.length.dims != TOKENS or len(course.stretches) > 1:
        return digits(course.steps)
    return f"{float(course.length.value / last.step_tokens):.3g}"


def _fix(stage: Trained, field: str) -> Fix | None:
    """The next prefix, where the slip between two of them would explain it."""
    span = stage.span(field)
    text = span.text
    if (
        field != "tokens"
        or len(text) < 2
        or text[-1] not in _ABOVE
        or not text[:-1].replace(".", "").isdigit()
    ):
        return None
    better = text[:-1] + _ABOVE[text[-1]]
    return Fix(f"write `{field} = {better}`", (Edit(span, better),), "unsafe")
