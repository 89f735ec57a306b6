"""SHP201 odd-width."""

from ...graph.blocks.arch import Arch
from ...graph.counts import head_dim
from ...graph.schema import Schema
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec, holds_together

_WIDTH, _HEAD = 64, 8
_SMALL = 256
"""Width below which a model is a toy, and its tiles cost nothing."""


@rule("SHP201", "odd-width")
def odd_width(arch: Arch, spec: Spec) -> Findings:
    """Matrices of sizes that no tile fits.

    ## What it finds
    In a model of width 256 or more, a `width` or `ffn` that is not a multiple of 64, or a head size
    that is not one of 8.

    ## Why it matters
    Matrix units work on tiles of 64 or 128 and alignments of 16 bytes. The odd part costs a whole
    tile in every multiplication of every step.

    ## Example
    ```lehr
    arch odd like small { width = 256;  ffn = 1000 }
    init other { arch = odd;  tokenizer = words }
    ```

    ## Instead
    ```lehr
    arch even like small { width = 256;  ffn = 1024 }
    init other { arch = even;  tokenizer = words }
    ```
    """
    if arch.width < _SMALL or not holds_together(arch):
        return
    sizes: list[tuple[Schema, str, int, int]] = [
        (arch, "width", arch.width, _WIDTH),
        (arch, "ffn", arch.ffn, _WIDTH),
        (arch, "head_dim" if arch.head_dim else "heads", head_dim(arch), _HEAD),
    ]
    if arch.experts:
        sizes.append((arch.experts, "ffn", arch.experts.ffn, _WIDTH))
    for block, field, size, unit in sizes:
        if size % unit:
            what = "a head" if field in ("head_dim", "heads") else f"`{field}`"
            near = (
                f"{digits(size // unit * unit)} or {digits(-(-size // unit) * unit)}"
                if size > unit
                else str(unit)
            )
            headline = f"{what} of `{arch.address}` has {digits(size)} channels, no multiple of {unit}"
            yield finding(block.span(field), headline, help=(f"{near} would be",))
