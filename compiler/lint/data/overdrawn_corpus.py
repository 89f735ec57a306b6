"""DAT203 overdrawn-corpus."""

from fractions import Fraction

from ...diagnostics.diagnostic import Label
from ...graph.blocks.distill import Distill
from ...graph.blocks.trained import Trained
from ...graph.lineage import parent
from ...units import TOKENS, Quantity, show
from ..ledger import ROUNDED, is_pretraining
from ..rule import Findings, finding, rule
from ..spec import Spec


@rule("DAT203", "overdrawn-corpus")
def overdrawn_corpus(stage: Trained, spec: Spec) -> Findings:
    """A corpus that a model reads more than four times.

    ## What it finds
    A corpus of known size of which the stages of one model's lineage, together, draw more than
    `data.max-passes` (4) times what is in it; and stages on examples that ask for more epochs.

    ## Why it matters
    Up to four passes over the same text are worth nearly as much as fresh text; beyond that each
    pass adds less, and after sixteen nothing (Muennighoff et al. 2023, "Scaling Data-Constrained
    Language Models", section 6). A share that looked small is often what overdraws a small corpus.

    ## Example
    ```lehr
    corpus gold { tokens = 2M }
    train more { from = grown;  data = gold;  tokens = 10M;  batch = 4Ki;  lr = 1e-3 }
    ```

    ## Instead
    ```lehr
    corpus gold { tokens = 5M }
    train more { from = grown;  data = gold;  tokens = 10M;  batch = 4Ki;  lr = 1e-3 }
    ```
    """
    most = Fraction(str(spec.limits.data.max_passes))
    if not is_pretraining(stage):
        if stage.epochs is not None and stage.epochs > most:
            headline = f"`{stage.address}` reads its data {float(stage.epochs):g} times"
            yield finding(stage.span("epochs"), headline, notes=(_threshold(most),))
        return
    above = parent(stage)
    before = spec.ledger.along(above.address) if above else {}
    for corpus, amount in spec.ledger.along(stage.address).items():
        size = spec.ledger.size(corpus)
        drawn = before.get(corpus, Fraction(0))
        limit = most * size * ROUNDED if size else 0
        if not size or amount <= limit or drawn > limit:
            continue
        block = spec.get(corpus)
        field = "tokens" if block and "tokens" in block.spans else ""
        also = (Label(block.span(field), f"{_tokens(size)} are here"),) if block else ()
        notes = (
            f"drawn before this stage: {_tokens(drawn)}; by this stage: {_tokens(amount - drawn)}",
            f"{_tokens(amount)} / {_tokens(size)} = {float(amount / size):.3g} passes",
            _threshold(most),
        )
        headline = f"`{stage.address}` brings `{corpus}` to {float(amount / size):.3g} passes"
        span = stage.span("data") if not isinstance(stage, Distill) or stage.reads else stage.header
        yield finding(span, headline, also=also, notes=notes)


def _tokens(amount: Fraction) -> str:
    return show(Quantity(amount, TOKENS))


def _threshold(most: Fraction) -> str:
    return f"past {float(most):g} passes repeated text is worth ever less (Muennighoff et al. 2023)"
