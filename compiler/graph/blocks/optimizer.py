"""`optimizer`: how gradients become steps."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds, Schema


class Settings(Schema):
    """How gradients become steps. The rate, and with it the decay of matrices, follows the stage's `lr`."""

    algorithm: Annotated[str, Holds(words=("adamw", "rmsprop"))] = field(
        "adamw",
        alias="kind",
        description="`adamw` (Loshchilov & Hutter 2019), or `rmsprop`: RMSProp with momentum, each tensor's update "
        "cut to a root mean square of 1 (AFM).",
    )
    betas: Annotated[tuple[Fraction, ...], Holds(kind="rate", many=True)] = field(
        (Fraction(9, 10), Fraction(95, 100)),
        description="Decay of the two moments: of the momentum, and of the squares.",
        least=2,
        most=2,
    )
    eps: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None,
        description="Added to the denominator; with `rmsprop` its square is added to each squared gradient. "
        "Default: 1e-8, with `rmsprop` 1e-15.",
        gt=0,
    )
    decay: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1, 10), description="Weight decay, of matrices only; it is multiplied by the learning rate."
    )
    clip: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="Largest L2 norm of the whole gradient. Default: unlimited.", gt=0
    )
    skip: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="L2 norm of the gradient from which on a step is skipped. Default: none is.", gt=0
    )
    base_width: Annotated[int | None, Holds(kind="count")] = field(
        None,
        description="Simple muP: updates of linear layers are multiplied by this over the model's width. "
        "Default: they are not.",
        ge=1,
    )


class Optimizer(Settings, Block):
    """How gradients become steps. The rate, and with it the decay of matrices, follows the stage's `lr`."""

    kind: ClassVar[str] = "optimizer"
