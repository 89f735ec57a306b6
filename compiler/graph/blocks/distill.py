"""`distill`: learn from a teacher's distribution."""

from typing import Annotated, ClassVar

from ..field import field
from ..schema import MODELS, TEXTS, Holds
from ..values import Pick, Ref, Timeline
from .calls import Convex, Distribution, OnPolicy, TopK
from .trained import Trained


class Distill(Trained):
    """Train a student on what a teacher predicts.  Both read with the same tokenizer."""

    kind: ClassVar[str] = "distill"

    teacher: Annotated[Ref | Pick, Holds(refers=MODELS)] = field(
        description="The model that is imitated; frozen."
    )
    target: Annotated[Convex | Distribution | TopK, Holds(calls=("convex", "distribution", "top_k"))] = field(
        description="What is learnt of the teacher's prediction."
    )
    data: Annotated[Timeline | OnPolicy, Holds(refers=("mix", *TEXTS), moves=True, calls=("on_policy",))] = (
        field(description="A mix, a corpus, or the student's own answers: `on_policy(prompts)`.")
    )
    cache: Annotated[bool, Holds(truth=True)] = field(
        False, description="Compute the teacher's targets once and keep them as an artifact."
    )

    @property
    def reads(self) -> Timeline | None:
        return self.data if isinstance(self.data, Timeline) else None
