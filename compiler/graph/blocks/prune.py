"""`prune`: learn which parts of a model to keep, and cut out the rest."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import TEXTS, Holds
from ..values import Ref, Timeline
from .trained import Trained


class Prune(Trained):
    """Train masks until they are hard, then export the smaller model."""

    kind: ClassVar[str] = "prune"

    to: Annotated[Ref, Holds(refers=("arch",))] = field(description="The shape that is left.")
    method: Annotated[str, Holds(words=("soft_top_k",))] = field(
        "soft_top_k", description="How masks are learnt."
    )
    axes: Annotated[tuple[str, ...], Holds(words=("ffn",), many=True)] = field(
        ("ffn",), description="What is cut: `ffn` channels, as many in every layer."
    )
    data: Annotated[Timeline, Holds(refers=("mix", *TEXTS), moves=True)] = field(description="What it reads.")

    @property
    def reads(self) -> Timeline:
        return self.data
