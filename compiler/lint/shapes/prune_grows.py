"""SHP102 prune-grows."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.arch import Arch
from ...graph.blocks.prune import Prune
from ...graph.counts import shape
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec
from ..unlike import unlike


@rule("SHP102", "prune-grows")
def prune_grows(stage: Prune, spec: Spec) -> Findings:
    """A pruned shape that is no part of the model.

    ## What it finds
    A `prune` whose target is not the model's own shape with a smaller `ffn`: something else differs,
    or the feed-forward is as wide as before, or wider.

    ## Why it matters
    Masks choose channels among those that there are. A target of another width or depth cannot be
    cut out of the model; such shapes have been exported and failed at load (Torch-Pruning #436).

    ## Example
    ```lehr
    arch wide { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 256;  vocab = words.vocab }
    prune slim { from = grown;  to = wide;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    arch narrow like small { ffn = 128 }
    prune slim { from = grown;  to = narrow;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    target, before = spec.get(stage.to, Arch), spec.shape(stage.origin)
    if target is None or before is None:
        return
    after = shape(target)
    also = (Label(target.header, "the target"),)
    if after.ffn >= before.ffn:
        headline = f"`{stage.address}` leaves {digits(after.ffn)} channels of {digits(before.ffn)}"
        also = (Label(target.span("ffn"), "the target's"),)
        yield finding(
            stage.span("to"), headline, also=also, help=("the target's `ffn` is smaller than the model's",)
        )
    different = unlike(before, after, besides=("ffn",))
    if different:
        headline = f"`{target.address}` cannot be cut out of the model of `{stage.address}`"
        yield finding(stage.span("to"), headline, also=also, notes=different)
