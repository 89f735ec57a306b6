"""DAT201 fading-corpus."""

from ...graph.blocks.mix import Mix
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("DAT201", "fading-corpus")
def fading_corpus(mix: Mix, spec: Spec) -> Findings:
    """A share that ends at nothing.

    ## What it finds
    A corpus whose share of a mix glides or jumps to 0 % and stays listed, or is 0 % from the start.

    ## Why it matters
    What the mix forgets, the model forgets; and the corpora that fade are often those that somebody
    else relies on later. If it is meant, a second mix without the corpus says so more plainly.

    ## Example
    ```lehr
    mix later { web = 40% ~> 0% by end;  code = rest }
    train more { from = grown;  data = later;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    mix later { web = 40% ~> 5% by end;  code = rest }
    train more { from = grown;  data = later;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    for name, line in mix.shares.items():
        value, span = line.values[-1]
        if getattr(value, "value", None) == 0:
            how = "fades out of" if line.moves else "has no part in"
            yield finding(span, f"`{name}` {how} mix `{mix.address}`", f"`{name}` is 0% from here on")
