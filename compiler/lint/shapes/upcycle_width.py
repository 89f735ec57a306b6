"""SHP106 upcycle-width."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.arch import Arch
from ...graph.blocks.upcycle import Upcycle
from ...graph.counts import shape
from ..rule import Findings, finding, rule
from ..spec import Spec
from ..unlike import unlike

_OWN = ("ffn", "vocab", "experts", "active", "expert_ffn", "shared_ffn", "every")
"""What upcycling may change; rows of the embedding are cut or drawn anew."""


@rule("SHP106", "upcycle-width")
def upcycle_width(block: Upcycle, spec: Spec) -> Findings:
    """A mixture of experts that the dense model cannot become.

    ## What it finds
    An `upcycle` whose target has no experts, or differs from the dense model in more than its
    feed-forward, or in the feed-forward of layers that stay dense (`every`).

    ## Why it matters
    Only the feed-forward is copied into experts; attention, norms and embeddings are taken over as
    they are, and have to fit.

    ## Example
    ```lehr
    arch mixture like small { width = 128;  experts { count = 4;  active = 2;  ffn = 64 } }
    upcycle sparse { from = grown;  to = mixture }
    ```

    ## Instead
    ```lehr
    arch mixture like small { experts { count = 4;  active = 2;  ffn = 64 } }
    upcycle sparse { from = grown;  to = mixture }
    ```
    """
    target, dense = spec.get(block.to, Arch), spec.shape(block.origin)
    if target is None or dense is None:
        return
    also = (Label(target.header, "the target"),)
    if target.experts is None:
        headline = f"`{target.address}` has no experts to make"
        yield finding(block.span("to"), headline, also=also, help=("give it `experts { … }`",))
        return
    stays = target.experts.every > 1
    different = unlike(dense, shape(target), besides=_OWN[1:] if stays else _OWN)
    if different:
        headline = f"`{block.address}` cannot become `{target.address}`"
        yield finding(block.span("to"), headline, also=also, notes=different)
