"""DAT207 drained-prompts."""

from fractions import Fraction

from ...diagnostics.diagnostic import Label
from ...graph.blocks.calls import OnPolicy
from ...graph.blocks.distill import Distill
from ...graph.blocks.rl import Rl
from ...graph.blocks.trained import Trained
from ...graph.sizes import examples
from ...graph.values import Portion, Ref
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("DAT207", "drained-prompts")
def drained_prompts(stage: Trained, spec: Spec) -> Findings:
    """A policy that is asked the same questions over and over.

    ## What it finds
    An `rl` stage, or a `distill` on its own answers, that asks each of its prompts more than
    `data.max-passes` (4) times.

    ## Why it matters
    A policy that meets the same prompts again learns them by heart, and its reward goes on rising
    while nothing else does.

    ## Example
    ```lehr
    prompts asks { examples = 100 }
    rl online { from = grown;  reference = grown;  judge = shorter;  prompts = asks;  algorithm = rloo(rollouts: 4)
      steps = 200;  batch = 32 sequences;  lr = 1e-6;  max_new = 64 tokens }
    ```

    ## Instead
    ```lehr
    prompts asks { examples = 1k }
    rl online { from = grown;  reference = grown;  judge = shorter;  prompts = asks;  algorithm = rloo(rollouts: 4)
      steps = 200;  batch = 32 sequences;  lr = 1e-6;  max_new = 64 tokens }
    ```
    """
    prompts, each, field = _asked(stage)
    course = spec.course(stage)
    if prompts is None or course is None:
        return
    size = examples(prompts, spec.graph.blocks.get)
    answers = sum(one.steps * one.sequences for one in course.stretches)
    most = Fraction(str(spec.limits.data.max_passes))
    if not isinstance(size, Fraction) or size == 0 or Fraction(answers, each) <= most * size:
        return
    # A stage ends with a whole step, which may go past what was asked for; the last one begins within it.
    if Fraction(answers - course.stretches[-1].sequences, each) < most * size:
        return
    ref = prompts.of if isinstance(prompts, Portion) else prompts
    block = spec.get(ref)
    also = (Label(block.span("examples"), "how many there are"),) if block else ()
    notes = (
        f"{digits(answers)} answers / {each} to a prompt = {digits(Fraction(answers, each))} prompts",
        f"of {digits(size)} there are; that is {float(Fraction(answers, each) / size):.3g} passes",
    )
    headline = f"`{stage.address}` runs out of prompts"
    yield finding(stage.span(field), headline, also=also, notes=notes)


def _asked(stage: Trained) -> tuple[Ref | Portion | None, int, str]:
    """The prompts, the answers to each, and the field that names them."""
    if isinstance(stage, Rl):
        return stage.prompts, stage.answers, "prompts"
    if isinstance(stage, Distill) and isinstance(stage.data, OnPolicy):
        return stage.data.prompts, 1, "data"
    return None, 1, ""
