"""`train`: next-token training on a mix."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import TEXTS, Holds
from ..values import Timeline
from .trained import Trained


class Train(Trained):
    """Train a model to predict the next token."""

    kind: ClassVar[str] = "train"

    data: Annotated[Timeline, Holds(refers=("mix", *TEXTS), moves=True)] = field(
        description="What it reads: a mix or a corpus, or one after the other."
    )
    z_loss: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(0), description="Weight of the squared log-partition in the loss (PaLM, section 5)."
    )

    packing: Annotated[str, Holds(words=("end_to_end", "best_fit"))] = field(
        "end_to_end",
        description="How documents are laid into sequences: cut where a sequence ends, or whole where they fit, "
        "with what is left of a sequence empty (Ding et al. 2024).",
    )

    @property
    def reads(self) -> Timeline:
        return self.data
