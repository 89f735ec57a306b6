"""LIN206 early-judge."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.distill import Distill
from ...graph.blocks.reward import Reward
from ...graph.blocks.rl import Rl
from ...graph.blocks.sample import Sample
from ...graph.blocks.train import Train
from ...graph.lineage import Model, ref_of
from ...graph.schema import Block
from ...graph.values import Ref
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("LIN206", "early-judge")
def early_judge(block: Block, spec: Spec) -> Findings:
    """A judge made of an earlier checkpoint than the policy.

    ## What it finds
    A reward model that starts from a model which the policy it judges was pre-trained on from.

    ## Why it matters
    What lengthening and annealing taught the policy, the judge has not seen: long answers lie
    outside its context, and the last data are strange to it. The name of the stage before was left
    when another stage came in between.

    ## Example
    ```lehr
    train longer { from = grown;  data = diet;  tokens = 1M;  context = 2k;  batch = 16Ki;  lr = 1e-3 }
    preferences human { examples = 8k }
    prompts asks { examples = 10k }
    reward judge { from = grown;  data = human;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    sample drafts { from = longer;  prompts = asks;  per_prompt = 4;  judge = judge;  keep = best(1) }
    ```

    ## Instead
    ```lehr
    train longer { from = grown;  data = diet;  tokens = 1M;  context = 2k;  batch = 16Ki;  lr = 1e-3 }
    preferences human { examples = 8k }
    prompts asks { examples = 10k }
    reward judge { from = longer;  data = human;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    sample drafts { from = longer;  prompts = asks;  per_prompt = 4;  judge = judge;  keep = best(1) }
    ```
    """
    if not isinstance(block, Sample | Rl):
        return
    judge = spec.get(block.judge, Reward) if isinstance(block.judge, Ref) else None
    start = ref_of(judge.origin) if judge else None
    policies = block.models if isinstance(block, Sample) else (block.origin,)
    later = next((found for one in policies if start and (found := _between(one, start, spec))), None)
    if judge is None or start is None or later is None:
        return
    also = (Label(judge.span("from"), "it starts from this"), Label(later.header, "the policy went on here"))
    headline = f"`{judge.address}` starts from a model before the one that it judges in `{block.address}`"
    yield finding(block.span("judge"), headline, also=also)


def _between(policy: Model, start: Ref, spec: Spec) -> Block | None:
    """The last stage of pre-training on the way from a model to the policy; None where it is not on the way."""
    last: Block | None = None
    for one in spec.graph.derived.lineage.of(policy):
        if one.address == start.address:
            return last
        if last is None and isinstance(one, Train | Distill) and getattr(one, "reads", None):
            last = one
    return None
