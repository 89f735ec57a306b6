"""PST206 same-model-twice."""

from ...graph.blocks.eval import Eval
from ...graph.blocks.merge import Merge
from ...graph.blocks.sample import Sample
from ...graph.schema import Block
from ...graph.values import Ref
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST206", "same-model-twice")
def same_model_twice(block: Block, spec: Spec) -> Findings:
    """One model that stands for two.

    ## What it finds
    A model that is named twice in the `of` of a `merge` or an `eval`, or in the `from` of a `sample`.

    ## Why it matters
    The average is of fewer models than it seems, the committee has a double vote: a name was to be
    another one. A weight says plainly what a repetition hides.

    ## Example
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    merge blend { of = [grown, more, more] }
    ```

    ## Instead
    ```lehr
    train more { from = grown;  data = diet;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
    merge blend { of = [grown, more];  weights = [30%, 70%] }
    ```
    """
    match block:
        case Merge(of=models) | Eval(of=models):
            field = "of"
        case Sample(origin=models):
            field = "from"
        case _:
            return
    named = [one.address for one in models if isinstance(one, Ref)]
    for address in dict.fromkeys(named):
        if named.count(address) > 1:
            headline = f"`{block.address}` names one model {named.count(address)} times"
            yield finding(block.span(field), headline, f"`{address}`")
