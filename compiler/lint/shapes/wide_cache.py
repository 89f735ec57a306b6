"""SHP203 wide-cache."""

from fractions import Fraction

from ...diagnostics.diagnostic import Label
from ...graph.blocks.calls import Distribution
from ...graph.blocks.distill import Distill
from ...graph.counts import id_bytes
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec

_FLOAT, _ENOUGH = 4, 64
"""Bytes of a number, and the top entries that carry nearly all of a distribution."""


@rule("SHP203", "wide-cache")
def wide_cache(stage: Distill, spec: Spec) -> Findings:
    """A cache of whole distributions.

    ## What it finds
    A `distill` with `cache = true` and `target = distribution(…)` whose teacher is wide. The
    distribution is kept as the hidden state of which it is made, a number for every channel of the
    teacher at every token.

    ## Why it matters
    A teacher of 4 608 channels makes 18 kB of every token; the cache of a billion tokens is 18 TB.
    The top 64 entries carry nearly all of a distribution, in a fiftieth of that.

    ## Example
    ```lehr
    arch broad like small { width = 256 }
    init sage { arch = broad;  tokenizer = words }
    train wise like grown { from = sage }
    distill echo { from = newborn;  teacher = wise;  target = distribution();  cache = true
      data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    arch broad like small { width = 256 }
    init sage { arch = broad;  tokenizer = words }
    train wise like grown { from = sage }
    distill echo { from = newborn;  teacher = wise;  target = top_k(k: 64);  cache = true
      data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    course, shape = spec.course(stage), spec.shape(stage.teacher)
    if not stage.cache or stage.reads is None or not isinstance(stage.target, Distribution):
        return
    if course is None or shape is None:
        return
    if shape.width * _FLOAT <= _ENOUGH * (_FLOAT + id_bytes(shape.vocab)):
        return
    size = Fraction(course.tokens * shape.width * _FLOAT)
    notes = (
        f"{digits(course.tokens)} tokens × {digits(shape.width)} channels × {_FLOAT} bytes = {_bytes(size)}",
    )
    headline = f"the cached targets of `{stage.address}` take {_bytes(size)}"
    also = (Label(stage.span("target"), "the whole distribution"),)
    help = (f"write `target = top_k(k: {_ENOUGH})`, or leave `cache` out",)
    yield finding(stage.span("cache"), headline, also=also, notes=notes, help=help)


def _bytes(size: Fraction) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{float(size):.3g} {unit}"
        size /= 1000
    return f"{float(size):.3g} PB"
