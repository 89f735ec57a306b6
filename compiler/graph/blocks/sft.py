"""`sft`: learn to answer."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import MODELS, TEXTS, Holds, Schema
from ..values import Pick, Ref, Timeline
from .calls import Convex, Distribution, TopK
from .trained import Trained


class Lora(Schema):
    """Train low-rank additions instead of the weights (Hu et al. 2021); merged on release."""

    rank: Annotated[int, Holds(kind="count")] = field(description="Rank of each addition.", ge=1)
    alpha: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="Scale of the addition, over the rank. Default: the rank.", gt=0
    )
    targets: Annotated[tuple[str, ...], Holds(words=("attention", "ffn"), many=True)] = field(
        ("attention", "ffn"), description="Which matrices get one."
    )


class Sft(Trained):
    """Supervised fine-tuning: the loss is on the answers only."""

    kind: ClassVar[str] = "sft"

    data: Annotated[Timeline, Holds(refers=("mix", "sample", *TEXTS), moves=True)] = field(
        description="Conversations to learn from: a corpus, a mix, or what a `sample` kept."
    )
    template: Annotated[Ref | None, Holds(refers=("template",))] = field(
        None, description="The chat template. Default: the one that the model carries."
    )
    dropout: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(0), description="Share of activations dropped.", ge=0, lt=1
    )
    lora: Annotated[Lora | None, Holds(block="lora")] = field(None, description="Default: all weights train.")
    teacher: Annotated[Ref | Pick | None, Holds(refers=MODELS)] = field(
        None, description="A model to distil from meanwhile; needs `target`."
    )
    target: Annotated[
        Convex | Distribution | TopK | None, Holds(calls=("convex", "distribution", "top_k"))
    ] = field(None, description="What is learnt of the teacher's prediction.")

    @property
    def reads(self) -> Timeline:
        return self.data
