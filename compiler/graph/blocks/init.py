"""`init`: a model that has learned nothing yet."""

from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import Block, Holds
from ..values import Ref


class Init(Block):
    """Draw a new model's weights."""

    kind: ClassVar[str] = "init"

    arch: Annotated[Ref, Holds(refers=("arch",))] = Field(description="The model's shape.")
    tokenizer: Annotated[Ref, Holds(refers=("tokenizer",))] = Field(
        description="The tokenizer that the model and all that follow from it read with."
    )
    std: Annotated[Fraction, Holds(kind="rate")] = Field(
        Fraction(2, 100), description="Standard deviation of the initial matrices.", gt=0
    )
    rng: Annotated[int | None, Holds(kind="count")] = Field(None, description="Default: the pipeline's.")
