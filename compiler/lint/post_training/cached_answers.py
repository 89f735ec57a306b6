"""PST103 cached-answers."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.calls import OnPolicy
from ...graph.blocks.distill import Distill
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST103", "cached-answers")
def cached_answers(stage: Distill, spec: Spec) -> Findings:
    """Targets computed beforehand for answers that do not exist yet.

    ## What it finds
    A `distill` with `cache = true` whose data are the student's own answers, `on_policy(…)`.

    ## Why it matters
    The answers change with every step of the student. There is nothing that a cache could hold.

    ## Example
    ```lehr
    prompts asks { examples = 10k }
    init fresh { arch = small;  tokenizer = words;  rng = 2 }
    distill echo { from = fresh;  teacher = grown;  target = top_k(k: 8);  cache = true;  data = on_policy(asks)
      steps = 20;  context = 1k;  batch = 32 sequences;  lr = 1e-5 }
    ```

    ## Instead
    ```lehr
    prompts asks { examples = 10k }
    init fresh { arch = small;  tokenizer = words;  rng = 2 }
    distill echo { from = fresh;  teacher = grown;  target = top_k(k: 8);  data = on_policy(asks)
      steps = 20;  context = 1k;  batch = 32 sequences;  lr = 1e-5 }
    ```
    """
    if stage.cache and isinstance(stage.data, OnPolicy):
        also = (Label(stage.span("data"), "written as it goes"),)
        yield finding(stage.span("cache"), f"`{stage.address}` has no answers to cache beforehand", also=also)
