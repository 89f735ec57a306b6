"""`upcycle`: a dense model becomes a mixture of experts."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import MODELS, Block, Holds
from ..values import Pick, Ref


class Upcycle(Block):
    """Copy the feed-forward into experts, shuffle its channels in each copy, draw part of each anew (Qwen 2, 2.2.2)."""

    kind: ClassVar[str] = "upcycle"

    origin: Annotated[Ref | Pick, Holds(refers=MODELS)] = field(alias="from", description="The dense model.")
    to: Annotated[Ref, Holds(refers=("arch",))] = field(description="An arch with `experts`.")
    shuffle: Annotated[tuple[str, ...], Holds(words=("ffn",), many=True)] = field(
        ("ffn",), description="What is permuted within a copy; `[]` for nothing."
    )
    redraw: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(1, 2), description="Share of each expert's channels that is drawn anew.", ge=0, le=1
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(None, description="Default: the pipeline's.")
