"""LIN205 untaught-model."""

from ...diagnostics.diagnostic import Label
from ...graph.schema import Block
from ..rule import Findings, finding, rule
from ..spec import Spec, models_of

_TAKERS = ("sft", "dpo", "rl", "reward", "sample", "synthesize", "release")


@rule("LIN205", "untaught-model")
def untaught_model(block: Block, spec: Spec) -> Findings:
    """Random weights where a model is due.

    ## What it finds
    A stage of post-training, a `sample`, a `release` or a `teacher` that takes a model on whose way
    nothing was trained and nothing loaded.

    ## Why it matters
    It runs: a model that knows nothing answers, is judged and is released. A name was mistaken, the
    `init` for the stage that trains it.

    ## Example
    ```lehr
    release best { model = newborn }
    eval marks { of = [grown];  benches = [] }
    ```

    ## Instead
    ```lehr
    release best { model = grown }
    ```
    """
    for field, model in models_of(block):
        if block.kind not in _TAKERS and field != "teacher":
            continue
        if spec.is_taught(model):
            continue
        root = spec.graph.derived.lineage.root(model)
        also = (Label(root.header, "drawn here, and never trained"),) if root else ()
        headline = f"the model in `{field}` of `{block.address}` has learnt nothing"
        yield finding(block.span(field), headline, also=also)
