"""`eval`: models measured by benches."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import MODELS, Block, Holds, Schema
from ..values import Pick, Ref


class Continuations(Schema):
    """Texts that the model goes on with, for a person to read."""

    prompts: Annotated[tuple[str, ...], Holds(text=True, many=True)] = field(
        description="How each text begins."
    )
    max_new: Annotated[int, Holds(kind="length")] = field(48, description="Tokens generated at most.", ge=1)
    temperature: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(8, 10), description="0 is greedy.", ge=0
    )


class Eval(Block):
    """Measure models, each as soon as it is there."""

    kind: ClassVar[str] = "eval"

    of: Annotated[tuple[Ref | Pick, ...], Holds(refers=(*MODELS, "reward"), many=True)] = field(
        description="The models, in order."
    )
    benches: Annotated[tuple[Ref, ...], Holds(refers=("bench",), many=True)] = field(
        description="What is measured."
    )
    continuations: Annotated[Continuations | None, Holds(block="continuations")] = field(
        None, description="Texts to be continued by the last model."
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")
