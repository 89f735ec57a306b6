"""PST201 greedy-best-of-n."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.rl import Rl
from ...graph.blocks.sample import Sample
from ...graph.schema import Block
from ...graph.values import Interval
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST201", "greedy-best-of-n")
def greedy_best_of_n(block: Block, spec: Spec) -> Findings:
    """Several answers that are all the same.

    ## What it finds
    A `sample` with several answers per prompt, or an `rl` stage, at temperature 0.

    ## Why it matters
    Greedy decoding gives one answer, however often it is asked. Best and worst are then one text,
    and selection selects nothing.

    ## Example
    ```lehr
    prompts asks { examples = 10k }
    sample drafts {
      from = grown;  prompts = asks;  per_prompt = 8;  temperature = 0;  judge = shorter
      keep = best(1)
    }
    ```

    ## Instead
    ```lehr
    prompts asks { examples = 10k }
    sample drafts {
      from = grown;  prompts = asks;  per_prompt = 8;  temperature = 0.8;  judge = shorter
      keep = best(1)
    }
    ```
    """
    if not isinstance(block, Sample | Rl) or block.temperature != 0:
        return
    each = block.per_prompt if isinstance(block, Sample) else 2
    if isinstance(each, Interval) or each > 1:
        field = "per_prompt" if isinstance(block, Sample) else "algorithm"
        also = (Label(block.span(field), "several to each prompt"),)
        headline = f"all answers of `{block.address}` to a prompt are the same"
        yield finding(block.span("temperature"), headline, "greedy", also=also)
