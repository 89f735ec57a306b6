"""LIN103 unused-stage."""

from ...graph.model import Graph
from ...graph.schema import MODELS
from ..rule import Findings, finding, rule
from ..spec import Spec

_STAGES = (*MODELS, "reward", "curate", "classifier", "synthesize", "sample", "label")
_RESULTS = ("release", "eval")


@rule("LIN103", "unused-stage")
def unused_stage(graph: Graph, spec: Spec) -> Findings:
    """A stage whose result nothing reads.

    ## What it finds
    In a spec that releases or measures something, a stage from which nothing leads to a release, an
    `eval` or another stage. Where a spec has no `release` and no `eval`, the last stages are its results.

    ## Why it matters
    It costs what it costs and changes nothing. It is usually a stage whose successor still starts
    from the one before.

    ## Example
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    release best { model = grown }
    ```

    ## Instead
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    release best { model = more }
    ```
    """
    if not any(block.kind in _RESULTS for block in graph.blocks.values()):
        return
    for block in spec.own():
        name = block.address.split(".")[-1]
        if block.kind in _STAGES and block.address not in spec.users and name not in spec.in_profiles:
            help = ("release it, measure it, start a stage from it, or take it out",)
            yield finding(
                block.header, f"nothing uses what `{block.address}` makes", help=help, stage=block.address
            )
