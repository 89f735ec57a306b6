"""SCH205 shrinking-context."""

from itertools import pairwise

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...units import digits
from ..ledger import is_pretraining
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH205", "shrinking-context")
def shrinking_context(stage: Trained, spec: Spec) -> Findings:
    """A context that falls while a model is pre-trained.

    ## What it finds
    A `train`, `distill` or `prune` stage whose context falls along its timeline, or starts below
    the one at which its model was trained last.

    ## Why it matters
    Context is lengthened late because long sequences are dear. Training short afterwards wears away
    what the long stage taught; it is usually a number copied from the stage before.

    ## Example
    ```lehr
    train longer { from = grown;  data = diet;  tokens = 1M;  context = 4k;  batch = 16Ki;  lr = 1e-3 }
    train more { from = longer;  data = diet;  tokens = 1M;  context = 2k;  batch = 16Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    train longer { from = grown;  data = diet;  tokens = 1M;  context = 4k;  batch = 16Ki;  lr = 1e-3 }
    train more { from = longer;  data = diet;  tokens = 1M;  batch = 16Ki;  lr = 1e-3 }
    ```
    """
    if not is_pretraining(stage) or stage.context is None:
        return
    for (before, first), (after, span) in pairwise(stage.context.values):
        if after.value < before.value:
            headline = f"the context of `{stage.address}` falls to {digits(after.value)}"
            yield finding(span, headline, also=(Label(first, digits(before.value)),))
            return
    last, start = spec.context(stage.origin), int(stage.context.start.value)
    if last is not None and start < last:
        above = spec.parent(stage)
        also = (
            (Label(above.span("context"), f"{digits(last)} here"),)
            if above and "context" in above.spans
            else ()
        )
        headline = f"`{stage.address}` trains at {digits(start)} a model that was trained at {digits(last)}"
        yield finding(stage.context.span, headline, also=also)
