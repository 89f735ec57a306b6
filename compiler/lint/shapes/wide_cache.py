"""SHP203 wide-cache."""

from fractions import Fraction

from ...diagnostics.diagnostic import Label
from ...graph.blocks.calls import Distribution
from ...graph.blocks.distill import Distill
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec

_BYTES = 2


@rule("SHP203", "wide-cache")
def wide_cache(stage: Distill, spec: Spec) -> Findings:
    """A cache of whole distributions.

    ## What it finds
    A `distill` with `cache = true` and `target = distribution(…)`: a number for every entry of the
    vocabulary at every token.

    ## Why it matters
    At two bytes an entry, a vocabulary of 128k makes 256 kB of every token; the cache of a billion
    tokens is a quarter of a petabyte. The top entries carry nearly all of it.

    ## Example
    ```lehr
    distill echo { from = newborn;  teacher = grown;  target = distribution();  cache = true
      data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    distill echo { from = newborn;  teacher = grown;  target = top_k(k: 64);  cache = true
      data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    course, shape = spec.course(stage), spec.shape(stage.teacher)
    if not stage.cache or stage.reads is None or not isinstance(stage.target, Distribution):
        return
    if course is None or shape is None:
        return
    size = Fraction(course.tokens * shape.vocab * _BYTES)
    notes = (
        f"{digits(course.tokens)} tokens × {digits(shape.vocab)} entries × {_BYTES} bytes = {_bytes(size)}",
    )
    headline = f"the cached targets of `{stage.address}` take {_bytes(size)}"
    also = (Label(stage.span("target"), "the whole distribution"),)
    help = ("write `target = top_k(k: 64)`, or leave `cache` out",)
    yield finding(stage.span("cache"), headline, also=also, notes=notes, help=help)


def _bytes(size: Fraction) -> str:
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1000:
            return f"{float(size):.3g} {unit}"
        size /= 1000
    return f"{float(size):.3g} PB"
