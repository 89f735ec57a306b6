"""`merge`: one model out of several."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import MODELS, Block, Holds
from ..values import Pick, Ref


class Merge(Block):
    """Put models together in weight space.  All have one arch and one tokenizer."""

    kind: ClassVar[str] = "merge"

    of: Annotated[tuple[Ref | Pick, ...], Holds(refers=(*MODELS, "reward"), many=True)] = field(
        description="The models, in order.", least=1
    )
    method: Annotated[str, Holds(words=("linear", "slerp", "ema", "ties", "dare"))] = field(
        "linear", description="How weights are put together."
    )
    weights: Annotated[
        tuple[Fraction | str, ...], Holds(words=("uniform",), kind="ratio", many=True, lone=True)
    ] = field(("uniform",), description="Share of each model; they add up to 100 %.")
    base: Annotated[Ref | Pick | str | None, Holds(refers=MODELS, words=("zero",))] = field(
        None,
        description="The model that differences are taken from: `slerp`, `ties` and `dare` need it. With `zero`, "
        "`slerp` turns the weights themselves.",
    )
    density: Annotated[Fraction, Holds(kind="ratio")] = field(
        Fraction(1),
        description="Share of each difference that is kept: the largest numbers (`ties`), or any (`dare`).",
        gt=0,
        le=1,
    )
    rate: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="Weight of each next model: `ema` needs it.", gt=0, lt=1
    )
    per: Annotated[str, Holds(words=("tensor", "layer", "whole"))] = field(
        "layer",
        description="Over what an angle is measured (`slerp`). Tensors outside layers, such as embeddings, then "
        "have one each.",
    )
    rng: Annotated[int | None, Holds(kind="count")] = field(
        None, description="Seeds what `dare` drops. Default: the pipeline's."
    )
