"""The shape of a decoder, with every default filled in."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Frozen


class RopeScaling(Frozen):
    """How rotary positions are stretched past the context they were trained for."""

    method: Literal["linear", "yarn", "llama3"]
    factor: float
    original: int = Field(description="context before the stretch")
    low: float | None
    high: float | None


class Experts(Frozen):
    """A mixture of experts in place of the feed-forward."""

    count: int = Field(description="routed experts")
    active: int = Field(description="routed experts that a token meets")
    ffn: int = Field(description="width of one routed expert")
    shared_ffn: int = Field(description="width of the fused shared expert, 0 where there is none")
    renormalise: bool = Field(description="whether the weights of the active experts are made to sum to 1")
    balance: float = Field(description="weight of the load-balancing loss")
    every: int = Field(description="every how many layers one has experts")


class Arch(Frozen):
    """A decoder: RMSNorm, rotary positions, grouped-query attention, gated feed-forward."""

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_dim: int
    ffn: int
    vocab: int = Field(description="rows of the embedding")
    rope: float
    tied: bool = Field(description="input and output embeddings are one tensor")
    norm_eps: float
    rope_scaling: RopeScaling | None = None
    activation: Literal["silu", "gelu_tanh"] = "silu"
    qkv_bias: bool = False
    qk_norm: Literal["none", "head", "width"] = "none"
    norms: Literal["pre", "pre_post"] = "pre"
    norm_offset: bool = Field(default=False, description="a norm's weight is kept as w and used as 1 + w")
    embed_scale: bool = Field(
        default=False, description="embeddings are multiplied by the square root of the width"
    )
    query_scale: float | None = Field(
        default=None, description="factor of the scores; None is 1 / sqrt(head_dim)"
    )
    window: tuple[int | Literal["full"], ...] = Field(
        default=("full",), description="reach of attention, repeated over the layers"
    )
    attention_cap: float | None = Field(default=None, description="soft cap of the scores")
    final_cap: float | None = Field(default=None, description="soft cap of the logits")
    experts: Experts | None = None
