"""DAT301 idle-corpus."""

from ...graph.model import Graph
from ..rule import Findings, finding, rule
from ..spec import Spec

_DATA = ("corpus", "mix", "prompts", "preferences")


@rule("DAT301", "idle-corpus")
def idle_corpus(graph: Graph, spec: Spec) -> Findings:
    """Data that nothing reads.

    ## What it finds
    A corpus, mix, set of prompts or of preferences of the spec itself that no block and no profile names.

    ## Why it matters
    It was meant for a mix that lost it, or it is left over.

    ## Example
    ```lehr
    corpus spare { tokens = 1B }
    ```

    ## Instead
    ```lehr
    corpus spare { tokens = 1B }
    train more { from = grown;  data = spare;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    for block in spec.own():
        name = block.address.split(".")[-1]
        if block.kind in _DATA and block.address not in spec.users and name not in spec.in_profiles:
            yield finding(block.header, f"nothing reads {block.kind} `{block.address}`", stage=block.address)
