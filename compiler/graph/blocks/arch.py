"""`arch`: the shape of a model."""

from fractions import Fraction
from typing import Annotated, ClassVar

from ..field import field
from ..schema import Block, Holds, Schema


class Softcap(Schema):
    """`c · tanh(x / c)` on scores before the mask, and on logits (Gemma 2)."""

    attention: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="Cap of attention scores. Default: none.", gt=0
    )
    final: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="Cap of the logits. Default: none.", gt=0
    )


class RopeScaling(Schema):
    """How rotary positions are stretched past the context they were trained for."""

    method: Annotated[str, Holds(words=("linear", "yarn", "llama3"))] = field(
        alias="kind", description="The formula."
    )
    factor: Annotated[Fraction, Holds(kind="rate")] = field(description="By how much.", ge=1)
    original: Annotated[int, Holds(kind="context")] = field(description="Context before the stretch.", ge=1)
    low: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="`llama3`: below it all is stretched. `yarn`: rotations below which all is.", gt=0
    )
    high: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="`llama3`: above it nothing is. `yarn`: rotations above which nothing is.", gt=0
    )


class Experts(Schema):
    """A mixture of experts in place of the feed-forward."""

    count: Annotated[int, Holds(kind="count")] = field(description="Routed experts.", ge=1)
    active: Annotated[int, Holds(kind="count")] = field(
        description="Routed experts that a token meets.", ge=1
    )
    ffn: Annotated[int, Holds(kind="count")] = field(description="Width of one expert.", ge=1)
    shared: Annotated[int, Holds(kind="count")] = field(
        0, description="Experts that every token meets; fused into one behind a sigmoid gate.", ge=0
    )
    shared_ffn: Annotated[int | None, Holds(kind="count")] = field(
        None, description="Width of the fused shared expert. Default: `shared · ffn`.", ge=1
    )
    renormalise: Annotated[bool, Holds(truth=True)] = field(
        False, description="Whether the weights of the active experts are made to sum to 1."
    )
    balance: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(0), description="Weight of the load-balancing loss.", ge=0
    )
    every: Annotated[int, Holds(kind="count")] = field(
        1, description="Every how many layers one has experts; the others are dense.", ge=1
    )


class Arch(Block):
    """A decoder-only transformer: RMSNorm, rotary positions, grouped-query attention, a gated feed-forward."""

    kind: ClassVar[str] = "arch"

    layers: Annotated[int, Holds(kind="count")] = field(description="Decoder layers.", ge=1)
    width: Annotated[int, Holds(kind="count")] = field(description="Size of the residual stream.", ge=1)
    heads: Annotated[int, Holds(kind="count")] = field(description="Query heads.", ge=1)
    kv_heads: Annotated[int | None, Holds(kind="count")] = field(
        None, description="Key and value heads. Default: as many as `heads`.", ge=1
    )
    head_dim: Annotated[int | None, Holds(kind="count")] = field(
        None, description="Size of one head. Default: `width / heads`.", ge=2
    )
    ffn: Annotated[int, Holds(kind="count")] = field(
        description="Width of the gated feed-forward, per branch; with `experts`, of the dense layers.", ge=1
    )
    vocab: Annotated[int, Holds(kind="count")] = field(description="Rows of the embedding.", ge=1)
    rope: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(10_000), description="Base of the rotary position embedding.", gt=0
    )
    rope_scaling: Annotated[RopeScaling | None, Holds(block="rope_scaling")] = field(
        None, description="Default: none."
    )
    tied: Annotated[bool, Holds(truth=True)] = field(False, description="One tensor embeds and unembeds.")
    activation: Annotated[str, Holds(words=("silu", "gelu_tanh"))] = field(
        "silu", description="Of the feed-forward's gate: SwiGLU or GeGLU."
    )
    qkv_bias: Annotated[bool, Holds(truth=True)] = field(
        False, description="Biases on the projections to queries, keys and values."
    )
    qk_norm: Annotated[str, Holds(words=("none", "head", "width"))] = field(
        "none", description="RMSNorm of queries and keys: per head, or over all heads at once."
    )
    norms: Annotated[str, Holds(words=("pre", "pre_post"))] = field(
        "pre", description="Where each sub-layer is normed: before it, or before and after."
    )
    norm_eps: Annotated[Fraction, Holds(kind="rate")] = field(
        Fraction(1, 100_000), description="Added to the mean square in RMSNorm."
    )
    norm_offset: Annotated[bool, Holds(truth=True)] = field(
        False, description="The norm's weight is kept as w and used as 1 + w."
    )
    embed_scale: Annotated[bool, Holds(truth=True)] = field(
        False, description="Embeddings are multiplied by the square root of the width."
    )
    query_scale: Annotated[Fraction | None, Holds(kind="rate")] = field(
        None, description="Factor of attention scores. Default: 1 / √head_dim.", gt=0
    )
    window: Annotated[tuple[int | str, ...], Holds(kind="context", words=("full",), many=True, lone=True)] = (
        field(("full",), description="Reach of attention: `full`, or a list that repeats over the layers.")
    )
    softcap: Annotated[Softcap | None, Holds(block="softcap")] = field(None, description="Default: none.")
    experts: Annotated[Experts | None, Holds(block="experts")] = field(
        None, description="Default: dense throughout."
    )
