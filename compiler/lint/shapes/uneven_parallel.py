"""SHP112 uneven-parallel."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.trained import Trained
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SHP112", "uneven-parallel")
def uneven_parallel(stage: Trained, spec: Spec) -> Findings:
    """A model that its devices cannot share evenly.

    ## What it finds
    A `parallel` block whose `tp` does not divide the heads, the feed-forward or (one way or the
    other) the key-value heads, `ep` the experts, or `cp` a context; or more pipeline stages than layers.

    ## Why it matters
    Launchers find this at the first step, after the queue and the load (torchtitan #2574, #1312); one
    readme's own command splits 28 heads over 8 devices.

    ## Example
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3;  parallel { tp = 3 } }
    ```

    ## Instead
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3;  parallel { tp = 2 } }
    ```
    """
    shape, layout, course = spec.shape(stage.ref), stage.parallel, spec.course(stage)
    if shape is None or layout is None:
        return
    parts = [
        ("tp", layout.tp, shape.heads, "heads", shape.heads % layout.tp),
        ("tp", layout.tp, shape.ffn, "feed-forward channels", shape.ffn % layout.tp),
        (
            "tp",
            layout.tp,
            shape.kv_heads,
            "key-value heads",
            min(shape.kv_heads % layout.tp, layout.tp % shape.kv_heads),
        ),
        ("pp", layout.pp, shape.layers, "layers", max(0, layout.pp - shape.layers)),
    ]
    if layout.ep > 1:
        parts.append(
            ("ep", layout.ep, shape.experts, "experts", shape.experts % layout.ep if shape.experts else 1)
        )
    for context in {one.context for one in course.stretches} if course else ():
        parts.append(("cp", layout.cp, context, "tokens of context", context % layout.cp))
    told: set[str] = set()
    for field, degree, amount, what, rest in parts:
        if rest == 0 or field in told:
            continue
        told.add(field)
        headline = f"{digits(amount)} {what} of `{stage.address}` do not divide among {degree}"
        near = [one for one in range(1, min(amount, 1024) + 1) if amount % one == 0 and one <= 2 * degree][
            -6:
        ]
        help = (f"`{field}` may be {', '.join(map(str, near))}",) if near else ()
        arch = spec.graph.derived.lineage.arch(stage.ref)
        also = (Label(arch.header, "the model's shape"),) if arch else ()
        yield finding(layout.span(field), headline, also=also, help=help)
