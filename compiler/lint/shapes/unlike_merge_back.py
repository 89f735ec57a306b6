"""SHP115 unlike-merge-back."""

from ...graph.blocks.trained import Trained
from ...graph.lineage import ref_of
from ..rule import Findings, finding, rule
from ..spec import Spec
from ..unlike import unlike


@rule("SHP115", "unlike-merge-back")
def unlike_merge_back(stage: Trained, spec: Spec) -> Findings:
    """A difference that does not fit the model that it is merged into.

    ## What it finds
    A `merge_back` whose `with` or `base` is a model of another shape than the stage's own.

    ## Why it matters
    Every step of the optimizer is merged with the difference of these two models, number by number.
    Where shapes differ there is no such number, and the run ends before its first step.

    ## Example
    ```lehr
    arch deep like small { layers = 4 }
    init other { arch = deep;  tokenizer = words }
    train second { from = other;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      merge_back { with = second;  rate = 1e-7 }
    }
    ```

    ## Instead
    ```lehr
    train second { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    train more {
      from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3
      merge_back { with = second;  rate = 1e-7 }
    }
    ```
    """
    back, own = stage.merge_back, spec.shape(stage.origin)
    for other in (back.reference, back.base) if back else ():
        theirs, ref = spec.shape(other), ref_of(other) if other else None
        if own is None or theirs is None or ref is None:
            continue
        different = unlike(own, theirs)
        if different:
            headline = (
                f"`{stage.address}` merges `{ref.address}` back, which has another shape than its model"
            )
            yield finding(stage.span("merge_back"), headline, notes=different)
            return
