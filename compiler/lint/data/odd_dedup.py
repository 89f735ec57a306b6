"""DAT210 odd-dedup."""

from ...graph.blocks.calls import Minhash
from ...graph.blocks.curate import Curate, Dedup
from ..rule import Findings, finding, rule
from ..spec import Spec

_LOW, _HIGH = 0.5, 0.95


@rule("DAT210", "odd-dedup")
def odd_dedup(curate: Curate, spec: Spec) -> Findings:
    """MinHash with bands and rows that mean another threshold than was wanted.

    ## What it finds
    A `minhash` whose threshold, (1 / bands) ^ (1 / rows), lies outside 0.5 to 0.95.

    ## Why it matters
    Two documents become one where about that share of their shingles agrees. Below a half, pages
    that merely share a template are thrown away; close to one, nothing but exact copies is found.
    FineWeb's 14 bands of 8 rows mean 0.72. The direction has been documented the wrong way round
    (Curator #2285).

    ## Example
    ```lehr
    curate clean { of = web;  dedup { by = minhash(bands: 50, rows: 2) } }
    train more { from = grown;  data = clean;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    curate clean { of = web;  dedup { by = minhash(bands: 14, rows: 8) } }
    train more { from = grown;  data = clean;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    for step in curate.steps:
        by = step.by if isinstance(step, Dedup) else None
        if not isinstance(by, Minhash):
            continue
        threshold = (1 / by.bands) ** (1 / by.rows)
        if not _LOW <= threshold <= _HIGH:
            notes = (f"(1 / {by.bands}) ^ (1 / {by.rows}) = {threshold:.2f}",)
            what = "that hardly agree" if threshold < _LOW else "only when they are copies"
            yield finding(step.span("by"), f"`{curate.address}` joins documents {what}", notes=notes)
