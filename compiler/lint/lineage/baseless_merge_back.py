"""LIN110 baseless-merge-back."""

from ...graph.blocks.trained import Trained
from ...graph.lineage import parent, ref_of
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("LIN110", "baseless-merge-back")
def baseless_merge_back(stage: Trained, spec: Spec) -> Findings:
    """A model that is merged back without saying over what.

    ## What it finds
    A `merge_back` without `base` whose `with` is a model that began as no other: an `init` or a `load`.

    ## Why it matters
    What is merged back is a difference: what fine-tuning changed of the model before it (Lu et al.
    2024, arXiv:2405.17931). A loaded model does not tell which model that was, and a new one had none.

    ## Example
    ```lehr
    init other { arch = small;  tokenizer = words;  rng = 1 }
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      merge_back { with = other;  rate = 1e-7 }
    }
    ```

    ## Instead
    ```lehr
    init other { arch = small;  tokenizer = words;  rng = 1 }
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      merge_back { with = other;  base = grown;  rate = 1e-7 }
    }
    ```
    """
    back = stage.merge_back
    ref = ref_of(back.reference) if back and back.base is None else None
    if ref is None or parent(spec.get(ref)) is not None:
        return
    headline = f"`{stage.address}` merges `{ref.address}` back, which began as no other model"
    yield finding(stage.span("merge_back"), headline, help=("name the model before it: `base = …`",))
