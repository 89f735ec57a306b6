"""`arch`: the shape of a model."""

from fractions import Fraction
from typing import Annotated, ClassVar

from pydantic import Field

from ..schema import Block, Holds


class Arch(Block):
    """A decoder-only transformer: RMSNorm, rotary positions, grouped-query attention, SwiGLU."""

    kind: ClassVar[str] = "arch"

    layers: Annotated[int, Holds(kind="count")] = Field(description="Decoder layers.", ge=1)
    width: Annotated[int, Holds(kind="count")] = Field(description="Size of the residual stream.", ge=1)
    heads: Annotated[int, Holds(kind="count")] = Field(description="Query heads.", ge=1)
    kv_heads: Annotated[int | None, Holds(kind="count")] = Field(
        None, description="Key and value heads. Default: as many as `heads`.", ge=1
    )
    head_dim: Annotated[int | None, Holds(kind="count")] = Field(
        None, description="Size of one head. Default: `width / heads`.", ge=2
    )
    ffn: Annotated[int, Holds(kind="count")] = Field(description="Width of the gated feed-forward.", ge=1)
    vocab: Annotated[int, Holds(kind="count")] = Field(description="Rows of the embedding.", ge=1)
    rope: Annotated[Fraction, Holds(kind="rate")] = Field(
        Fraction(10_000), description="Base of the rotary position embedding."
    )
    tied: Annotated[bool, Holds(truth=True)] = Field(False, description="One tensor embeds and unembeds.")
    norm_eps: Annotated[Fraction, Holds(kind="rate")] = Field(
        Fraction(1, 100_000), description="Added to the mean square in RMSNorm."
    )
