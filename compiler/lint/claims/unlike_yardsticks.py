"""CLM203 unlike-yardsticks."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.bench import Bench
from ...graph.claims import Claim, Verdict
from ...graph.model import Graph
from ...graph.values import Score, scores
from ...text import Span
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("CLM203", "unlike-yardsticks")
def unlike_yardsticks(graph: Graph, spec: Spec) -> Findings:
    """Two scores compared that were measured in two ways.

    ## What it finds
    A gate or a claim that compares the scores of two benches: other questions, other shots, another
    context.

    ## Why it matters
    A zero-shot score beside a ten-shot one tells nothing (lm-evaluation-harness #1101), and a begin
    token alone has moved ARC-easy from 0.26 to 0.85 (#2676).

    ## Example
    ```lehr
    bench near { suite = needle(depths: 5);  context = 1k }
    bench wide { suite = needle(depths: 10);  context = 1k }
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    expect more.scores.near >= grown.scores.wide
    ```

    ## Instead
    ```lehr
    bench near { suite = needle(depths: 5);  context = 1k }
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    expect more.scores.near >= grown.scores.near
    ```
    """
    for span, sides, stage in _compared(graph, spec.view.claims):
        benches = {score.bench.address for score in sides}
        if len(benches) < 2:
            continue
        also = [Label(found.header) for name in sorted(benches) if (found := spec.get(name, Bench))]
        listed = " and ".join(f"`{name}`" for name in sorted(benches))
        yield finding(span, f"scores of {listed} are compared", also=also, stage=stage)


def _compared(graph: Graph, claims: list[Claim]) -> list[tuple[Span, list[Score], str | None]]:
    """Every comparison that a run makes, with the scores in it."""
    found: list[tuple[Span, list[Score], str | None]] = [
        (gate.span, scores(gate.left, gate.right), block.address)
        for block in graph.blocks.values()
        for gate in block.gates
    ]
    asked = [one for one in claims if one.verdict is Verdict.AT_RUN_TIME]
    return found + [(one.node.claim.span, scores(*one.sides), None) for one in asked]
