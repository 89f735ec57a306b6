"""PST102 group-of-one."""

from ...graph.blocks.calls import Grpo, Mdloo, Rloo
from ...graph.blocks.rl import Rl
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("PST102", "group-of-one")
def group_of_one(stage: Rl, spec: Spec) -> Findings:
    """A group with nobody to compare with.

    ## What it finds
    `rloo`, `mdloo` or `grpo` with a single rollout per prompt.

    ## Why it matters
    The baseline is made of the other answers. With none, every advantage is zero, and training does
    nothing at full cost (OpenRLHF #1250, trl #3199).

    ## Example
    ```lehr
    prompts asks { examples = 10k }
    rl online { from = grown;  reference = grown;  judge = shorter;  prompts = asks;  algorithm = rloo(rollouts: 1)
      steps = 20;  batch = 32 sequences;  lr = 1e-6 }
    ```

    ## Instead
    ```lehr
    prompts asks { examples = 10k }
    rl online { from = grown;  reference = grown;  judge = shorter;  prompts = asks;  algorithm = rloo(rollouts: 4)
      steps = 20;  batch = 32 sequences;  lr = 1e-6 }
    ```
    """
    algorithm = stage.algorithm
    if isinstance(algorithm, Rloo | Mdloo | Grpo) and algorithm.rollouts < 2:
        headline = f"every advantage of `{stage.address}` is zero: its groups have one answer"
        yield finding(algorithm.span("rollouts"), headline, help=("draw two or more: `rollouts: 4`",))
