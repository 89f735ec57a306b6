"""Grouped-query self-attention.

B rows, T positions, D width, H query heads, G key-value heads, K channels of a head.
"""

from __future__ import annotations

from torch import Tensor, nn

from ....compiler.plan.model import Arch
from ....kernels.attention.op import Packing, attention, decode
from .cache import Kept
from .norm import RMSNorm
from .rope import Rotation


class SelfAttention(nn.Module):
    """`layer` decides the window, which repeats over the layers."""

    def __init__(self, arch: Arch, layer: int) -> None:
        super().__init__()
        self.head_dim, self.scale, self.cap = arch.head_dim, arch.query_scale, arch.attention_cap
        reach = arch.window[layer % len(arch.window)]
        self.window = None if reach == "full" else int(reach)
        queries, keys = arch.heads * arch.head_dim, arch.kv_heads * arch.head_dim
        self.q_proj = nn.Linear(arch.width, queries, bias=arch.qkv_bias)
        self.k_proj = nn.Linear(arch.width, keys, bias=arch.qkv_bias)
        self.v_proj = nn.Linear(arch.width, keys, bias=arch.qkv_bias)
        self.o_proj = nn.Linear(queries, arch.width, bias=False)
        self.q_norm = self.k_norm = None
        self.per_head = arch.qk_norm == "head"
        if arch.qk_norm != "none":
            sizes = (arch.head_dim, arch.head_dim) if self.per_head else (queries, keys)
            self.q_norm, self.k_norm = (
                RMSNorm(size, arch.norm_eps, offset=arch.norm_offset) for size in sizes
            )

    def forward(
        self, x_BTD: Tensor, rotation: Rotation, packing: Packing | None, cache: Kept | None
    ) -> Tensor:
        """With a packing, every position at once; without one, a single position after those in `cache`."""
        bias = None
        q_BHTK = rotation.turn(self._heads(self.q_proj(x_BTD), self.q_norm))
        k_BGTK = rotation.turn(self._heads(self.k_proj(x_BTD), self.k_norm))
        v_BGTK = self._heads(self.v_proj(x_BTD), None)
        if cache is not None:
            k_BGTK, v_BGTK, bias = cache.grow(k_BGTK, v_BGTK, self.window)
        if packing:
            o_BHTK = attention(
                q_BHTK, k_BGTK, v_BGTK, packing, scale=self.scale, window=self.window, cap=self.cap
            )
        else:
            o_BHTK = decode(q_BHTK, k_BGTK, v_BGTK, scale=self.scale, cap=self.cap, bias=bias)
        return self.o_proj(o_BHTK.transpose(1, 2).flatten(2))

    def _heads(self, projected_BTX: Tensor, norm: RMSNorm | None) -> Tensor:
        """Split into heads, normed each by itself or all as one."""
        if norm and not self.per_head:
            projected_BTX = norm(projected_BTX)
        heads_BTHK = projected_BTX.unflatten(-1, (-1, self.head_dim))
        if norm and self.per_head:
            heads_BTHK = norm(heads_BTHK)
        return heads_BTHK.transpose(1, 2)
