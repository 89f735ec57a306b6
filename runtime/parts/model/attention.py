"""Grouped-query self-attention.

B rows, T positions, D width, H query heads, G key-value heads, K channels of a head.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ....compiler.plan.model import Arch
from ....kernels.attention.op import Packing, attention, decode
from .rope import Rotation


@dataclass
class Cache:
    """Keys and values of a layer's positions so far; generation appends to it."""

    k_BGTK: Tensor | None = None
    v_BGTK: Tensor | None = None

    def grow(self, k_BGTK: Tensor, v_BGTK: Tensor) -> tuple[Tensor, Tensor]:
        if self.k_BGTK is not None and self.v_BGTK is not None:
            k_BGTK = torch.cat((self.k_BGTK, k_BGTK), 2)
            v_BGTK = torch.cat((self.v_BGTK, v_BGTK), 2)
        self.k_BGTK, self.v_BGTK = k_BGTK, v_BGTK
        return k_BGTK, v_BGTK


class SelfAttention(nn.Module):
    def __init__(self, arch: Arch) -> None:
        super().__init__()
        self.head_dim = arch.head_dim
        self.q_proj = nn.Linear(arch.width, arch.heads * arch.head_dim, bias=False)
        self.k_proj = nn.Linear(arch.width, arch.kv_heads * arch.head_dim, bias=False)
        self.v_proj = nn.Linear(arch.width, arch.kv_heads * arch.head_dim, bias=False)
        self.o_proj = nn.Linear(arch.heads * arch.head_dim, arch.width, bias=False)

    def forward(
        self, x_BTD: Tensor, rotation: Rotation, packing: Packing | None, cache: Cache | None
    ) -> Tensor:
        """With a packing, every position at once; without one, a single position after those in `cache`."""
        q_BHTK, k_BGTK, v_BGTK = self._heads(x_BTD)
        q_BHTK, k_BGTK = rotation.turn(q_BHTK), rotation.turn(k_BGTK)
        if cache is not None:
            k_BGTK, v_BGTK = cache.grow(k_BGTK, v_BGTK)
        o_BHTK = attention(q_BHTK, k_BGTK, v_BGTK, packing) if packing else decode(q_BHTK, k_BGTK, v_BGTK)
        return self.o_proj(o_BHTK.transpose(1, 2).flatten(2))

    def _heads(self, x_BTD: Tensor) -> tuple[Tensor, ...]:
        projections = (self.q_proj, self.k_proj, self.v_proj)
        return tuple(
            project(x_BTD).unflatten(-1, (-1, self.head_dim)).transpose(1, 2) for project in projections
        )
