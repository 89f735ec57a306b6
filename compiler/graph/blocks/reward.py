"""`reward`: a model that says which answer people would rather have."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import Holds
from ..values import Ref, Timeline
from .calls import SingleSided
from .trained import Trained


class Reward(Trained):
    """Train a judge on preferences (Bradley & Terry 1952)."""

    kind: ClassVar[str] = "reward"

    data: Annotated[Timeline, Holds(refers=("preferences", "label", "sample"), moves=True)] = field(
        description="Preferences, or a part of them: `human.until(round)`."
    )
    loss: Annotated[str, Holds(words=("bradley_terry", "soft_label"))] = field(
        "bradley_terry",
        description="`soft_label` learns the probability that each preference level stands for.",
    )
    margin: Annotated[bool, Holds(truth=True)] = field(
        False, description="Ask for a larger gap where the preference is stronger."
    )
    levels: Annotated[tuple[Fraction, ...], Holds(kind="ratio", many=True)] = field(
        (Fraction(95, 100), Fraction(85, 100), Fraction(75, 100), Fraction(65, 100)),
        description="Probability of each preference level, strongest first (`soft_label`).",
    )
    grading: Annotated[SingleSided | None, Holds(calls=("single_sided",))] = field(
        None, description="Heads that also grade each answer by itself. Default: none."
    )
    template: Annotated[Ref | None, Holds(refers=("template",))] = field(
        None, description="The chat template. Default: the one that the model carries."
    )

    @property
    def reads(self) -> Timeline:
        return self.data
