"""LIN301 idle-bench."""

from ...graph.blocks.bench import Bench
from ...graph.model import Graph
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("LIN301", "idle-bench")
def idle_bench(graph: Graph, spec: Spec) -> Findings:
    """A bench by which nothing is measured.

    ## What it finds
    A `bench` of the spec itself that no `eval`, gate, claim or curation names.

    ## Why it matters
    Evaluation that was set up and never runs is noticed when the model is done (axolotl #2298).

    ## Example
    ```lehr
    bench recall { suite = needle();  context = 1k }
    ```

    ## Instead
    ```lehr
    bench recall { suite = needle();  context = 1k }
    eval marks { of = [grown];  benches = [recall] }
    ```
    """
    for block in spec.own():
        name = block.address.split(".")[-1]
        named = block.address in spec.users or name in spec.in_profiles | spec.in_claims
        if isinstance(block, Bench) and not named:
            yield finding(block.header, f"nothing is measured by `{block.address}`", stage=block.address)
