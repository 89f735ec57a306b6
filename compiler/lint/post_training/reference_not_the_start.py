"""PST202 reference-not-the-start."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.dpo import Dpo
from ...graph.blocks.rl import Rl
from ...graph.blocks.trained import Trained
from ...graph.lineage import ref_of
from ...graph.values import Pick, Ref
from ..rule import Findings, finding, rule
from ..spec import Spec

_TUNED = ("sft", "dpo", "rl", "merge")


@rule("PST202", "reference-not-the-start")
def reference_not_the_start(stage: Trained, spec: Spec) -> Findings:
    """A policy held to a model that it did not start from.

    ## What it finds
    A `dpo` or `rl` stage whose `reference` is neither the model that it starts from nor a tuned
    model on the way to it: the base model, or a stranger.

    ## Why it matters
    The divergence is large at the first step and pulls the policy back to what fine-tuning had just
    left (trl #1340). The derivation of DPO assumes that both are one.

    ## Example
    ```lehr
    corpus demos { examples = 100k }
    sft taught { from = grown;  data = demos;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    preferences human { examples = 8k }
    dpo liked {
      from = taught;  reference = grown;  data = human;  epochs = 1;  batch = 32 sequences;  lr = 1e-6
    }
    ```

    ## Instead
    ```lehr
    corpus demos { examples = 100k }
    sft taught { from = grown;  data = demos;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    preferences human { examples = 8k }
    dpo liked {
      from = taught;  reference = taught;  data = human;  epochs = 1;  batch = 32 sequences
      lr = 1e-6
    }
    ```
    """
    if not isinstance(stage, Dpo | Rl) or not isinstance(stage.reference, Ref | Pick):
        return
    start, held = ref_of(stage.origin), ref_of(stage.reference)
    if start is None or held is None or start == held:
        return
    if held.kind in _TUNED and spec.descends(start, held):
        return
    also = (Label(stage.span("from"), f"it starts from `{start.address}`"),)
    headline = f"`{stage.address}` is held to `{held.address}`, and does not start from it"
    help = (f"write `reference = {stage.span('from').text}`",)
    yield finding(stage.span("reference"), headline, also=also, help=help)
