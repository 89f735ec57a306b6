"""SCH210 bench-beyond-context."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.bench import Bench
from ...graph.blocks.trained import Trained
from ...graph.model import Graph
from ...graph.values import Ref
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SCH210", "bench-beyond-context")
def bench_beyond_context(graph: Graph, spec: Spec) -> Findings:
    """A bench that is longer than what the model was trained on.

    ## What it finds
    A model that is measured, by an `eval`, a gate or a claim, at a context which no stage of its
    lineage reached.

    ## Why it matters
    It measures extrapolation, and the number is read as quality. Either the model was to be
    lengthened first, or the bench shortened.

    ## Example
    ```lehr
    bench far { suite = needle();  context = 8k }
    eval marks { of = [grown];  benches = [far] }
    ```

    ## Instead
    ```lehr
    bench far { suite = needle();  context = 1k }
    eval marks { of = [grown];  benches = [far] }
    ```
    """
    told: set[tuple[str, str]] = set()
    for model, ref, span, stage in spec.measured:
        bench, reached = spec.get(ref, Bench), _reached(model, spec)
        if bench is None or bench.context is None or reached is None or bench.context <= reached:
            continue
        if (model.address, bench.address) in told:
            continue
        told.add((model.address, bench.address))
        also = (Label(bench.span("context"), f"{digits(bench.context)} tokens"),)
        headline = f"`{bench.address}` is longer than anything that `{model.address}` has read"
        notes = (f"the longest context on its way was {digits(reached)}",)
        yield finding(span, headline, also=also, notes=notes, stage=stage or None)


def _reached(model: Ref, spec: Spec) -> int | None:
    """The longest context on a model's way; None where a loaded model, or one that was not built, does not tell."""
    way = list(spec.forebears(model))
    if any(one is None or one.kind == "load" for one in way):
        return None
    lines = [one.context for one in way if isinstance(one, Trained) and one.context]
    return max((int(value.value) for line in lines for value, _ in line.values), default=None)
