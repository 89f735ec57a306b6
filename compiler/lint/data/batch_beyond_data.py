"""DAT208 batch-beyond-data."""

from fractions import Fraction

from ...diagnostics.diagnostic import Label
from ...graph.blocks.dpo import Dpo
from ...graph.blocks.reward import Reward
from ...graph.blocks.sft import Sft
from ...graph.blocks.trained import Trained
from ...graph.sizes import examples
from ...graph.values import Portion, Ref
from ...units import EXAMPLES, digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("DAT208", "batch-beyond-data")
def batch_beyond_data(stage: Trained, spec: Spec) -> Findings:
    """A batch that holds more examples than there are.

    ## What it finds
    An `sft`, `reward` or `dpo` stage whose batch, counted in sequences, exceeds its whole data.

    ## Why it matters
    Every step reads everything, so the number of epochs is the number of steps; trainers that drop
    the last short batch take no step at all (axolotl #1644, open-instruct #1796).

    ## Example
    ```lehr
    preferences human { examples = 400 }
    dpo liked {
      from = grown;  reference = grown;  data = human;  steps = 20;  batch = 512 sequences;  lr = 1e-6
    }
    ```

    ## Instead
    ```lehr
    preferences human { examples = 400 }
    dpo liked {
      from = grown;  reference = grown;  data = human;  steps = 20;  batch = 16 sequences;  lr = 1e-6
    }
    ```
    """
    if not isinstance(stage, Dpo | Reward | Sft):
        return
    sizes = [
        examples(one, spec.graph.blocks.get)
        for one, _ in stage.reads.values
        if isinstance(one, Ref | Portion)
    ]
    known = [size for size in sizes if isinstance(size, Fraction)]
    batches = [value.value for value, _ in stage.batch.values if value.dims == EXAMPLES]
    if not known or not batches or max(batches) <= max(known):
        return
    notes = (f"{digits(max(batches))} sequences a step, {digits(max(known))} examples in all",)
    also = (Label(stage.span("data"), "the data"),)
    yield finding(
        stage.span("batch"), f"one batch of `{stage.address}` is more than its data", also=also, notes=notes
    )
