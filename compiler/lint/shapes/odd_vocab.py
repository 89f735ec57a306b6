"""SHP301 odd-vocab."""

from ...graph.blocks.arch import Arch
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec

_UNIT = 64


@rule("SHP301", "odd-vocab")
def odd_vocab(arch: Arch, spec: Spec) -> Findings:
    """An embedding whose rows fill no tile.

    ## What it finds
    A `vocab` of an arch that is not a multiple of 64.

    ## Why it matters
    The logits are the largest matrix product of a small model; padding its rows up is free memory
    and was worth a quarter of a step in nanoGPT. Rows beyond the tokenizer's ids are never read.

    ## Example
    ```lehr
    arch odd like small { vocab = 1030 }
    init other { arch = odd;  tokenizer = words }
    ```

    ## Instead
    ```lehr
    arch even like small { vocab = 1088 }
    init other { arch = even;  tokenizer = words }
    ```
    """
    if arch.vocab % _UNIT:
        near = -(-arch.vocab // _UNIT) * _UNIT
        headline = f"`{arch.address}` embeds {digits(arch.vocab)} ids, no multiple of {_UNIT}"
        yield finding(arch.span("vocab"), headline, help=(f"{digits(near)} would be",))
