"""`dpo`: learn from pairs without a reward model."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import MODELS, Holds
from ..values import Pick, Ref, Timeline
from .trained import Trained


class Dpo(Trained):
    """Direct preference optimisation (Rafailov et al. 2023) and its relatives."""

    kind: ClassVar[str] = "dpo"

    reference: Annotated[Ref | Pick, Holds(refers=MODELS)] = field(
        description="The frozen model that the policy is held to."
    )
    data: Annotated[Timeline, Holds(refers=("preferences", "label", "sample"), moves=True)] = field(
        description="Pairs: preferences, labels, or a `sample` that keeps `extremes`."
    )
    loss: Annotated[str, Holds(words=("dpo", "ipo", "apo_zero", "apo_down"))] = field(
        "dpo", description="The loss on the margin."
    )
    beta: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1, 10), description="Strength of the hold on the reference.", gt=0
    )
    length: Annotated[str, Holds(words=("sum", "mean"))] = field(
        "sum", description="Whether log-probabilities of an answer are added or averaged."
    )
    nll: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(0), description="Weight of the cross-entropy of the chosen answer (Llama 3, 4.1.4).", ge=0
    )
    mask: Annotated[tuple[str, ...], Holds(words=("headers", "terminators"), many=True)] = field(
        (), description="Template tokens left out of the loss."
    )
    template: Annotated[Ref | None, Holds(refers=("template",))] = field(
        None, description="The chat template. Default: the one that the model carries."
    )

    @property
    def reads(self) -> Timeline:
        return self.data
