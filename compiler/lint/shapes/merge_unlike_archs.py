"""SHP104 merge-unlike-archs."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.merge import Merge
from ...graph.lineage import ref_of
from ...graph.values import Pick, Ref
from ..rule import Findings, finding, rule
from ..spec import Spec
from ..unlike import unlike


@rule("SHP104", "merge-unlike-archs")
def merge_unlike_archs(merge: Merge, spec: Spec) -> Findings:
    """A merge of models that are not of one shape.

    ## What it finds
    A `merge` whose models, or whose `base`, differ in layers, widths, heads, experts or rows.

    ## Why it matters
    Weights are averaged tensor by tensor. Where shapes differ there is nothing to average; where a
    tool pads or cuts, the output is unreadable (mergekit #47, #169).

    ## Example
    ```lehr
    arch deep like small { layers = 4 }
    init other { arch = deep;  tokenizer = words }
    train second { from = other;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    merge blend { of = [grown, second] }
    ```

    ## Instead
    ```lehr
    init other { arch = small;  tokenizer = words }
    train second { from = other;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    merge blend { of = [grown, second] }
    ```
    """
    first, *others = merge.of
    shape, name = spec.shape(first), ref_of(first)
    partners = [(one, "of") for one in others] + (
        [(merge.base, "base")] if isinstance(merge.base, Ref | Pick) else []
    )
    for other, field in partners:
        theirs, second = spec.shape(other), ref_of(other)
        if shape is None or theirs is None or name is None or second is None:
            continue
        different = unlike(shape, theirs)
        if different:
            arch = spec.graph.derived.lineage.arch(other)
            also = (Label(arch.header, f"the shape of `{second.address}`"),) if arch else ()
            headline = (
                f"`{merge.address}` merges `{name.address}` with `{second.address}`, which has another shape"
            )
            yield finding(merge.span(field), headline, also=also, notes=different)
            return
