"""DAT209 sequential-sources."""

from itertools import pairwise

from ...graph.blocks.mix import Mix
from ...graph.blocks.trained import Trained
from ...graph.values import Portion, Ref
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("DAT209", "sequential-sources")
def sequential_sources(stage: Trained, spec: Spec) -> Findings:
    """One source after another, with nothing in common.

    ## What it finds
    A stage whose `data` jumps from one corpus or mix to another that shares no corpus with it.

    ## Why it matters
    The loss spikes at the seam and what was read first is partly forgotten; reading sources in
    sequence instead of mixing them is behind such spikes (torchtitan #128).

    ## Example
    ```lehr
    train more { from = grown;  data = web -> code at 50%;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    mix later { web = 20%;  code = 80% }
    train more { from = grown;  data = diet -> later at 50%;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    if stage.reads is None:
        return
    for (before, _), (after, span) in pairwise(stage.reads.values):
        first, second = _corpora(before, spec), _corpora(after, spec)
        if first and second and not first & second:
            headline = f"`{stage.address}` turns from one source to another with nothing in common"
            help = ("let both be in both: two mixes with different shares",)
            yield finding(span, headline, help=help)


def _corpora(data: object, spec: Spec, trail: tuple[str, ...] = ()) -> frozenset[str]:
    """Addresses of the corpora in a source."""
    ref = data.of if isinstance(data, Portion) else data
    if not isinstance(ref, Ref) or ref.address in trail:
        return frozenset()
    mix = spec.get(ref, Mix)
    if mix is None:
        return frozenset({ref.address})
    inner = (_corpora(Ref(name, ""), spec, (*trail, ref.address)) for name in mix.shares)
    return frozenset(address for one in inner for address in one)
