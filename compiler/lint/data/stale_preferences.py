"""DAT204 stale-preferences."""

from ...diagnostics.diagnostic import Label
from ...graph.blocks.dpo import Dpo
from ...graph.blocks.preferences import Preferences
from ...graph.blocks.reward import Reward
from ...graph.blocks.trained import Trained
from ...graph.values import Portion, Ref
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("DAT204", "stale-preferences")
def stale_preferences(stage: Trained, spec: Spec) -> Findings:
    """A round that learns from another round's preferences.

    ## What it finds
    Inside a `repeat`, a `reward` or `dpo` stage that reads an older batch of preferences than the
    round's own, or all batches at once, those of later rounds among them.

    ## Why it matters
    Batches were collected on the answers of the policy of their round. Old ones tell a policy about
    answers that it no longer gives; later ones do not exist yet when the round really runs (Llama 3, 4.1).

    ## Example
    ```lehr
    preferences human { examples = 8k;  batches = 4 }
    repeat post for round in 1..4 carry policy = grown {
      dpo liked {
        from = policy;  reference = policy;  data = human.latest(1);  epochs = 1;  batch = 32 sequences
        lr = 1e-6
      }
      next policy = liked
    }
    ```

    ## Instead
    ```lehr
    preferences human { examples = 8k;  batches = 4 }
    repeat post for round in 1..4 carry policy = grown {
      dpo liked {
        from = policy;  reference = policy;  data = human.latest(round);  epochs = 1
        batch = 32 sequences;  lr = 1e-6
      }
      next policy = liked
    }
    ```
    """
    turn = spec.turn(stage.address)
    if turn is None or not isinstance(stage, Dpo | Reward):
        return
    loop, number = turn
    for data, span in stage.reads.values:
        of = data.of if isinstance(data, Portion) else data
        people = spec.get(of, Preferences) if isinstance(of, Ref) else None
        if people is None or people.batches < 2:
            continue
        also = (Label(people.span("batches"), f"{people.batches} batches"),)
        if isinstance(data, Ref):
            headline = f"every round of `{loop}` reads all batches of `{people.address}`"
            help = (f"write `{people.address}.until(…)` or `.latest(…)` with the round",)
            yield finding(span, headline, "later rounds' batches too", also=also, help=help)
        elif data.how in ("latest", "until") and int(data.argument) < min(number, people.batches):
            headline = f"later rounds of `{loop}` stop at batch {data.argument} of `{people.address}`"
            notes = (f"this is round {number}",)
            help = (f"write `.{data.how}(…)` with the round",)
            yield finding(span, headline, also=also, notes=notes, help=help)
