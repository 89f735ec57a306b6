"""`init`: a model that has learned nothing yet."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds
from ..values import Ref


class Init(Block):
    """Draw a new model's weights."""

    kind: ClassVar[str] = "init"

    arch: Annotated[Ref, Holds(refers=("arch",))] = field(description="The model's shape.")
    tokenizer: Annotated[Ref, Holds(refers=("tokenizer",))] = field(
        description="The tokenizer that the model and all that follow from it read with."
    )
    std: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(2, 100), description="Standard deviation of the initial matrices.", gt=0
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")
