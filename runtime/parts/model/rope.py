"""Rotary position embedding (Su et al. 2021), halves rotated as Hugging Face lays them out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Rotation:
    """Cosines and sines of the positions at hand: [T, K]."""

    cos_TK: Tensor
    sin_TK: Tensor

    def turn(self, x_BHTK: Tensor) -> Tensor:
        """Rotate channel i with channel i + K/2 by position * base^(-2i/K)."""
        first, second = x_BHTK.chunk(2, -1)
        return x_BHTK * self.cos_TK + torch.cat((-second, first), -1) * self.sin_TK

    def part(self, start: int, end: int) -> Rotation:
        return Rotation(self.cos_TK[start:end], self.sin_TK[start:end])


@lru_cache(maxsize=8)
def rotation(positions: int, head_dim: int, base: float) -> Rotation:
    """The rotation of positions 0 … `positions` - 1; angles in fp64, cosines and sines in fp32."""
    channels_K = torch.arange(0, head_dim, 2, dtype=torch.float64)
    angles_TK = torch.outer(torch.arange(positions, dtype=torch.float64), base ** (-channels_K / head_dim))
    both_TK = torch.cat((angles_TK, angles_TK), -1)
    return Rotation(both_TK.cos().float(), both_TK.sin().float())
