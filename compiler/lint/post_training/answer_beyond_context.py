"""PST204 answer-beyond-context."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.calls import OnPolicy
from ...graph.blocks.distill import Distill
from ...graph.blocks.load import Load
from ...graph.blocks.rl import Rl
from ...graph.blocks.sample import Sample
from ...graph.blocks.synthesize import Synthesize
from ...graph.lineage import Model
from ...graph.schema import Block, Schema
from ...graph.values import Pick, Ref
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST204", "answer-beyond-context")
def answer_beyond_context(block: Block, spec: Spec) -> Findings:
    """An answer that leaves no room for its question.

    ## What it finds
    A `max_new` that is as long as the context of the model that answers, or longer: of a `sample`, an
    `rl` stage, `on_policy(…)` or a `synthesize`.

    ## Why it matters
    Prompt and answer share one context. Engines refuse such a pair of limits at start, or cut the
    answer by the other limit and report that nothing was cut (verl #1873, #7823).

    ## Example
    ```lehr
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  max_new = 2k }
    ```

    ## Instead
    ```lehr
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  max_new = 512 tokens }
    ```
    """
    for holder, most, models in _answers(block):
        contexts = [found for one in models if (found := _context(block, one, spec)) is not None]
        if contexts and most >= min(contexts):
            headline = f"an answer of `{block.address}` fills the whole context"
            notes = (f"{digits(most)} tokens at most, in a context of {digits(min(contexts))}",)
            also = (Label(block.span("context"), "the context"),) if "context" in block.spans else ()
            yield finding(holder.span("max_new"), headline, also=also, notes=notes)


def _context(block: Block, model: Model, spec: Spec) -> int | None:
    """The context that prompt and answer share: the stage's own, or the model's last."""
    own = spec.context(block.ref) if isinstance(block, Rl | Distill) else spec.context(model)
    root = spec.graph.derived.lineage.root(model)
    return own if own is not None or not isinstance(root, Load) else spec.loaded(root).positions


def _answers(block: Block) -> list[tuple[Schema, int, list[Model]]]:
    match block:
        case Sample():
            return [(block, block.max_new, list(block.models))]
        case Rl():
            return [(block, block.max_new, [block.origin])]
        case Distill(data=OnPolicy() as data):
            return [(data, data.max_new, [block.origin])]
        case Synthesize(by=Ref() | Pick() as model):
            return [(block, block.max_new, [model])]
        case _:
            return []
