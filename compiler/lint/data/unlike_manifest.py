"""DAT211 unlike-manifest."""

from collections.abc import Iterator
from typing import Any

from ...graph.blocks.bench import Bench
from ...graph.blocks.corpus import Corpus
from ...units import Quantity, digits, show
from ..metadata import read_json
from ..rule import Findings, finding, rule
from ..spec import Spec
from ..taint import questions

_NEAR = 100
"""A hundredth: figures are written rounded."""


@rule("DAT211", "unlike-manifest")
def unlike_manifest(corpus: Corpus, spec: Spec) -> Findings:
    """A corpus that holds something else than its block says.

    ## What it finds
    A `corpus` whose `manifest` counts other `tokens`, `documents` (`examples` in the block) or lengths
    (`shortest`, `longest`), by more than a hundredth; and benches that the manifest lists in `benches`,
    by name or by their file, which `contains` leaves out.

    ## Why it matters
    Budgets, passes, epochs and leaks are worked out from the block. A corpus that was filtered again,
    or counted with another tokenizer, overdraws its budget silently, and a leak that only the manifest
    knows of is found after the run (marin #6742).

    ## Example
    ```lehr
    corpus forum { tokens = 10M;  manifest = "data/forum.json" }
    train more { from = grown;  data = forum;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    corpus forum { tokens = 8M;  manifest = "data/forum.json" }
    train more { from = grown;  data = forum;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    told = read_json(spec.folder / corpus.manifest) if corpus.manifest else None
    for field, said, key in _figures(corpus) if told else ():
        counted = _count(told, key)
        if counted is None or abs(counted - said.value) * _NEAR <= counted:
            continue
        headline = f"`{corpus.address}` says {show(said)}, and its manifest {digits(counted)}"
        notes = (f"`{key}` in {corpus.manifest}",)
        help = ("write what was counted, or count again where the manifest is out of date",)
        yield finding(corpus.span(field), headline, notes=notes, help=help)
    listed = {one for one in (told or {}).get("benches") or () if isinstance(one, str)}
    known = {ref.address for ref in corpus.contains}
    for bench in spec.graph.blocks.values():
        if (
            not isinstance(bench, Bench)
            or bench.address in known
            or not listed & {bench.address, questions(bench)}
        ):
            continue
        headline = f"the manifest of `{corpus.address}` lists questions of `{bench.address}`, and `contains` does not"
        help = (f"add `{bench.address}` to `contains`",)
        yield finding(corpus.span("manifest"), headline, help=help)


def _figures(corpus: Corpus) -> Iterator[tuple[str, Quantity, str]]:
    """What the block says: the field, the amount, and the manifest's word for it."""
    if corpus.tokens is not None:
        yield "tokens", corpus.tokens, "tokens"
    if corpus.examples is not None:
        yield "examples", corpus.examples, "documents"
    if corpus.lengths is not None:
        yield "lengths", corpus.lengths.low, "shortest"
        yield "lengths", corpus.lengths.high, "longest"


def _count(told: Any, key: str) -> int | None:
    found = told.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None
