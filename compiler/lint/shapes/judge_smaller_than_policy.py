"""SHP202 judge-smaller-than-policy."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.reward import Reward
from ...graph.blocks.rl import Rl
from ...graph.blocks.sample import Sample
from ...graph.counts import params
from ...graph.schema import Block
from ...graph.values import Ref
from ...units import digits
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("SHP202", "judge-smaller-than-policy")
def judge_smaller_than_policy(block: Block, spec: Spec) -> Findings:
    """A reward model that is smaller than the model that it judges.

    ## What it finds
    An `rl` or `sample` stage whose reward model has fewer parameters than a policy that it scores.

    ## Why it matters
    A policy finds the faults of a weaker judge sooner than the judge finds those of the policy (Gao
    et al. 2023). Gemma 2 took one an order of magnitude larger.

    ## Example
    ```lehr
    arch lesser like small { layers = 1 }
    init seed { arch = lesser;  tokenizer = words }
    train little { from = seed;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
    preferences human { examples = 8k }
    reward judge { from = little;  data = human;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  per_prompt = 4;  judge = judge;  keep = best(1) }
    ```

    ## Instead
    ```lehr
    preferences human { examples = 8k }
    reward judge { from = grown;  data = human;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    prompts asks { examples = 10k }
    sample drafts { from = grown;  prompts = asks;  per_prompt = 4;  judge = judge;  keep = best(1) }
    ```
    """
    if not isinstance(block, Rl | Sample):
        return
    judge = spec.get(block.judge, Reward) if isinstance(block.judge, Ref) else None
    size = spec.shape(judge.origin) if judge else None
    policies = block.models if isinstance(block, Sample) else (block.origin,)
    shapes = [found for found in map(spec.shape, policies) if found]
    largest = max(map(params, shapes), default=0)
    if judge is None or size is None or params(size) >= largest:
        return
    notes = (f"{digits(params(size))} parameters judge {digits(largest)}",)
    also = (Label(judge.header, "the judge"),)
    headline = f"`{judge.address}` is smaller than the model that it judges in `{block.address}`"
    yield finding(block.span("judge"), headline, also=also, notes=notes)
