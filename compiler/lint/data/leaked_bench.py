"""DAT205 leaked-bench."""

from ...diagnostics.diagnostic import Label
from ...graph.model import Graph
from ..rule import Findings, finding, rule
from ..spec import Spec
from ..taint import Taint


@rule("DAT205", "leaked-bench")
def leaked_bench(graph: Graph, spec: Spec) -> Findings:
    """A model measured by questions that it was trained on.

    ## What it finds
    A bench whose questions are in a corpus that the measured model learnt from: a corpus that says
    so in `contains`, or one that reads the bench's own file. The leak is followed through mixes,
    merges, teachers, sampled answers and synthetic text; `decontaminate` against the bench ends it.

    ## Why it matters
    The score says how well the model remembers. Contamination is usually found by an audit after
    the run (marin #6742).

    ## Example
    ```lehr
    bench sums { suite = exact_match("data/sums.jsonl") }
    corpus forum { tokens = 1B;  contains = [sums] }
    train more { from = grown;  data = forum;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    eval marks { of = [more];  benches = [sums] }
    ```

    ## Instead
    ```lehr
    bench sums { suite = exact_match("data/sums.jsonl") }
    corpus forum { tokens = 1B;  contains = [sums] }
    curate clean { of = forum;  decontaminate { against = [sums] } }
    train more { from = grown;  data = clean;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    eval marks { of = [more];  benches = [sums] }
    ```
    """
    taint = Taint(graph, spec.order)
    told: set[tuple[str, str]] = set()
    for model, bench, span, stage in spec.measured:
        way = taint.of(model.address).get(bench.address)
        if way is None or (way[0], bench.address) in told:
            continue
        told.add((way[0], bench.address))
        corpus = graph.blocks[way[0]]
        field = "contains" if "contains" in corpus.spans else "source"
        also = (Label(corpus.span(field), "its questions are in here"),)
        notes = (" → ".join((*way, model.address)) if way[-1] != model.address else " → ".join(way),)
        help = (f"`decontaminate {{ against = [{bench.address}] }}`, or measure by something else",)
        headline = f"`{model.address}` learnt from the questions of `{bench.address}`"
        yield finding(span, headline, also=also, notes=notes, help=help, stage=stage or None)
