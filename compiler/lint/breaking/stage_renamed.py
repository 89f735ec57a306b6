"""BRK301 stage-renamed."""

from ...diagnostics.diagnostic import Label
from ...graph.schema import MODELS
from ..pair import Pair
from ..rule import Findings, finding, rule
from ..spec import Spec

_STEPS = (*MODELS, "reward", "sample", "label", "synthesize", "curate", "eval")


@rule("BRK301", "stage-renamed", breaks="PLAN")
def stage_renamed(pair: Pair, spec: Spec) -> Findings:
    """A stage that does what it did under another name.

    ## What it finds
    Stages that say the same as one that is gone; references to renamed blocks count as the same.

    ## Why it matters
    Nothing runs again: an artifact's address does not depend on names. But `--select`, `--force`,
    `--set` and dashboards know the old name, and so do saved plans.

    ## Before
    ```lehr
    train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Example
    ```lehr
    train final { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    train last { from = grown;  data = web;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    for was, now in pair.names.items():
        old, new = pair.before.graph.blocks[was], spec.graph.blocks[now]
        if new.kind in _STEPS:
            also = (Label(old.header, "it was called this"),)
            yield finding(new.header, f"`{was}` is called `{now}` now", also=also, stage=now)
