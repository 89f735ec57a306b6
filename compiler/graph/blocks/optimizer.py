"""`optimizer`: how gradients become steps."""

from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import Block, Holds, Schema


class Settings(Schema):
    """AdamW with decoupled weight decay on matrices (Loshchilov & Hutter 2019)."""

    algorithm: Annotated[str, Holds(words=("adamw",))] = Field(
        "adamw", alias="kind", description="The algorithm."
    )
    betas: Annotated[tuple[Fraction, ...], Holds(kind="rate", many=True)] = Field(
        (Fraction(9, 10), Fraction(95, 100)),
        description="Decay of the two moments.",
        min_length=2,
        max_length=2,
    )
    eps: Annotated[Fraction, Holds(kind="rate")] = Field(
        Fraction(1, 10**8), description="Added to the denominator."
    )
    decay: Annotated[Fraction, Holds(kind="rate")] = Field(Fraction(1, 10), description="Weight decay.")
    clip: Annotated[Fraction | None, Holds(kind="rate")] = Field(
        None, description="Largest L2 norm of the whole gradient. Default: unlimited.", gt=0
    )


class Optimizer(Settings, Block):
    """AdamW with decoupled weight decay on matrices (Loshchilov & Hutter 2019)."""

    kind: ClassVar[str] = "optimizer"
