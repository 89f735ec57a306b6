"""SCH214 drifting-batch."""

from itertools import pairwise

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...units import EXAMPLES, digits
from ..ledger import is_pretraining
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH214", "drifting-batch")
def drifting_batch(stage: Trained, spec: Spec) -> Findings:
    """A batch whose tokens change because the context does.

    ## What it finds
    A `train`, `distill` or `prune` stage with its batch in sequences whose context moves while the
    batch stands still, so that every step has other tokens than before.

    ## Why it matters
    Noise, learning rate and budget follow the tokens of a step. Doubling the context then doubles
    the batch without a line that says so (OLMo-core #379).

    ## Example
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  context = 1k -> 2k at 50%;  batch = 8 sequences
      lr = 1e-3
    }
    ```

    ## Instead
    ```lehr
    train more {
      from = grown;  data = diet;  tokens = 1M;  context = 1k -> 2k at 50%;  batch = 8Ki;  lr = 1e-3
    }
    ```
    """
    course = spec.course(stage)
    if course is None or not is_pretraining(stage) or stage.batch.start.dims != EXAMPLES:
        return
    for before, after in pairwise(course.stretches):
        if after.context != before.context and after.sequences == before.sequences:
            also = (Label(stage.span("context"), "the context moves"),)
            notes = (f"{digits(before.step_tokens)} tokens a step, then {digits(after.step_tokens)}",)
            help = ("write the batch in tokens, or let it move where the context does",)
            headline = f"the batch of `{stage.address}` grows with its context"
            if after.context < before.context:
                headline = f"the batch of `{stage.address}` shrinks with its context"
            yield finding(stage.span("batch"), headline, also=also, notes=notes, help=help)
            return
