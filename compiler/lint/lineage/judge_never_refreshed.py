"""LIN202 judge-never-refreshed."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.dpo import Dpo
from ...graph.blocks.preferences import Preferences
from ...graph.blocks.reward import Reward
from ...graph.blocks.rl import Rl
from ...graph.blocks.sample import Sample
from ...graph.model import Graph
from ...graph.values import Portion, Ref
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("LIN202", "judge-never-refreshed")
def judge_never_refreshed(graph: Graph, spec: Spec) -> Findings:
    """Rounds that bring new preferences to everyone but the judge.

    ## What it finds
    A `repeat` in which stages read a batch of preferences per round, while its `sample` or `rl`
    stages are judged by a reward model from outside the loop.

    ## Why it matters
    The policy moves on, and the judge still knows the answers of the first round only; what it
    likes best is then what it understands least. Llama 3 and AFM train a new one in every round.

    ## Example
    ```lehr
    preferences human { examples = 80k;  batches = 2 }
    prompts asks { examples = 10k }
    reward judge { from = grown;  data = human;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
    repeat post for round in 1..2 carry policy = grown {
      dpo liked {
        from = policy;  reference = policy;  data = human.latest(round);  epochs = 1
        batch = 32 sequences;  lr = 1e-6
      }
      sample drafts { from = liked;  prompts = asks;  per_prompt = 4;  judge = judge;  keep = best(1) }
      sft tuned { from = liked;  data = drafts;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
      next policy = tuned
    }
    ```

    ## Instead
    ```lehr
    preferences human { examples = 80k;  batches = 2 }
    prompts asks { examples = 10k }
    repeat post for round in 1..2 carry policy = grown {
      reward judge {
        from = grown;  data = human.until(round);  epochs = 1;  batch = 32 sequences;  lr = 1e-5
      }
      dpo liked {
        from = policy;  reference = policy;  data = human.latest(round);  epochs = 1
        batch = 32 sequences;  lr = 1e-6
      }
      sample drafts { from = liked;  prompts = asks;  per_prompt = 4;  judge = judge;  keep = best(1) }
      sft tuned { from = liked;  data = drafts;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
      next policy = tuned
    }
    ```
    """
    fresh = {spec.turn(stage.address) for stage in graph.of(Dpo) if _reads_a_batch(stage, spec)}
    rounds = {turn[0] for turn in fresh if turn}
    told: set[tuple[str, str]] = set()
    for block in graph.blocks.values():
        turn = spec.turn(block.address)
        if turn is None or turn[0] not in rounds or not isinstance(block, Sample | Rl):
            continue
        judge = spec.get(block.judge, Reward) if isinstance(block.judge, Ref) else None
        if judge is None or spec.turn(judge.address) or (turn[0], judge.address) in told:
            continue
        told.add((turn[0], judge.address))
        also = (Label(judge.header, "trained once"),)
        headline = f"`{judge.address}` judges every round of `{turn[0]}` and learns from none"
        help = ("move the `reward` stage into the loop, on `.until(…)` the round",)
        yield finding(block.span("judge"), headline, also=also, help=help, stage=block.address)


def _reads_a_batch(stage: Dpo, spec: Spec) -> bool:
    for data, _ in stage.reads.values:
        people = spec.get(data.of, Preferences) if isinstance(data, Portion) else None
        if people is not None and people.batches > 1:
            return True
    return False
